"""What a rollout will apply, made from the files of a folder."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.config import BUILT_INS, ConfigError, Delivery, load_delivery, render, render_job
from slipway.config.documents import read_text
from slipway.config.images import names_repository, pin_image
from slipway.config.manifests import check_job, check_object
from slipway.config.substitution import substitute
from tests.unit.config.samples import DELIVERY, DEPLOYMENT, WriteDelivery

IMAGE = "shop.azurecr.io/team/shop@sha256:" + "a" * 64
VALUES = {
    "SLIPWAY_APPLICATION": "shop",
    "SLIPWAY_ENVIRONMENT": "staging",
    "SLIPWAY_RELEASE": "shop-482",
    "SLIPWAY_VERSION": "1.4.2",
}
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: { name: acceptance }
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - { name: tests, image: team/shop, args: ["${SLIPWAY_RELEASE}"] }
"""


def rendered(delivery: Delivery, *, image: str = IMAGE) -> tuple[dict[str, Any], ...]:
    return render(delivery, delivery.application.environments[0], image=image, values=VALUES)


def substituted(text: str, own: Mapping[str, str]) -> Any:
    (document,) = read_text(text.encode(), name="a.yaml")
    return substitute(document, built_ins=VALUES, own=own)


def manifest_problems(write_delivery: WriteDelivery, manifest: str) -> list[str]:
    folder = write_delivery(files={"manifests/a.yaml": manifest, "manifests/shop.yaml": DEPLOYMENT})
    with pytest.raises(ConfigError) as caught:
        load_delivery(folder)
    return [str(problem).removeprefix("deliveries/shop/manifests/a.yaml:") for problem in caught.value.problems]


def test_the_image_is_written_by_digest_and_the_object_is_marked_and_placed(write_delivery: WriteDelivery) -> None:
    (deployment,) = rendered(load_delivery(write_delivery()))
    assert deployment["metadata"] == {
        "name": "shop",
        "namespace": "shop-staging",
        "labels": {"app.kubernetes.io/managed-by": "slipway", "slipway.dev/application": "shop"},
        "annotations": {"slipway.dev/release": "shop-482"},
    }
    template = deployment["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == IMAGE
    assert "metadata" not in template, "a mark on the template would restart pods that have not changed"


def test_two_renderings_are_equal_to_the_byte(write_delivery: WriteDelivery) -> None:
    delivery = load_delivery(write_delivery())
    assert json.dumps(rendered(delivery)) == json.dumps(rendered(delivery))


def test_only_the_annotation_differs_between_two_releases_of_one_digest(write_delivery: WriteDelivery) -> None:
    delivery = load_delivery(write_delivery())
    environment = delivery.application.environments[0]
    (first,) = render(delivery, environment, image=IMAGE, values=VALUES)
    (second,) = render(delivery, environment, image=IMAGE, values={**VALUES, "SLIPWAY_RELEASE": "shop-483"})
    assert second["metadata"].pop("annotations") != first["metadata"].pop("annotations")
    assert first == second


def test_objects_come_in_the_order_of_file_names_and_then_of_documents(write_delivery: WriteDelivery) -> None:
    def config(name: str) -> str:
        return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\n"

    files = {
        "manifests/20-shop.yaml": DEPLOYMENT,
        "manifests/10-config.yml": config("b") + "---\n" + config("a"),
        "manifests/notes.txt": "not a manifest: [",
    }
    names = [value["metadata"]["name"] for value in rendered(load_delivery(write_delivery(files=files)))]
    assert names == ["b", "a", "shop"]


def test_labels_and_annotations_that_are_there_stay(write_delivery: WriteDelivery) -> None:
    manifest = DEPLOYMENT.replace("{ name: shop }", "{ name: shop, labels: { tier: web }, annotations: { a: b } }", 1)
    (deployment,) = rendered(load_delivery(write_delivery(files={"manifests/a.yaml": manifest})))
    assert deployment["metadata"]["labels"]["tier"] == "web"
    assert deployment["metadata"]["annotations"]["a"] == "b"


def test_a_cluster_scoped_object_gets_no_namespace(write_delivery: WriteDelivery) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop-staging }\n---\n"
    first, second = rendered(load_delivery(write_delivery(files={"manifests/a.yaml": namespace + DEPLOYMENT})))
    assert "namespace" not in first["metadata"]
    assert second["metadata"]["namespace"] == "shop-staging"


@pytest.mark.parametrize("image", ["shop:1", "shop@sha256:" + "a" * 64, "r.io/shop@sha256:abc", "r.io/shop:1.0"])
def test_an_image_that_is_not_by_digest_is_not_rendered(write_delivery: WriteDelivery, image: str) -> None:
    delivery = load_delivery(write_delivery())
    with pytest.raises(ValueError, match="image: expected"):
        rendered(delivery, image=image)


