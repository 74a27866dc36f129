"""`slipway check` and the double refuse what a real API server refuses in an application's objects, at the same field,
and accept what it accepts. The server's answers are recorded, and asked for again on a real cluster."""

import json
import re

import pytest

from slipway.cli.schemas import Schemas
from slipway.effects.cluster import ClusterAccess
from slipway.effects.cluster.connection import Connection
from slipway.manifests.documents import read_text
from slipway.manifests.objects import check_object
from slipway.manifests.together import KINDS, together_problems
from slipway.manifests.validity import validity_problems

from . import manifests as m
from .variants import VARIANTS, Refusals, of_kind, recorded, refused_at, sender

ONLY_THE_SERVER = {
    'CronJob {"spec.timeZone": "Mars/Olympus"}': "it has the list of time zones",
    'Service {"spec.ipFamilyPolicy": "RequireDualStack"}': "it knows whether its network has two families",
}
"""Refusals that neither `slipway check` nor the double can foresee."""
LATER = {
    *(name for name in VARIANTS if name.startswith(('StatefulSet {"spec.volumeClaim', 'StatefulSet {"pod.volumes'))),
    'Deployment {"main.resources": {"claims": [{"name": "a"}]}}',
    'HorizontalPodAutoscaler {"spec.scaleTargetRef": {"kind": "Deployment", "name": "web"}}',
}
"""What `slipway check` refuses although 1.33 accepts it: it does not run there either."""
NOT_THE_DOUBLE = {'Service {"spec.clusterIPs": ["None"]}'}
"""The double gives a Service its clusterIP before it checks the object."""
SERVER_NAMES = (
    ("spec.template.labels", "spec.template.metadata.labels"),
    ("spec.template.annotations", "spec.template.metadata.annotations"),
    ("spec.template.spec.securitycontext.shareprocess", "spec.template.spec.shareprocess"),
    ("spec.template.spec.initcontainers.name", "spec.template.spec.containers.name"),
    ("downwardapi.fieldref", "downwardapi.items.fieldref"),
    ("spec.clusterips", "spec.clusterip"),
    ("data", "stringdata"),
)
"""Fields that a server calls by another name than the manifest, or of which it reports another one first."""


def checked(manifest: m.Json) -> list[str]:
    """The fields for which `slipway check` refuses the object."""
    document = read_text(json.dumps(manifest).encode(), name="a.yaml")[0]
    problems = [*check_object(document, manifest, namespace="n"), *validity_problems(document, manifest)]
    problems += [*Schemas()(document, manifest, "1.35"), *together_problems(document, manifest)]
    return [problem.field for problem in problems]


def plain(field: str) -> str:
    """Without keys and indices, which servers sometimes leave out."""
    return re.sub(r"\[[^\]]*\]", "", field).lower()


def is_same_place(field: str, servers: str) -> bool:
    """Whether both name the same field, or `field` is inside the server's, or is its parent."""
    server_field = plain(servers)
    names = {server_field}
    names |= {server_field.replace(other, name) for other, name in SERVER_NAMES if other in server_field}
    return any(f"{plain(field)}.".startswith(f"{name}.") or plain(field) == name.rpartition(".")[0] for name in names)


def differences(refusals: Refusals, servers: Refusals) -> dict[str, str]:
    return {
        name: f"the server: {servers[name]}, here: {fields}"
        for name, fields in refusals.items()
        if (fields is None) != (servers[name] is None)
        or not any(is_same_place(field, server) or "" in (field, server)
                   for field in fields or [""] for server in servers[name] or [""])
    }  # fmt: skip


kinds = pytest.mark.parametrize("kind", sorted({manifest["kind"] for manifest in VARIANTS.values()}))


@kinds
def test_check_refuses_what_a_server_refuses_at_the_same_field_and_takes_the_rest(kind: str) -> None:
    refusals = {name: checked(manifest) or None for name, manifest in of_kind(kind).items()}
    expected = {name for name in refusals if name in ONLY_THE_SERVER}
    assert {
        name: difference for name, difference in differences(refusals, recorded()).items() if name not in expected
    } == {}
    assert expected <= differences(refusals, recorded()).keys()


def test_objects_that_only_older_servers_accept_are_listed() -> None:
    newest = recorded()
    for version in ("1.34.9", "1.33.13"):
        older = recorded(version)
        assert {name for name in VARIANTS if newest[name] is not None and older[name] is None} <= LATER


@kinds
def test_the_double_refuses_what_a_server_refuses_and_takes_the_rest(kind: str, access: ClusterAccess) -> None:
    connection = Connection(access)
    send, refusals, unknown = sender(connection), dict[str, list[str] | None](), list[str]()
    for name, manifest in of_kind(kind).items():
        try:
            refusals[name] = refused_at(send, manifest)
        except NotImplementedError as reason:
            unknown.append(str(reason))
    version = connection.send("GET", "/version", what="version").body["gitVersion"].removeprefix("v")
    connection.close()
    assert all("does not know the field" in reason for reason in unknown)
    if access.kubeconfig is not None:
        assert {name: fields for name, fields in refusals.items() if fields != recorded(version)[name]} == {}
    else:
        expected = ONLY_THE_SERVER.keys() | NOT_THE_DOUBLE
        assert {
            name: difference for name, difference in differences(refusals, recorded()).items() if name not in expected
        } == {}


def test_each_kind_of_the_table_has_a_variant_or_follows_the_rules_of_another_kind() -> None:
    kinds_asked = {(manifest["apiVersion"], manifest["kind"]) for manifest in VARIANTS.values()}
    assert kinds_asked | {("v1", "Pod"), ("apps/v1", "ReplicaSet")} == KINDS
