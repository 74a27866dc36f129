"""Which fields of former managers a release removes."""

from typing import Any

import pytest

from slipway.effects.cluster.takeover import field_name, left_over_fields, pointer_to, without_paths

type Json = dict[str, Any]

CONTAINER = 'k:{"name":"web"}'
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
ENV = ("f:spec", "f:template", "f:spec", "f:containers", CONTAINER, "f:env")


def nested(path: tuple[str, ...], leaf: Json | None = None) -> Json:
    fields: Json = leaf or {}
    for key in reversed(path):
        fields = {key: fields}
    return fields


def an_object(*, env: tuple[str, ...] = (), **spec: Any) -> Json:
    variables = [{"name": name, "value": "1"} for name in env]
    container = {"name": "web", "image": "r/web", **({"env": variables} if env else {})}
    return {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}, **spec}}


def managed_by(live: Json, *entries: tuple[str, str, Json], subresource: str = "") -> Json:
    """The object with these managers, in the order in which they wrote."""
    managed = [
        {
            "manager": manager,
            "operation": operation,
            "subresource": subresource,
            "fieldsV1": fields,
            "time": f"{number}",
        }
        for number, (manager, operation, fields) in enumerate(entries)
    ]
    return {**live, "metadata": {"name": "web", "managedFields": managed}}


def variable(name: str) -> Json:
    return nested((*ENV, f'k:{{"name":"{name}"}}'), {".": {}, "f:name": {}, "f:value": {}})


@pytest.mark.parametrize("operation", ["Update", "Apply"])
@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", "kubectl", "helm"])
def test_a_field_that_only_a_former_manager_owns_and_the_manifest_lacks_is_left_over_once(
    manager: str, operation: str
) -> None:
    slipway = ("slipway", "Apply", variable("KEEP"))
    live = managed_by(an_object(env=("KEEP", "OLD")), (manager, operation, variable("OLD")), slipway)
    [path] = left_over_fields(live, an_object(env=("KEEP",)))
    assert field_name(path) == "spec.template.spec.containers[name=web].env[name=OLD]"
    assert without_paths(live, [path])["spec"] == an_object(env=("KEEP",))["spec"]


@pytest.mark.parametrize(
    "live",
    [
        managed_by(an_object(env=("OLD",)), ("kubectl-edit", "Update", variable("OLD"))),
        managed_by(
            an_object(env=("OLD",)), ("slipway", "Apply", variable("KEEP")), ("kubectl", "Apply", variable("OLD"))
        ),
        managed_by(
            an_object(env=("OLD",)), ("kubectl", "Update", variable("OLD")), ("istio", "Update", variable("OLD"))
        ),
        managed_by(an_object(env=("OLD",)), ("kubectl", "Update", variable("OLD")), subresource="scale"),
        managed_by(an_object(replicas=3), ("kubectl", "Update", nested(("f:spec", "f:replicas")))),
        managed_by(an_object(clusterIP="10.0.0.1"), ("kubectl", "Update", nested(("f:spec", "f:clusterIP")))),
        managed_by(an_object(), ("kubectl", "Update", nested(("f:metadata", "f:finalizers", 'v:"x"')))),
        managed_by(an_object(), ("kubectl", "Update", nested(("f:status", "f:phase")))),
        {"kind": "ConfigMap", "metadata": {"name": "a"}},
    ],
    ids=[
        "edited",
        "applied since",
        "shared",
        "of a subresource",
        "replicas",
        "given out",
        "finalizer",
        "status",
        "unknown",
    ],
)
def test_a_field_of_another_owner_or_of_the_server_is_not_left_over(live: Json) -> None:
    assert left_over_fields(live, an_object()) == []


def test_a_list_item_of_the_manifest_is_not_left_over_though_it_omits_a_default() -> None:
    fields = nested((*ENV[:-1], "f:ports", PORT), {".": {}, "f:containerPort": {}, "f:protocol": {}})
    manifest = an_object()
    manifest["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 80}]
    live = managed_by(manifest, ("kubectl", "Update", fields))
    assert not [path for path in left_over_fields(live, manifest) if path[-1] == PORT]


def test_later_list_items_are_removed_first_so_that_no_index_shifts() -> None:
    live = managed_by(
        an_object(env=("A", "B", "C")), ("helm", "Update", variable("A")), ("helm", "Update", variable("B"))
    )
    paths = left_over_fields(live, an_object(env=("C",)))
    assert len(paths) == 2
    assert without_paths(live, paths)["spec"] == an_object(env=("C",))["spec"]


def test_a_list_item_that_the_object_lacks_has_no_pointer() -> None:
    assert pointer_to((*ENV, 'k:{"name":"A"}'), an_object()) is None
