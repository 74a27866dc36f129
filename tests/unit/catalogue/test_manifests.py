"""Mistakes in manifests are reported before any cluster sees them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.catalogue import ConfigError
from slipway.manifests.documents import read_text
from slipway.manifests.objects import MOST_OBJECTS, check_job, check_object
from slipway.manifests.together import together_problems
from slipway.manifests.validity import MOST_DATA, validity_problems
from tests.unit.catalogue.samples import DEPLOYMENT, Write, load_one


def manifest_problems(write: Write, manifest: str) -> list[str]:
    folder = write(files={"manifests/a.yaml": manifest, "manifests/shop.yaml": DEPLOYMENT})
    with pytest.raises(ConfigError) as caught:
        load_one(folder)
    return [str(problem).removeprefix("team/shop/manifests/a.yaml:") for problem in caught.value.problems]


def test_every_unknown_name_is_reported_at_its_line(write: Write) -> None:
    manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata:\n  a: ${SLIPWAY_RELAESE}\n  b: "x${NO}"\n'
    first, second = manifest_problems(write, manifest)
    assert first.startswith("5: data.a: expected a known name, got ${SLIPWAY_RELAESE}; did you mean 'SLIPWAY_RELEASE'?")
    assert second.startswith("6: data.b: expected a known name, got ${NO}")


def test_manifests_that_never_name_the_image_are_refused(write: Write) -> None:
    folder = write(files={"manifests/a.yaml": DEPLOYMENT.replace("team/shop", f"nginx@sha256:{'1' * 64}")})
    with pytest.raises(ConfigError, match=r"environments\[0\].manifests: expected a container with image team/shop"):
        load_one(folder)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("- a\n", "1: expected a mapping with apiVersion, kind and metadata, got a list of 1"),
        ("kind: ConfigMap\nmetadata: { name: c }\n", "1: apiVersion: expected text, got nothing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "3: metadata.name: expected text, got nothing"),
        ("apiVersion: v1\nkind: 5\nmetadata: { name: c }\n", "2: kind: expected text, got 5"),
        ("apiVersion: v1\nkind: Service\nmetadata: 5\n", "3: metadata.name: expected text, got nothing"),
        (
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: c\n  namespace: shop\n",
            "5: metadata.namespace: expected none, or 'shop-staging' as the environment says, got 'shop'",
        ),
        (
            "apiVersion: v1\nkind: List\nmetadata: { name: l }\nitems: []\n",
            "2: kind: expected one object in each document, divided by ---, got 'List'",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { PORT: 80 }\n",
            "4: data.PORT: expected text, got 80; put it in quotes",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { DEBUG: off }\n",
            "4: data.DEBUG: expected true, false, or text in quotes, got off, which some readers take for a boolean",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: { name: c, labels: { version: 1.10 } }\n",
            "3: metadata.labels.version: expected text, got 1.1; put it in quotes",
        ),
        (
            "apiVersion: v1\nkind: Service\nmetadata: { name: c, labels: [a] }\n",
            "3: metadata.labels: expected a mapping, got a list of 1",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: { name: c }\nspec:\n  containers:\n    - image: x\n"
            "      env:\n        - { name: A, value: 1 }\n",
            "8: spec.containers[0].env[0].value: expected text, got 1; put it in quotes",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata:\n  a: x\n  b: " + "x" * MOST_DATA + "\n",
            f"4: data: expected at most {MOST_DATA} bytes, which is all that a cluster takes, got {MOST_DATA + 1}",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c, labels: { tier: front end } }\n",
            "3: metadata.labels.tier: expected letters, digits, '-', '_' and '.', a letter or digit first and last, at "
            "most 63, got 'front end'",
        ),
    ],
)
def test_a_mistake_in_a_manifest_is_reported_at_its_line(write: Write, manifest: str, message: str) -> None:
    assert message in manifest_problems(write, manifest)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["v1", "Deployment", "x"])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["kind", "apiVersion", "metadata", "name", "spec", "template", "containers", "env"]),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    )
)
def test_the_checks_answer_an_arbitrary_manifest_with_problems_and_no_exception(value: Any) -> None:
    document = read_text(json.dumps({"top": value}).encode(), name="a.yaml")[0]
    problems = [*check_object(document, value, namespace="n"), *check_job(document, value)]
    if isinstance(value, dict):
        problems = [*problems, *validity_problems(document, value), *together_problems(document, value)]
    for problem in problems:
        assert str(problem).startswith("a.yaml:1:")


def test_a_manifest_that_is_not_yaml_hides_no_problem_of_another(write: Write) -> None:
    twice = DEPLOYMENT.replace("kind:", "spec: {}\nkind:")
    folder = write(files={"manifests/a.yaml": "a: b: c", "manifests/b.yaml": twice})
    with pytest.raises(ConfigError) as caught:
        load_one(folder)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("team/shop/manifests/a.yaml", 1),
        ("team/shop/manifests/b.yaml", 5),
    ]


def test_too_many_manifests_are_refused(write: Write) -> None:
    folder = write(files={f"manifests/{number}.yaml": "" for number in range(101)})
    with pytest.raises(ConfigError, match="expected at most 100 files, got 101"):
        load_one(folder)


def test_more_objects_than_the_limit_are_refused_when_the_manifests_are_loaded(write: Write) -> None:
    file = "---\n".join("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n" for _ in range(MOST_OBJECTS // 4))
    folder = write(files={f"manifests/{number}.yaml": file for number in range(4)} | {"manifests/a.yaml": DEPLOYMENT})
    with pytest.raises(ConfigError, match=rf"expected at most {MOST_OBJECTS} objects, got {MOST_OBJECTS + 1}"):
        load_one(folder)


def test_an_empty_folder_of_manifests_is_refused(write: Write) -> None:
    folder = write(files={"manifests/shop.yaml": "# Soon.\n"})
    with pytest.raises(ConfigError, match=r"expected a manifest in a \.yaml file, got none"):
        load_one(folder)
