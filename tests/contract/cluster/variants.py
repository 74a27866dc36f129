"""`python -m tests.contract.cluster.variants`: ask real API servers about each variant, and keep where they refuse it.

The variants are in `variants.yaml`: one sound object of each kind, and what is changed in it. Each is applied in a dry
run, as when a plan is made. It needs the programs of `make cluster`, in all its versions; `test_variants.py` replays
the record.
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

from local.cluster import RealCluster, built
from local.cluster.building import KUBERNETES, VERSIONS
from local.kubernetes import KubernetesSettings
from slipway.effects.cluster import ClusterAccess
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.kinds import BUILT_IN
from tests.recorded import RECORDED

type Json = dict[str, Any]
type Answers = dict[str, list[str] | None]
"""Where each variant is refused; None where it is taken."""
type Send = Callable[[str, Json], tuple[int, Json]]
"""Applies an object: its path and itself to a status and a body."""

RECORD = RECORDED / "kubernetes" / "variants.json"
NAMESPACE = "default"
_FIELD = re.compile(r"\.(\w[^\s:]*): ")
"""A field in the message of a refusal that lists no causes."""


def _changed(sound: Json, change: Json) -> Json:
    value = copy.deepcopy(sound)
    job = value.get("spec", {}).get("jobTemplate", value)
    pod = job.get("spec", {}).get("template", {}).get("spec", {})
    roots = {"pod": pod, "main": (pod.get("containers") or [{}])[0]}
    for path, content in change.items():
        *steps, last = path.split(".")
        here = roots.get(steps[0], value) if steps else value
        for step in steps[1:] if here is not value else steps:
            here = here.setdefault(step, {})
        if content is None:
            del here[last]
        else:
            here[last] = content
    return value


def _read() -> dict[str, Json]:
    kinds = yaml.safe_load(Path(__file__).with_name("variants.yaml").read_text(encoding="utf-8"))
    return {
        f"{kind} {json.dumps(change)}": _changed(of["sound"], change)
        for kind, of in kinds.items()
        for change in of["variants"]
    }


VARIANTS = _read()


def of_kind(kind: str) -> dict[str, Json]:
    return {name: value for name, value in VARIANTS.items() if value["kind"] == kind}


def recorded(version: str = KUBERNETES) -> Answers:
    record: Json = json.loads(RECORD.read_text(encoding="utf-8"))
    answers = {**record["refused at"], **record["otherwise"].get(version, {})}
    return {name: None if fields is None else fields.split("; ") for name, fields in answers.items()}


def refused_at(send: Send, value: Json) -> list[str] | None:
    """The fields for which the server refuses the object; one without a name if it names none; None if it takes it.

    A missing right, and a part that the double says it does not have, is no answer.
    """
    kind = BUILT_IN[value["apiVersion"], value["kind"]]
    query = urlencode({"dryRun": "All", "fieldManager": "slipway", "force": "true"})
    status, body = send(f"{kind.path(NAMESPACE, value['metadata']['name'])}?{query}", value)
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status == HTTPStatus.NOT_IMPLEMENTED:
        raise NotImplementedError(body["message"])
    if status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.INTERNAL_SERVER_ERROR):
        raise ValueError(f"{status}: {body.get('message')}")
    causes = (body.get("details") or {}).get("causes") or ()
    return sorted({cause["field"] for cause in causes} or set(_FIELD.findall(body["message"])) or {""})


def sender(connection: Connection) -> Send:
    def send(path: str, value: Json) -> tuple[int, Json]:
        headers = {"Content-Type": "application/apply-patch+yaml"}
        with connection.stream("PATCH", path, what="apply", body=value, headers=headers) as stream:
            return stream.status, json.loads(b"".join(stream.pieces()))

    return send


def _answers_of(version: str) -> Answers:
    with (
        tempfile.TemporaryDirectory() as folder,
        RealCluster(KubernetesSettings(simulate=True), programs=built(version), folder=Path(folder) / "c") as real,
    ):
        connection = Connection(ClusterAccess(kubeconfig=real.kubeconfig))
        send = sender(connection)
        answers = {name: refused_at(send, value) for name, value in VARIANTS.items()}
        connection.close()
    return answers


def main() -> int:
    usual = _answers_of(KUBERNETES)
    others = {version: _answers_of(version) for version in VERSIONS if version != KUBERNETES}
    record = {
        "version": KUBERNETES,
        "recorded": datetime.now(UTC).date().isoformat(),
        "refused at": _kept(usual),
        "otherwise": {
            version: _kept({name: fields for name, fields in answers.items() if fields != usual[name]})
            for version, answers in others.items()
        },
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _kept(answers: Answers) -> dict[str, str | None]:
    return {name: None if fields is None else "; ".join(fields) for name, fields in answers.items()}


if __name__ == "__main__":
    sys.exit(main())
