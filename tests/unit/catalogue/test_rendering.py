"""What a rollout will apply, made from the files of a folder."""

import json
from typing import Any

import pytest

from slipway.catalogue import BUILT_INS, ConfigError, Definition, render_job, render_objects
from tests.unit.catalogue.samples import APPLICATION, DEPLOYMENT, IMAGE, VALUES, Write, load_one

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


def rendered(definition: Definition, *, image: str = IMAGE) -> tuple[dict[str, Any], ...]:
    return render_objects(definition, definition.application.environments[0], image=image, values=VALUES)


def test_the_image_is_written_by_digest_and_the_object_is_marked_and_placed(write: Write) -> None:
    (deployment,) = rendered(load_one(write()))
    assert deployment["metadata"] == {
        "name": "shop",
        "namespace": "shop-staging",
        "labels": {
            "app.kubernetes.io/managed-by": "slipway",
            "slipway.dev/application": "shop",
            "slipway.dev/environment": "staging",
        },
        "annotations": {"slipway.dev/release": "shop-482"},
    }
    template = deployment["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == IMAGE
    assert "metadata" not in template, "a mark on the template would restart pods that have not changed"


def test_two_renderings_are_equal_to_the_byte(write: Write) -> None:
    definition = load_one(write())
    assert json.dumps(rendered(definition)) == json.dumps(rendered(definition))


def test_only_the_annotation_differs_between_two_releases_of_one_digest(write: Write) -> None:
    definition = load_one(write())
    environment = definition.application.environments[0]
    (first,) = render_objects(definition, environment, image=IMAGE, values=VALUES)
    (second,) = render_objects(definition, environment, image=IMAGE, values={**VALUES, "SLIPWAY_RELEASE": "shop-483"})
    assert second["metadata"].pop("annotations") != first["metadata"].pop("annotations")
    assert first == second


def test_objects_come_in_the_order_of_file_names_and_then_of_documents(write: Write) -> None:
    def config(name: str) -> str:
        return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\n"

    files = {
        "manifests/20-shop.yaml": DEPLOYMENT,
        "manifests/10-config.yml": config("b") + "---\n" + config("a"),
    }
    names = [manifest["metadata"]["name"] for manifest in rendered(load_one(write(files=files)))]
    assert names == ["b", "a", "shop"]


def test_fields_that_only_a_server_sets_are_left_out_and_all_others_stay(write: Write) -> None:
    metadata = """metadata:
  name: shop
  uid: 0a1b2c3d-0000-0000-0000-000000000000
  resourceVersion: "12345"
  creationTimestamp: null
  managedFields: [{ manager: kubectl }]
  annotations:
    team: shop
    kubectl.kubernetes.io/last-applied-configuration: "{}"
"""
    exported = DEPLOYMENT.replace("metadata: { name: shop }\n", metadata) + "status: { replicas: 1 }\n"
    (deployment,) = rendered(load_one(write(files={"manifests/a.yaml": exported})))
    assert set(deployment) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(deployment["metadata"]) == {"name", "namespace", "labels", "annotations"}
    assert deployment["metadata"]["annotations"] == {"team": "shop", "slipway.dev/release": "shop-482"}


def test_an_object_with_an_owner_reference_is_refused(write: Write) -> None:
    owners = "ownerReferences: [{ apiVersion: v1, kind: Pod, name: a, uid: 0a1b2c3d-0000-0000-0000-000000000000 }]"
    owned = DEPLOYMENT.replace("{ name: shop }", f"{{ name: shop, {owners} }}", 1)
    with pytest.raises(ConfigError, match=r"metadata\.ownerReferences: expected none: an owner is named by its uid"):
        load_one(write(files={"manifests/a.yaml": owned}))


def test_labels_and_annotations_that_are_there_stay(write: Write) -> None:
    manifest = DEPLOYMENT.replace("{ name: shop }", "{ name: shop, labels: { tier: web }, annotations: { a: b } }", 1)
    (deployment,) = rendered(load_one(write(files={"manifests/a.yaml": manifest})))
    assert deployment["metadata"]["labels"]["tier"] == "web"
    assert deployment["metadata"]["annotations"]["a"] == "b"


def test_a_cluster_scoped_object_gets_no_namespace(write: Write) -> None:
    priority = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: { name: shop }\nvalue: 1\n---\n"
    first, second = rendered(load_one(write(files={"manifests/a.yaml": priority + DEPLOYMENT})))
    assert "namespace" not in first["metadata"]
    assert second["metadata"]["namespace"] == "shop-staging"


@pytest.mark.parametrize("image", ["shop:1", "shop@sha256:" + "a" * 64, "r.io/shop@sha256:abc", "r.io/shop:1.0"])
def test_an_image_that_is_not_by_digest_is_not_rendered(write: Write, image: str) -> None:
    definition = load_one(write())
    with pytest.raises(ValueError, match="image: expected"):
        rendered(definition, image=image)


def test_rendering_demands_exactly_the_built_in_values(write: Write) -> None:
    definition = load_one(write())
    with pytest.raises(ValueError, match="values: expected exactly SLIPWAY_APPLICATION"):
        render_objects(definition, definition.application.environments[0], image=IMAGE, values={})
    assert set(VALUES) == set(BUILT_INS)


def with_job(write: Write, job: str) -> Definition:
    text = APPLICATION + "    verification: { job: verify/job.yaml, within: 5m }\n"
    return load_one(write(text, files={"manifests/a.yaml": DEPLOYMENT, "verify/job.yaml": job}))


def test_the_verification_job_gets_the_image_a_name_of_its_own_and_a_time_limit(write: Write) -> None:
    definition = with_job(write, JOB)
    environment = definition.application.environments[0]
    job = render_job(definition, environment, image=IMAGE, values=VALUES, name="shop-482-1")
    assert job["metadata"]["name"] == "shop-482-1"
    assert job["metadata"]["namespace"] == "shop-staging"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "tests", "image": IMAGE, "args": ["shop-482"]}
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 300)


