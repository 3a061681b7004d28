"""Buckets and objects, as far as templates need them: each bucket answers in its own region."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from fsdcf.sandbox.state import SandboxState, ServiceError

BUCKET = "s3.bucket"
OBJECT = "s3.object"
PAGE = 1000

Document = dict[str, Any]


def read(state: SandboxState, bucket: str, key: str) -> bytes:
    """The content of an object, wherever the bucket is. Refusal if there is no such bucket or object."""
    if state.store.get(BUCKET, bucket) is None:
        raise _no_bucket()
    return _content(_demand_object(state, bucket, key))


def add_bucket(state: SandboxState, name: str, region: str = "") -> None:
    """Makes a bucket, in the world's region unless told otherwise; nothing happens if there is one."""
    if state.store.get(BUCKET, name) is None:
        state.store.put(BUCKET, name, {"region": region or state.region, "at": state.clock.now()})


def _no_bucket() -> ServiceError:
    return ServiceError("NoSuchBucket", "The specified bucket does not exist", 404)


def _demand(state: SandboxState, name: str) -> Document:
    """A bucket that answers in the region that the call was signed for. Refusal with the right region otherwise."""
    body = state.store.get(BUCKET, name)
    if body is None:
        raise _no_bucket()
    region = body["region"]
    if state.request_region and state.request_region != region:
        words = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."
        raise ServiceError("PermanentRedirect", words, 301, {"x-amz-bucket-region": region})
    return body


def _demand_object(state: SandboxState, bucket: str, key: str) -> Document:
    body = state.store.get(OBJECT, f"{bucket}/{key}")
    if body is None:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", 404)
    return body


def _content(body: Document) -> bytes:
    return base64.b64decode(body["content"])


def create_bucket(state: SandboxState, params: Document) -> Document:
    """CreateBucket: in the region that the call went to, which the configuration must name unless it is us-east-1."""
    name, here = params["Bucket"], state.request_region or state.region
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.")
    wanted = params.get("CreateBucketConfiguration", {}).get("LocationConstraint") or "us-east-1"
    if wanted != here:
        told = "unspecified" if wanted == "us-east-1" else wanted
        words = (
            f"The {told} location constraint is incompatible for the region specific endpoint this request was sent to."
        )
        raise ServiceError("IllegalLocationConstraintException", words)
    if state.store.get(BUCKET, name) is not None:
        words = "Your previous request to create the named bucket succeeded and you already own it."
        raise ServiceError("BucketAlreadyOwnedByYou", words, 409)
    add_bucket(state, name, here)
    return {"Location": f"/{name}"}


def head_bucket(state: SandboxState, params: Document) -> Document:
    """HeadBucket."""
    return {"BucketRegion": _demand(state, params["Bucket"])["region"]}


def get_bucket_location(state: SandboxState, params: Document) -> Document:
    """GetBucketLocation: answered in every region; us-east-1 is told as nothing."""
    body = state.store.get(BUCKET, params["Bucket"])
    if body is None:
        raise _no_bucket()
    return {"LocationConstraint": None if body["region"] == "us-east-1" else body["region"]}


def put_object(state: SandboxState, params: Document) -> Document:
    """PutObject."""
    _demand(state, params["Bucket"])
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


def get_object(state: SandboxState, params: Document) -> Document:
    """GetObject, whole."""
    _demand(state, params["Bucket"])
    body = _demand_object(state, params["Bucket"], params["Key"])
    return {**_head(body), "Body": _content(body)}


def head_object(state: SandboxState, params: Document) -> Document:
    """HeadObject."""
    _demand(state, params["Bucket"])
    return _head(_demand_object(state, params["Bucket"], params["Key"]))


def _head(body: Document) -> Document:
    return {
        "ContentLength": body["size"],
        "ContentType": body["type"],
        "ETag": body["etag"],
        "LastModified": body["at"],
        "Metadata": body["metadata"],
    }


def delete_object(state: SandboxState, params: Document) -> Document:
    """DeleteObject: also of one that is not there."""
    _demand(state, params["Bucket"])
    state.store.remove(OBJECT, f"{params['Bucket']}/{params['Key']}")
    return {}


def list_objects(state: SandboxState, params: Document) -> Document:
    """ListObjectsV2, by prefix."""
    bucket, prefix = params["Bucket"], params.get("Prefix", "")
    _demand(state, bucket)
    start, size = (
        params.get("ContinuationToken") or params.get("StartAfter", ""),
        min(params.get("MaxKeys", PAGE), PAGE),
    )
    found = [(key.removeprefix(f"{bucket}/"), body) for key, body in state.store.every(OBJECT, f"{bucket}/{prefix}")]
    left = [(key, body) for key, body in found if key > start]
    page = left[:size]
    return {
        "Name": bucket,
        "Prefix": prefix,
        "MaxKeys": size,
        "KeyCount": len(page),
        "IsTruncated": len(left) > size,
        "NextContinuationToken": page[-1][0] if len(left) > size else None,
        "Contents": [
            {"Key": key, "Size": body["size"], "ETag": body["etag"], "LastModified": body["at"]} for key, body in page
        ],
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
ACTIONS: dict[str, Any] = {}
