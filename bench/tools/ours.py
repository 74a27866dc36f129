"""Slipway's copy, as the copy step calls it: everything that belongs to the artifact, compared, then tagged."""

from typing import Any

from bench.tools.task import Task, run
from slipway.effects.registry import (
    Anonymous,
    CopySource,
    CopyTarget,
    Registry,
    RegistryEndpoint,
    copy_artifact,
    new_pool,
)


def copy(task: Task) -> dict[str, Any]:
    pool = new_pool(authority=task.ca)
    source = Registry(RegistryEndpoint(task.source), Anonymous(), pool=pool)
    target = Registry(RegistryEndpoint(task.target), Anonymous(), pool=pool)
    result = copy_artifact(
        CopySource(registry=source, repository=task.repository, digest=task.digest, tag=task.tag),
        CopyTarget(registry=target, repository=task.repository, digest=task.digest, tag=task.tag),
    )
    return {"blobs_copied": result.blobs_copied, "bytes_copied": result.bytes_copied}


if __name__ == "__main__":
    run(copy)
