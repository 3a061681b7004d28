"""A recorded builder: it has the command line of buildah, podman or docker, builds nothing, and really pushes.

Its image is one layer with the text of CONTENT. RECORD is the file that gets each command line, STORE the folder of its
images, PLATFORM that of the image. It speaks to a registry with the login in the folder or file that it is given.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from pathlib import Path


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def image() -> tuple[bytes, bytes, bytes]:
    """The layer, the configuration and the manifest."""
    layer = os.environ.get("CONTENT", "hello").encode()
    system, _, chip = os.environ.get("PLATFORM", "linux/amd64").partition("/")
    root = {"type": "layers", "diff_ids": [digest(layer)]}
    config = json.dumps({"os": system, "architecture": chip, "rootfs": root}).encode()
    kind = "application/vnd.oci.image"
    parts = [
        {"mediaType": f"{kind}.{name}", "digest": digest(part), "size": len(part)}
        for name, part in (("config.v1+json", config), ("layer.v1.tar", layer))
    ]
    manifest = {"schemaVersion": 2, "mediaType": f"{kind}.manifest.v1+json", "config": parts[0], "layers": parts[1:]}
    return layer, config, json.dumps(manifest).encode()


def login_file(words: list[str]) -> Path:
    if "--authfile" in words:
        return Path(words[words.index("--authfile") + 1])
    return Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"), "config.json")


def send(host: str, auth: str, method: str, path: str, body: bytes = b"", type: str = "") -> int:
    import http.client  # takes longer than all the rest, and few commands speak to a registry

    connection = http.client.HTTPConnection(host, timeout=5)
    headers = {"Authorization": f"Basic {auth}", **({"Content-Type": type} if type else {})}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status >= 400 and method != "HEAD":
        sys.exit(f"Error: writing: {answer.status} {text}")
    return answer.status


def log_in(words: list[str]) -> None:
    host, user = words[-1], words[words.index("--username") + 1]
    auth = base64.b64encode(f"{user}:{sys.stdin.read()}".encode()).decode()
    send(host, auth, "GET", "/v2/")
    file = login_file(words)
    held = json.loads(file.read_text()) if file.exists() else {}
    held.setdefault("auths", {})[host] = {"auth": auth}
    file.write_text(json.dumps(held))


def push(words: list[str], name: str) -> str:
    """Push the image, and return its digest."""
    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    auth = json.loads(login_file(words).read_text())["auths"][host]["auth"]
    if "LEAKS" in os.environ:
        sys.exit(f"the login is {auth}, that is {base64.b64decode(auth).decode()}")
    layer, config, manifest = image()
    for part in (layer, config):
        if send(host, auth, "HEAD", f"/v2/{repository}/blobs/{digest(part)}") != 200:
            send(host, auth, "POST", f"/v2/{repository}/blobs/uploads/")
            send(host, auth, "PUT", f"/v2/{repository}/blobs/uploads/1?digest={digest(part)}", part)
    type = json.loads(manifest)["mediaType"]
    send(host, auth, "PUT", f"/v2/{repository}/manifests/{tag}", manifest, type)
    return os.environ.get("REPORTED") or digest(manifest)


def described(name: str) -> object:
    """The image as the builder describes it. ``STORE`` has a file for each name that ``tag`` gave."""
    config = json.loads(image()[1])
    if sys.argv[0].endswith("buildah"):
        return {"FromImageID": digest(image()[1])[7:], "OCIv1": config}
    pushed = Path(os.environ["STORE"], name.replace("/", "_"))
    digests = [f"{name.rpartition(':')[0]}@{digest(image()[2])}"] if pushed.exists() else []
    return [
        {"Id": digest(image()[1]), "Os": config["os"], "Architecture": config["architecture"], "RepoDigests": digests}
    ]


def buildx(words: list[str]) -> None:
    if words[0] == "version":
        sys.exit(0 if "BUILDX" in os.environ else "docker: unknown command: docker buildx")
    elif words[0] == "inspect":
        sys.stdout.write(f"Name: own\nDriver:   {os.environ['BUILDX']}\n")
    elif "--metadata-file" in words:
        report = {"containerimage.config.digest": digest(image()[1])}
        if any("push=true" in word for word in words):
            report = {"containerimage.digest": push(words, words[words.index("--tag") + 1])}
        Path(words[words.index("--metadata-file") + 1]).write_text(json.dumps(report))


def main(words: list[str]) -> None:
    with Path(os.environ["RECORD"]).open("a") as record:
        record.write(json.dumps([Path(sys.argv[0]).name, *words]) + "\n")
    name = Path(os.environ["STORE"], words[-1].replace("/", "_"))
    if words[0] == "buildx":
        buildx(words[1:])
    elif "login" in words:
        log_in(words)
    elif "push" in words:
        pushed = push(words, words[-1].removeprefix("docker://"))
        if "--digestfile" in words:
            Path(words[words.index("--digestfile") + 1]).write_text(pushed)
    elif words[0] == "tag":
        name.touch()
    elif words[:2] == ["image", "rm"]:
        name.unlink()
    elif "inspect" in words:
        if "/" in words[-1] and not name.exists():
            sys.exit("Error: No such image")
        sys.stdout.write(json.dumps(described(words[-1])))


if __name__ == "__main__":
    main(sys.argv[1:])


def install(folder: Path, *programs: str) -> None:
    """Put programs into a folder that run this file."""
    folder.mkdir(exist_ok=True)
    code = Path(__file__).read_text(encoding="utf-8")
    for program in programs:
        file = folder / program
        file.write_text(f"#!{sys.executable} -IS\n{code}", encoding="utf-8")
        file.chmod(0o755)
