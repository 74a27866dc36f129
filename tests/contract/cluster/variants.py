"""`python -m tests.contract.cluster.variants`: ask real API servers about each variant, and record where they refuse
it.

The variants are in `variants.yaml`: one valid object of each kind, and the changes to it. Each is applied in a dry run,
as when a plan is made. It needs the programs of `make cluster`, in all its versions; `test_variants.py` replays the
record.
"""

import copy
import json
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from local.cluster import RealCluster, complete_programs
from local.cluster.building import KUBERNETES, VERSIONS
from local.kubernetes import KubernetesSettings
from slipway.effects.cluster import ClusterAccess
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.kinds import BUILT_IN
from tests.recorded import RECORDED

type Json = dict[str, Any]
type Refusals = dict[str, list[str] | None]
"""The fields for which each variant is refused; None if it is accepted."""
type Send = Callable[[str, Json], tuple[int, Json]]
"""Applies an object: takes its path and the object, and returns status and body."""

RECORD = RECORDED / "kubernetes" / "variants.json"
NAMESPACE = "default"
_FIELD = re.compile(r"\.(\w[^\s:]*): ")
"""A field in the message of a refusal that lists no causes."""


def _changed(sound: Json, change: Json) -> Json:
    manifest = copy.deepcopy(sound)
    job = manifest.get("spec", {}).get("jobTemplate", manifest)
    pod = job.get("spec", {}).get("template", {}).get("spec", {})
    roots = {"pod": pod, "main": (pod.get("containers") or [{}])[0]}
    for path, content in change.items():
        *steps, last = path.split(".")
        target = roots.get(steps[0], manifest) if steps else manifest
        for step in steps[1:] if target is not manifest else steps:
            target = target.setdefault(step, {})
        if content is None:
            del target[last]
        else:
            target[last] = content
    return manifest


def _load() -> dict[str, Json]:
    kinds = yaml.safe_load(Path(__file__).with_name("variants.yaml").read_text(encoding="utf-8"))
    return {
        f"{kind} {json.dumps(change)}": _changed(of["sound"], change)
        for kind, of in kinds.items()
        for change in of["variants"]
    }


VARIANTS = _load()


def of_kind(kind: str) -> dict[str, Json]:
    return {name: manifest for name, manifest in VARIANTS.items() if manifest["kind"] == kind}


def recorded(version: str = KUBERNETES) -> Refusals:
    record: Json = json.loads(RECORD.read_text(encoding="utf-8"))
    refusals = {**record["refused at"], **record["otherwise"].get(version, {})}
    return {name: None if fields is None else fields.split("; ") for name, fields in refusals.items()}


def refused_at(send: Send, manifest: Json) -> list[str] | None:
    """The fields for which the server refuses the object; an empty name if it names none; None if it accepts it.

    Raises ValueError for a missing right, and NotImplementedError for a field that the double does not have.
    """
    kind = BUILT_IN[manifest["apiVersion"], manifest["kind"]]
    query = urlencode({"dryRun": "All", "fieldManager": "slipway", "force": "true"})
    status, body = send(f"{kind.path(NAMESPACE, manifest['metadata']['name'])}?{query}", manifest)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status == HTTPStatus.NOT_IMPLEMENTED:
        raise NotImplementedError(body["message"])
    if status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INTERNAL_SERVER_ERROR):
        raise ValueError(f"{status}: {body.get('message')}")
    causes = (body.get("details") or {}).get("causes") or ()
    return sorted({cause["field"] for cause in causes} or set(_FIELD.findall(body["message"])) or {""})


def sender(connection: Connection) -> Send:
    def send(path: str, manifest: Json) -> tuple[int, Json]:
        headers = {"Content-Type": "application/apply-patch+yaml"}
        with connection.stream("PATCH", path, what="apply", body=manifest, headers=headers) as stream:
            return stream.status, json.loads(b"".join(stream.pieces()))

    return send


def _refusals_of(version: str) -> Refusals:
    with (
        tempfile.TemporaryDirectory() as folder,
        RealCluster(
            KubernetesSettings(simulate=True), programs=complete_programs(version), folder=Path(folder) / "c"
        ) as real,
    ):
        connection = Connection(ClusterAccess(kubeconfig=real.kubeconfig))
        send = sender(connection)
        refusals = {name: refused_at(send, manifest) for name, manifest in VARIANTS.items()}
        connection.close()
    return refusals


def main() -> int:
    usual = _refusals_of(KUBERNETES)
    others = {version: _refusals_of(version) for version in VERSIONS if version != KUBERNETES}
    record = {
        "version": KUBERNETES,
        "recorded": datetime.now(UTC).date().isoformat(),
        "refused at": _encoded(usual),
        "otherwise": {
            version: _encoded({name: fields for name, fields in refusals.items() if fields != usual[name]})
            for version, refusals in others.items()
        },
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _encoded(refusals: Refusals) -> dict[str, str | None]:
    return {name: None if fields is None else "; ".join(fields) for name, fields in refusals.items()}


if __name__ == "__main__":
    sys.exit(main())