def test_every_built_in_value_is_given_and_no_other(write_delivery: WriteDelivery) -> None:
    delivery = load_delivery(write_delivery())
    with pytest.raises(ValueError, match="values: expected exactly SLIPWAY_APPLICATION"):
        render(delivery, delivery.application.environments[0], image=IMAGE, values={})
    assert set(VALUES) == set(BUILT_INS)


# Images


@pytest.mark.parametrize(
    "image",
    [
        "team/shop", "team/shop:1", "r.azurecr.io/team/shop", "r.azurecr.io/team/shop:1", "localhost:5000/team/shop:1",
        "localhost/team/shop", "r.io/team/shop@sha256:" + "b" * 64, "r.io/team/shop:1@sha256:" + "b" * 64,
    ],
)  # fmt: skip
def test_the_repository_is_known_from_any_registry_with_any_tag(image: str) -> None:
    assert names_repository(image, "team/shop")


@pytest.mark.parametrize(
    "image", ["shop", "team/shop-worker", "other/team/shop", "r.io/team/shop/x", "team/shop.old", ""]
)
def test_another_repository_is_left_alone(image: str) -> None:
    assert not names_repository(image, "team/shop")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"])
def test_every_kind_of_container_in_every_kind_of_workload_is_pinned(kind: str) -> None:
    pod: dict[str, Any] = {
        name: [{"image": "shop:1"}, {"image": "proxy:2"}] for name in ("initContainers", "containers")
    }
    pod["ephemeralContainers"] = [{"image": "shop"}]
    value: dict[str, Any] = {"template": {"spec": pod}}
    value = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": value}}}.get(kind, value)
    assert pin_image({"kind": kind, "spec": value}, repository="shop", image=IMAGE) == 3
    assert pod["containers"] == [{"image": IMAGE}, {"image": "proxy:2"}]


def test_manifests_that_never_name_the_image_are_refused(write_delivery: WriteDelivery) -> None:
    folder = write_delivery(files={"manifests/a.yaml": DEPLOYMENT.replace("team/shop", "nginx")})
    with pytest.raises(ConfigError, match=r"environments\[0\].manifests: expected a container with image team/shop"):
        load_delivery(folder)


# Names in manifests


def test_an_unquoted_name_takes_the_type_of_its_value_and_a_quoted_one_is_text() -> None:
    text = "a: ${N}\nb: '${N}'\nc: ${YES}\nd: x${N}\ne: ${WORD}\nf:\n- \"${N}\"\n- ${N}\n"
    assert substituted(text, {"N": "3", "YES": "true", "WORD": "1.10"}) == {
        "a": 3, "b": "3", "c": True, "d": "x3", "e": "1.10", "f": ["3", 3],
    }  # fmt: skip


@pytest.mark.parametrize("value", ["007", "1_0", "٣", "1e3", "", " 3", "9" * 30])
def test_what_is_not_plainly_a_whole_number_stays_text(value: str) -> None:
    assert substituted("a: ${N}", {"N": value}) == {"a": value}


def test_a_tag_of_digits_is_still_a_name() -> None:
    (document,) = read_text(b"a: ${SLIPWAY_VERSION}", name="a.yaml")
    assert substitute(document, built_ins={**VALUES, "SLIPWAY_VERSION": "20261123"}, own={}) == {"a": "20261123"}


def test_a_value_cannot_add_structure() -> None:
    evil = "x\nprivileged: true\n- {a: b} # \" '"
    assert substituted('a: ${E}\nb: "${E}"\nc: >\n  ${E}\n', {"E": evil}) == {"a": evil, "b": evil, "c": evil + "\n"}


def test_a_value_is_not_looked_at_again() -> None:
    assert substituted("a: x${A}", {"A": "${B}", "B": "never"}) == {"a": "x${B}"}


def test_a_doubled_dollar_stands_for_the_text_itself() -> None:
    assert substituted("a: echo $${HOME} $HOME $(HOME) ${lower} ${A:-b}", {}) == {
        "a": "echo ${HOME} $HOME $(HOME) ${lower} ${A:-b}"
    }


def test_every_unknown_name_is_told_at_its_line(write_delivery: WriteDelivery) -> None:
    manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata:\n  a: ${SLIPWAY_RELAESE}\n  b: "x${NO}"\n'
    first, second = manifest_problems(write_delivery, manifest)
    assert first.startswith("5: data.a: expected a known name, got ${SLIPWAY_RELAESE}; did you mean 'SLIPWAY_RELEASE'?")
    assert second.startswith("6: data.b: expected a known name, got ${NO}")


def test_a_name_in_a_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="in values only"):
        substituted("${A}: 1", {"A": "b"})


def test_text_that_grows_beyond_measure_is_refused() -> None:
    with pytest.raises(ConfigError, match="once names are replaced"):
        substituted("a: '" + "${A}" * 2000 + "'", {"A": "x" * 1024})


