"""The floor: the same bytes moved by the barest loop, which knows in advance what is missing and checks nothing.

No look-ups, no hashes, no comparison, no retries: four threads, each a GET whose body becomes that of a PUT.
"""

import ssl
from concurrent.futures import ThreadPoolExecutor

import urllib3

from bench.tools.task import Task, run

CHUNK = 1024 * 1024


def copy(task: Task) -> None:
    pool = urllib3.PoolManager(maxsize=8, retries=False, ssl_context=ssl.create_default_context(cafile=task.ca))
    source, target = (f"https://{server}/v2/{task.repository}" for server in (task.source, task.target))

    def move_blob(digest: str) -> None:
        blob = pool.request("GET", f"{source}/blobs/{digest}", preload_content=False)
        upload = pool.request("POST", f"{target}/blobs/uploads/")
        _expect(upload, 202)
        address = f"{upload.headers['Location']}&digest={digest}"
        length = {"Content-Length": blob.headers["Content-Length"], "Content-Type": "application/octet-stream"}
        _expect(pool.request("PUT", address, body=blob.stream(CHUNK), headers=length), 201)
        blob.release_conn()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(move_blob, task.blobs))
    for digest, media_type in task.manifests:
        manifest = pool.request("GET", f"{source}/manifests/{digest}", headers={"Accept": media_type})
        name = task.tag if digest == task.digest else digest
        stored = pool.request(
            "PUT", f"{target}/manifests/{name}", body=manifest.data, headers={"Content-Type": media_type}
        )
        _expect(stored, 201)


def _expect(response: urllib3.BaseHTTPResponse, status: int) -> None:
    if response.status != status:
        raise SystemExit(f"expected {status}, got {response.status}: {response.data[:300]!r}")


if __name__ == "__main__":
    run(copy)
