"""Which manager owned a field before a release, and which owns it afterwards."""

from typing import Any

from slipway.effects.cluster.hands import notes_on_owners

Json = dict[str, Any]


def owned(manager: str, fields: Json, *, operation: str = "Update", subresource: str = "") -> Json:
    entry = {"manager": manager, "operation": operation, "fieldsV1": fields}
    return {**entry, "subresource": subresource} if subresource else entry


def an_object(*entries: Json, **content: Any) -> Json:
    return {"metadata": {"name": "web", "managedFields": list(entries)}, **content}


OURS = owned("slipway", {"f:data": {"f:a": {}}}, operation="Apply")


def test_a_field_that_two_managers_set_to_the_same_value_is_not_noted() -> None:
    unchanged = an_object(OURS, owned("kubectl", {"f:data": {"f:a": {}}}), data={"a": "1"})
    assert notes_on_owners(unchanged, unchanged, []) == ()


def test_a_field_that_its_former_manager_no_longer_owns_is_noted_as_taken_over() -> None:
    before = an_object(owned("kubectl-edit", {"f:data": {"f:a": {}}}), data={"a": "1"})
    assert notes_on_owners(before, an_object(OURS, data={"a": "2"}), []) == ("taken over from kubectl-edit: data.a",)


def test_ownership_of_the_map_itself_is_not_noted() -> None:
    other_manager = owned("kubectl-create", {"f:data": {".": {}, "f:b": {}}})
    live = an_object(OURS, other_manager, data={"a": "1", "b": "2"})
    assert notes_on_owners(live, live, []) == (
        "left as kubectl-create set it, since it is not in the manifest: data.b",
    )


def test_a_field_that_the_takeover_removes_is_shown_as_removed_and_not_as_left() -> None:
    other_manager = owned("helm", {"f:data": {"f:b": {}}})
    live = an_object(OURS, other_manager, data={"a": "1", "b": "2"})
    assert notes_on_owners(live, live, [("f:data", "f:b")]) == (
        "removed, as helm set it before and it is not in the manifest: data.b",
    )


def test_of_many_fields_three_are_named_and_the_rest_counted() -> None:
    other_manager = owned("kubectl-edit", {"f:data": {f"f:{name}": {} for name in "bcdef"}})
    live = an_object(other_manager, data=dict.fromkeys("bcdef", "1"))
    (note,) = notes_on_owners(live, live, [])
    assert note.endswith(": data.b, data.c, data.d and 2 more")


def test_status_metadata_and_the_clusters_own_controllers_are_left_out() -> None:
    live = an_object(
        owned("kube-controller-manager", {"f:spec": {"f:volumeName": {}}}),
        owned("operator", {"f:metadata": {"f:annotations": {"f:seen": {}}}}),
        owned("operator", {"f:status": {"f:ready": {}}}, subresource="status"),
        spec={"volumeName": "v"},
        status={"ready": True},
    )
    assert notes_on_owners(live, live, []) == ()


def test_replicas_that_an_autoscaler_keeps_are_shown_with_their_count() -> None:
    scaled = owned("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="scale")
    live = an_object(OURS, scaled, spec={"replicas": 5})
    assert notes_on_owners(live, live, []) == ("its replicas are left at 5, as an autoscaler set them",)
