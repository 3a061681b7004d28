"""Amazon S3: buckets and objects, as far as templates need them. Each bucket answers in its own region."""

from __future__ import annotations

import base64
import hashlib
import re

from fsdcf.sandbox.state import Document, SandboxState, ServiceError

BUCKET = "s3.bucket"
OBJECT = "s3.object"
PAGE = 1000


def add_bucket(state: SandboxState, name: str, region: str = "") -> None:
    """Create a bucket if it does not exist, by default in the sandbox's region."""
    if state.store.get(BUCKET, name) is None:
        state.store.put(BUCKET, name, {"region": region or state.region, "at": state.clock.now()})


def _any_bucket(state: SandboxState, name: str) -> Document:
    return state.existing(BUCKET, name, ServiceError("NoSuchBucket", "The specified bucket does not exist", 404))


def _bucket(state: SandboxState, name: str) -> Document:
    """Return a bucket of the region that the call was signed for.

    Raises ServiceError, for another region a redirection.
    """
    body = _any_bucket(state, name)
    if state.request_region not in ("", body["region"]):
        message = (
            "The bucket you are attempting to access must be addressed using the specified endpoint. "
            "Please send all future requests to this endpoint."
        )
        raise ServiceError("PermanentRedirect", message, 301, {"x-amz-bucket-region": body["region"]})
    return body


def _object(state: SandboxState, bucket: str, key: str) -> Document:
    missing = ServiceError("NoSuchKey", "The specified key does not exist.", 404)
    return state.existing(OBJECT, f"{bucket}/{key}", missing)


def create_bucket(state: SandboxState, params: Document) -> Document:
    """CreateBucket in the region of the call, which LocationConstraint must name unless it is us-east-1."""
    name, region = params["Bucket"], state.request_region or state.region
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.")
    constraint = params.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    if (constraint or "us-east-1") != region:
        problem = "is incompatible for the region specific endpoint this request was sent to."
        message = f"The {constraint or 'unspecified'} location constraint {problem}"
        raise ServiceError("IllegalLocationConstraintException", message)
    if state.store.get(BUCKET, name) is not None:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise ServiceError("BucketAlreadyOwnedByYou", message, 409)
    add_bucket(state, name, region)
    return {"Location": f"/{name}"}


def head_bucket(state: SandboxState, params: Document) -> Document:
    """HeadBucket."""
    return {"BucketRegion": _bucket(state, params["Bucket"])["region"]}


def get_bucket_location(state: SandboxState, params: Document) -> Document:
    """GetBucketLocation, which answers in every region and returns nothing for us-east-1."""
    region = _any_bucket(state, params["Bucket"])["region"]
    return {"LocationConstraint": None if region == "us-east-1" else region}


def put_object(state: SandboxState, params: Document) -> Document:
    """PutObject."""
    _bucket(state, params["Bucket"])
    content: bytes = params.get("Body", b"")
    body = {
        "content": base64.b64encode(content).decode(),
        "etag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"',
        "size": len(content),
        "type": params.get("ContentType", "binary/octet-stream"),
        "metadata": params.get("Metadata", {}),
        "at": state.clock.now(),
    }
    state.store.put(OBJECT, f"{params['Bucket']}/{params['Key']}", body)
    return {"ETag": body["etag"]}


def head_object(state: SandboxState, params: Document) -> Document:
    """HeadObject."""
    _bucket(state, params["Bucket"])
    body = _object(state, params["Bucket"], params["Key"])
    return {
        "ContentLength": body["size"],
        "ContentType": body["type"],
        "ETag": body["etag"],
        "LastModified": body["at"],
        "Metadata": body["metadata"],
    }


def get_object(state: SandboxState, params: Document) -> Document:
    """GetObject, without ranges."""
    head = head_object(state, params)
    return {**head, "Body": base64.b64decode(_object(state, params["Bucket"], params["Key"])["content"])}


def delete_object(state: SandboxState, params: Document) -> Document:
    """DeleteObject, which also succeeds if the object does not exist."""
    _bucket(state, params["Bucket"])
    state.store.remove(OBJECT, f"{params['Bucket']}/{params['Key']}")
    return {}


def list_objects(state: SandboxState, params: Document) -> Document:
    """ListObjectsV2, by prefix."""
    bucket, prefix = params["Bucket"], params.get("Prefix", "")
    _bucket(state, bucket)
    start = params.get("ContinuationToken") or params.get("StartAfter", "")
    size = min(params.get("MaxKeys", PAGE), PAGE)
    objects = [(key.removeprefix(f"{bucket}/"), body) for key, body in state.store.every(OBJECT, f"{bucket}/{prefix}")]
    rest = [
        {"Key": key, "Size": body["size"], "ETag": body["etag"], "LastModified": body["at"]}
        for key, body in objects
        if key > start
    ]
    more = len(rest) > size
    return {
        "Name": bucket,
        "Prefix": prefix,
        "MaxKeys": size,
        "KeyCount": len(rest[:size]),
        "IsTruncated": more,
        "NextContinuationToken": rest[size - 1]["Key"] if more else None,
        "Contents": rest[:size],
    }


OPERATIONS = {
    "CreateBucket": create_bucket,
    "DeleteObject": delete_object,
    "GetBucketLocation": get_bucket_location,
    "GetObject": get_object,
    "HeadBucket": head_bucket,
    "HeadObject": head_object,
    "ListObjectsV2": list_objects,
    "PutObject": put_object,
}
