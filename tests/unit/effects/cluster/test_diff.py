"""What a person sees of a change: no fields of the server, no values of Secrets, and no more than fits."""

import base64
import copy
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from slipway.effects.cluster.diff import MAX_COMPARED, diff_objects, masked, projected
from slipway.manifests.objects import without_server_fields

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
objects = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.sampled_from(["ConfigMap", "Secret", "Deployment"]),
        "metadata": st.fixed_dictionaries({"name": st.text(ascii_lowercase, min_size=1, max_size=8)}),
    },
    optional={
        "data": st.dictionaries(st.text(max_size=8), json_values, max_size=3),
        "spec": json_values,
        "status": json_values,
    },
)
words = st.text(ascii_lowercase, min_size=8, max_size=12)
capitals = st.text(ascii_uppercase + digits, min_size=11, max_size=20)  # told from keys and marks by them
lines = st.tuples(st.just("V"), capitals, st.sampled_from(("", "\n"))).map("".join)
values = st.lists(lines, min_size=1, max_size=3).map("".join)


def a_secret(data: dict[str, Any], field: str = "data") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, field: data}


@given(objects)
def test_the_diff_of_an_object_with_itself_is_empty(manifest: dict[str, Any]) -> None:
    assert diff_objects(without_server_fields(manifest), without_server_fields(copy.deepcopy(manifest))) == ""


@given(objects, objects)
def test_different_objects_have_a_diff_and_equal_inputs_give_equal_diffs(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    first, second = (diff_objects(without_server_fields(before), without_server_fields(after)) for _ in range(2))
    assert first == second
    if without_server_fields(before)["metadata"] != without_server_fields(after)["metadata"]:
        assert first


@given(
    before=st.none() | st.dictionaries(words, values, max_size=4),
    after=st.dictionaries(words, values, max_size=4),
    field=st.sampled_from(["data", "stringData"]),
)
def test_no_value_of_a_secret_is_in_a_diff(before: dict[str, str] | None, after: dict[str, str], field: str) -> None:
    text = diff_objects(None if before is None else a_secret(before, field), a_secret(after, field))
    for value in {*(before or {}).values(), *after.values()}:
        assert not any(line in text for line in value.splitlines())


@given(st.dictionaries(words, values, min_size=1, max_size=4))
def test_a_secret_whose_values_changed_says_so_for_each_of_them(data: dict[str, str]) -> None:
    text = diff_objects(a_secret(data), a_secret({name: value + "x" for name, value in data.items()}))
    assert text.count("(former value)") == text.count("(new value)") == len(data)


def test_values_of_a_secret_that_stay_are_masked_and_do_not_show_as_changed() -> None:
    masked_before, masked_after = masked(a_secret({"a": "1", "b": "2"}), a_secret({"a": "1", "c": "3"}))
    assert masked_before is not None
    assert masked_before["data"] == {"a": "***", "b": "***"}
    assert masked_after["data"] == {"a": "***", "c": "***"}


def test_a_secret_whose_data_is_not_a_mapping_is_masked_as_a_whole() -> None:
    assert "hunter2" not in diff_objects(None, {**a_secret({}), "data": "hunter2"})


def test_the_annotation_in_which_kubectl_repeats_a_secret_is_left_out() -> None:
    encoded = base64.b64encode(b"hunter2").decode()
    secret = a_secret({"p": encoded})
    secret["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":"{encoded}"}}'}
    assert encoded not in diff_objects(None, without_server_fields(secret))


def test_fields_that_the_server_adds_are_left_out() -> None:
    live = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "creationTimestamp": "2026-11-23T08:00:00Z",
            "managedFields": [{}],
            "annotations": {"deployment.kubernetes.io/revision": "4"},
        },
        "spec": {"replicas": 1},
        "status": {"replicas": 1},
    }
    assert without_server_fields(live) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 1},
    }


def test_a_changed_line_of_a_file_in_a_config_map_is_one_line_of_the_diff() -> None:
    before, after = ({"kind": "ConfigMap", "data": {"app.ini": f"[a]\nport = {port}\nhost = x\n"}} for port in (80, 81))
    changed = [line for line in diff_objects(before, after).splitlines()[2:] if line[0] in "+-"]
    assert changed == ["-    port = 80", "+    port = 81"]


def test_a_diff_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    after = {"kind": "ConfigMap", "data": {f"key{n:04}": "x" * 20 for n in range(200)}}
    diff = diff_objects(None, after, limit=1000)
    *lines, mark = diff.splitlines()
    assert mark.startswith("[cut here: ")
    assert len("\n".join(lines)) < 1000
    assert all(line.startswith(("+", "---", "@@")) for line in lines)


def test_objects_that_are_too_large_are_not_compared_and_the_diff_says_so() -> None:
    diff = diff_objects({"data": {"a": "1"}}, {"data": {"a": "x" * (MAX_COMPARED + 1)}})
    assert diff.startswith("[too large to compare: ")


def test_repeated_values_are_spelt_out() -> None:
    shared = {"a": 1}
    assert "*id" not in diff_objects(None, {"x": shared, "y": shared})


def test_only_those_fields_of_a_live_object_that_the_manifest_names_are_compared() -> None:
    manifest = {"spec": {"containers": [{"name": "b", "image": "b:2"}, {"name": "a", "image": "a:2"}], "args": ["x"]}}
    live = {
        "spec": {
            "containers": [{"name": "a", "image": "a:1", "pullPolicy": "Always"}, {"name": "z", "image": "z:1"}],
            "args": ["y", "z"],
            "restartPolicy": "Never",
        }
    }
    assert projected(live, manifest) == {
        "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "z", "image": "z:1"}], "args": ["y", "z"]}
    }