def test_a_backoff_limit_that_the_job_sets_stays(write: Write) -> None:
    definition = with_job(write, JOB.replace("spec:\n", "spec:\n  backoffLimit: 2\n", 1))
    job = render_job(definition, definition.application.environments[0], image=IMAGE, values=VALUES, name="j")
    assert job["spec"]["backoffLimit"] == 2


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (JOB.replace("batch/v1", "v1"), "expected a Job of batch/v1, got Job of v1"),
        (JOB + "---\n" + JOB, "expected one manifest of kind Job, got 2 manifests"),
        ("# nothing\n", "expected one manifest of kind Job, got 0 manifests"),
        (JOB.partition("spec:")[0], "expected spec.template.spec.containers with a container, got none"),
    ],
)
def test_a_mistake_in_the_job_is_reported(write: Write, job: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_job(write, job)
    assert message in str(caught.value)
    assert str(caught.value).startswith("team/shop/verify/job.yaml:")


def test_rendering_the_job_of_an_environment_that_names_no_job_fails(write: Write) -> None:
    definition = load_one(write())
    with pytest.raises(LookupError, match=r"no verification\.job"):
        render_job(definition, definition.application.environments[0], image=IMAGE, values=VALUES, name="j")


def test_an_object_without_the_image_gets_no_release_annotation(
    write: Write,
) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: { name: shop }\nspec: { ports: [{ port: 80 }] }\n"
    files = {"manifests/deployment.yaml": DEPLOYMENT, "manifests/service.yaml": service}
    definition = load_one(write(files=files))
    annotations = {manifest["kind"]: manifest["metadata"].get("annotations") for manifest in rendered(definition)}
    assert annotations == {"Deployment": {"slipway.dev/release": "shop-482"}, "Service": None}
