"""The floor: the same bytes moved by the barest loop, which knows beforehand what is missing and checks nothing.

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
        read = pool.request("GET", f"{source}/blobs/{digest}", preload_content=False)
        started = pool.request("POST", f"{target}/blobs/uploads/")
        _expect(started, 202)
        address = f"{started.headers['Location']}&digest={digest}"
        length = {"Content-Length": read.headers["Content-Length"], "Content-Type": "application/octet-stream"}
        _expect(pool.request("PUT", address, body=read.stream(CHUNK), headers=length), 201)
        read.release_conn()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(move_blob, task.blobs))
    for digest, media_type in task.manifests:
        read = pool.request("GET", f"{source}/manifests/{digest}", headers={"Accept": media_type})
        name = task.tag if digest == task.digest else digest
        stored = pool.request("PUT", f"{target}/manifests/{name}", body=read.data, headers={"Content-Type": media_type})
        _expect(stored, 201)


def _expect(answer: urllib3.BaseHTTPResponse, status: int) -> None:
    if answer.status != status:
        raise SystemExit(f"expected {status}, got {answer.status}: {answer.data[:300]!r}")


if __name__ == "__main__":
    run(copy)
