"""python-dxf: it has no copy, so this is the shortest correct one with its API: streamed, one blob at a time."""

import json
from collections.abc import Iterable, Iterator

from dxf import DXF  # installed in the environment of the peers only

from bench.tools.task import Task, run


def copy(task: Task) -> None:
    with (
        DXF(task.source, task.repository, tlsverify=task.ca) as source,
        DXF(task.target, task.repository, tlsverify=task.ca) as target,
    ):
        index, _ = source.get_manifest_and_response(task.digest)
        for child in json.loads(index)["manifests"]:
            manifest, _ = source.get_manifest_and_response(child["digest"])
            document = json.loads(manifest)
            for blob in (document["config"], *document["layers"]):
                # Checks whether the target has it before the first byte is read.
                target.push_blob(data=_Later(source, blob["digest"]), digest=blob["digest"])
            target.set_manifest(child["digest"], manifest)
        target.set_manifest(task.tag, index)


class _Later:
    """A blob that is requested when its first byte is needed."""

    def __init__(self, source: DXF, digest: str) -> None:
        self._source, self._digest = source, digest

    def __iter__(self) -> Iterator[bytes]:
        chunks: Iterable[bytes] = self._source.pull_blob(self._digest, chunk_size=1024 * 1024)
        return iter(chunks)


if __name__ == "__main__":
    run(copy)