@given(st.text(max_size=40), st.text(alphabet="${}AB\n\"':-", max_size=30))
def test_substitution_changes_texts_and_nothing_else(value: str, around: str) -> None:
    document = read_text(json.dumps({"a": [around, 1, {"b": None}]}).encode(), name="a.yaml")[0]
    before = copy.deepcopy(document.value)
    try:
        after = substitute(document, built_ins={}, own={"A": value, "B": value})
    except ConfigError:
        after = before
    assert isinstance(after["a"][0], str)
    assert after["a"][1:] == [1, {"b": None}]
    assert document.value == before


# What is wrong with a manifest


@pytest.mark.parametrize(
    ("manifest", "said"),
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
    ],
)
def test_a_mistake_in_a_manifest_is_told_at_its_line(write_delivery: WriteDelivery, manifest: str, said: str) -> None:
    assert said in manifest_problems(write_delivery, manifest)


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
def test_whatever_a_manifest_holds_the_checks_answer_in_words(value: Any) -> None:
    document = read_text(json.dumps({"top": value}).encode(), name="a.yaml")[0]
    for problem in [*check_object(document, value, namespace="n"), *check_job(document, value)]:
        assert str(problem).startswith("a.yaml:1:")


def test_manifests_that_are_no_yaml_hide_no_others(write_delivery: WriteDelivery) -> None:
    folder = write_delivery(files={"manifests/a.yaml": "a: b: c", "manifests/b.yaml": "x: 1\nx: 2\n"})
    with pytest.raises(ConfigError) as caught:
        load_delivery(folder)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("deliveries/shop/manifests/a.yaml", 1),
        ("deliveries/shop/manifests/b.yaml", 2),
    ]


def test_too_many_manifests_are_refused(write_delivery: WriteDelivery) -> None:
    folder = write_delivery(files={f"manifests/{number}.yaml": "" for number in range(101)})
    with pytest.raises(ConfigError, match="expected at most 100 files, got 101"):
        load_delivery(folder)


def test_an_empty_folder_of_manifests_is_refused(write_delivery: WriteDelivery) -> None:
    folder = write_delivery(files={"manifests/README.md": "Soon."})
    with pytest.raises(ConfigError, match="expected a manifest in a .yaml file, got none"):
        load_delivery(folder)


def test_files_that_changed_after_loading_are_checked_again(write_delivery: WriteDelivery, deliveries: Path) -> None:
    delivery = load_delivery(write_delivery())
    (deliveries / "shop" / "manifests").rename(deliveries / "manifests")
    with pytest.raises(ConfigError, match="deliveries/shop/manifests:1: there is no such folder"):
        rendered(delivery)
    (deliveries / "shop" / "manifests").symlink_to(deliveries / "manifests")
    with pytest.raises(ConfigError, match="'manifests' leads out of the application's folder"):
        rendered(delivery)


# The acceptance Job


def with_job(write_delivery: WriteDelivery, job: str) -> Delivery:
    text = DELIVERY + "    verify: { job: verify/job.yaml, within: 5m }\n"
    return load_delivery(write_delivery(text, files={"manifests/a.yaml": DEPLOYMENT, "verify/job.yaml": job}))


def test_the_job_gets_the_image_a_name_of_its_own_and_an_end(write_delivery: WriteDelivery) -> None:
    delivery = with_job(write_delivery, JOB)
    environment = delivery.application.environments[0]
    job = render_job(delivery, environment, image=IMAGE, values=VALUES, name="shop-482-1")
    assert job["metadata"]["name"] == "shop-482-1"
    assert job["metadata"]["namespace"] == "shop-staging"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "tests", "image": IMAGE, "args": ["shop-482"]}
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 300)


def test_what_the_job_says_of_its_end_stays(write_delivery: WriteDelivery) -> None:
    delivery = with_job(write_delivery, JOB.replace("spec:\n", "spec:\n  backoffLimit: 2\n", 1))
    job = render_job(delivery, delivery.application.environments[0], image=IMAGE, values=VALUES, name="j")
    assert job["spec"]["backoffLimit"] == 2


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (JOB.replace("batch/v1", "v1"), "expected a Job of batch/v1, got Job of v1"),
        (JOB + "---\n" + JOB, "expected one manifest of kind Job, got 2 manifests"),
        ("# nothing\n", "expected one manifest of kind Job, got 0 manifests"),
        (JOB.partition("spec:")[0], "expected spec.template.spec.containers with a container, got none"),
    ],
)
def test_a_mistake_in_the_job_is_told(write_delivery: WriteDelivery, job: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_job(write_delivery, job)
    assert said in str(caught.value)
    assert str(caught.value).startswith("deliveries/shop/verify/job.yaml:")


def test_there_is_no_job_to_render_where_none_is_named(write_delivery: WriteDelivery) -> None:
    delivery = load_delivery(write_delivery())
    with pytest.raises(LookupError, match=r"no verify\.job"):
        render_job(delivery, delivery.application.environments[0], image=IMAGE, values=VALUES, name="j")
