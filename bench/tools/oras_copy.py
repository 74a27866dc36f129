"""oras-py: it cannot copy between registries, so this is the shortest correct copy with its API: through files.

Manifests go through its request function as bytes, because `upload_manifest` rewrites them, which changes the digest.
"""

import json
import tempfile
from pathlib import Path

from oras.provider import Registry  # installed in the environment of the peers only

from bench.tools.task import Task, run

ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def copy(task: Task) -> None:
    source, target = (Registry(server, tls_verify=task.ca) for server in (task.source, task.target))
    index = _read(source, task.source, task.repository, task.digest)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "blob"
        for child in json.loads(index)["manifests"]:
            manifest = _read(source, task.source, task.repository, child["digest"])
            document = json.loads(manifest)
            for blob in (document["config"], *document["layers"]):
                container = target.get_container(f"{task.target}/{task.repository}")
                if target.blob_exists(blob, container):
                    continue
                source.download_blob(f"{task.source}/{task.repository}", blob["digest"], str(file))
                target.upload_blob(str(file), container, blob)
            _write(target, f"{task.target}/v2/{task.repository}/manifests/{child['digest']}", manifest)
    _write(target, f"{task.target}/v2/{task.repository}/manifests/{task.tag}", index)


def _read(registry: Registry, server: str, repository: str, digest: str) -> bytes:
    url = f"https://{server}/v2/{repository}/manifests/{digest}"
    response = registry.do_request(url, headers={"Accept": ACCEPT})
    response.raise_for_status()
    content: bytes = response.content
    return content


def _write(registry: Registry, address: str, manifest: bytes) -> None:
    media_type = json.loads(manifest)["mediaType"]
    response = registry.do_request(f"https://{address}", "PUT", data=manifest, headers={"Content-Type": media_type})
    response.raise_for_status()


if __name__ == "__main__":
    run(copy)
