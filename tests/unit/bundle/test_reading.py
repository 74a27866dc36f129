"""Reading a bundle: parts that do not fit each other, and contents that no builder has checked."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.bundle import (
    NotABundle,
    PackedBundle,
    blobs_of,
    contents,
    read_config,
    read_environments,
    read_targets,
    unpack_bundle,
)
from slipway.bundle.artifact import content_digest, pack_bundle
from slipway.bundle.writing import write_documents
from slipway.domain.images import ImageRules
from slipway.domain.model import canonical
from slipway.manifests.documents import read_text
from slipway.manifests.objects import MOST_OBJECTS
from slipway.manifests.problems import ConfigError
from slipway.manifests.references import image_places, parse_reference, unpinnable
from tests.unit.bundle.samples import CI, PROXY, SHOP, build_bundle, targets


@pytest.fixture
def packed(tmp_path: Path) -> PackedBundle:
    return build_bundle(tmp_path).packed


def problems(act: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        act()
    return [str(problem) for problem in caught.value.problems]


# ---- the artifact


def test_parts_that_are_not_the_manifests_are_refused(packed: PackedBundle) -> None:
    for name in ("config", "layer"):
        swapped = PackedBundle(
            **{"manifest": packed.manifest, "config": packed.config, "layer": packed.layer, name: b"{}"}
        )
        (problem,) = problems(partial(unpack_bundle, swapped))
        assert "expected" in problem
        assert "got 2 bytes" in problem


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"", "not an OCI manifest"),
        (b"[]", "not an OCI manifest"),
        (b"[" * 100_000, "not an OCI manifest"),
        (b'{"mediaType": "application/vnd.oci.image.index.v1+json"}', "got 'application/vnd.oci.image.index.v1"),
        (
            b'{"config": {"mediaType": "application/vnd.oci.image.config.v1+json"}}',
            "got 'application/vnd.oci.image.config",
        ),
        (b'{"artifactType": "application/vnd.cncf.notary.signature"}', "notary.signature"),
    ],
)
def test_an_artifact_of_another_type_is_not_taken_for_a_bundle(manifest: bytes, message: str) -> None:
    with pytest.raises(NotABundle, match=message):
        blobs_of(manifest)


def _changed(packed: PackedBundle, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(packed.manifest)
    change(document)
    return canonical(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(mediaType="application/vnd.oci.image.index.v1+json"), "mediaType: expected"),
        (lambda m: m.update(schemaVersion=1), "schemaVersion"),
        (lambda m: m.pop("config"), "config: expected bundle.json"),
        (lambda m: m["config"].update(mediaType="application/json"), "config.mediaType: expected"),
        (lambda m: m["config"].update(size=10**9), "config.size: expected at most"),
        (lambda m: m["config"].update(size=-1), "config.size"),
        (lambda m: m["layers"].append(m["layers"][0]), "layers: expected one layer, got 2"),
        (lambda m: m["layers"].clear(), "layers: expected one layer, got 0"),
        (lambda m: m["layers"][0].update(mediaType="application/x-tar"), "layers[0].mediaType: expected"),
        (lambda m: m["layers"][0].update(size=10**12), "layers[0].size: expected at most"),
        (lambda m: m["layers"][0].update(digest="sha512:aa"), "layers.0.digest"),
    ],
)
def test_a_broken_manifest_is_refused_by_field(
    packed: PackedBundle, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    assert any(message in problem for problem in problems(lambda: blobs_of(_changed(packed, change))))


def test_a_repeated_key_of_the_manifest_is_refused(packed: PackedBundle) -> None:
    doubled = packed.manifest.replace(b'"schemaVersion":2', b'"schemaVersion":2,"schemaVersion":2')
    assert "the key 'schemaVersion' is used twice" in problems(lambda: blobs_of(doubled))[0]


# ---- bundle.json and targets.json


def _config(packed: PackedBundle, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(packed.config)
    change(document)
    return canonical(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(gates=[]), "gates: Extra inputs are not permitted"),
        (lambda c: c.update(schema=2), "schema: Input should be 1"),
        (lambda c: c.update(application="Shop"), "application: String should match pattern"),
        (lambda c: c.update(version="1 4"), "version: String should match pattern"),
        (lambda c: c.update(created="yesterday"), "created: "),
        (lambda c: c.update(targets="sha256:1"), "targets: String should match pattern"),
        (lambda c: c["images"].append(c["images"][0]), "the name 'shop' is used twice"),
        (
            lambda c: c["images"].append(c["images"][0] | {"name": "other", "digest": PROXY}),
            "the repository 'team/shop' is used twice; a bundle has one digest of each image",
        ),
        (lambda c: c["images"].extend(c["images"] * 200), "at most 100 items"),
        (lambda c: c["environments"].clear(), "at least 1 item"),
        (lambda c: c["environments"]["staging"].update(path="environments/production"), "environments.staging.path"),
        (lambda c: c["environments"]["staging"].update(images=["cart"]), "'cart' is not among the bundle's images"),
        (lambda c: c["environments"]["staging"].update(registry="http://x"), "environments.staging.registry"),
        (lambda c: c["environments"].update({"../x": c["environments"]["staging"]}), "environments.../x"),
    ],
)
def test_bundle_json_is_read_strictly(
    packed: PackedBundle, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    assert any(message in problem for problem in problems(lambda: read_config(_config(packed, change))))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema": NaN}', "NaN is not a JSON number"),
        (b'{"schema": 1, "schema": 1}', "the key 'schema' is used twice"),
        (b" " * (256 * 1024 + 1), "expected at most 256 KiB"),
        (b'{"schema": "\xff"}', "not valid JSON"),
    ],
)
def test_an_unreadable_bundle_json_is_refused_with_the_reason(data: bytes, message: str) -> None:
    assert message in problems(lambda: read_config(data))[0]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda t: st.lists(t) | st.dictionaries(st.text(max_size=8), t),
    )
)
def test_arbitrary_json_is_read_or_refused_with_problems(value: Any) -> None:
    problems(lambda: read_config(json.dumps(value).encode()))
    problems(lambda: read_targets(json.dumps(value).encode()))


def test_targets_have_the_same_hash_however_they_are_written() -> None:
    document = targets().model_dump(mode="json")
    spaced = json.dumps(document, indent=4, sort_keys=False).encode()
    assert read_targets(spaced).hash == targets().hash
    document["environments"]["staging"]["namespace"] = "other"
    assert read_targets(json.dumps(document).encode()).hash != targets().hash


# ---- the files


def _repacked(tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> list[str]:
    """The problems of a bundle whose files, and their digests, were changed after the build."""
    config, files = unpack_bundle(build_bundle(tmp_path).packed)
    change(files)
    config = config.model_copy(update={"content": content_digest(files)})
    config, files = unpack_bundle(pack_bundle(config, files))
    return problems(lambda: read_environments(config, files))


STAGING = "environments/staging/deployment.yaml"
SECRET = b"---\napiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { a: b }\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.update({STAGING: f[STAGING].replace(f"@{SHOP}".encode(), b":1.4.0")}),
            f"expected an image of the environment by digest, in its registry ({CI}/team/shop@{SHOP})",
        ),
        (
            lambda f: f.update({STAGING: f[STAGING].replace(SHOP.encode(), PROXY.encode())}),
            "by digest, in its registry",
        ),
        (lambda f: f.update({STAGING: f[STAGING].replace(CI.encode(), b"evil.test")}), "by digest, in its registry"),
        (
            lambda f: (
                f.update({STAGING: b"apiVersion: v1\nkind: Service\nmetadata: { name: other }\n"})
                or f.pop("environments/staging/verification/acceptance.yaml")
            ),
            "environments.staging.images: the image 'shop' is listed for the environment, and no manifest",
        ),
        (
            lambda f: f.update({"environments/qa/a.yaml": f[STAGING]}),
            "expected an environment of bundle.json, got 'qa'",
        ),
        (lambda f: f.update({"README": b""}), "README:1: expected environments/<name>/<file>.yaml"),
        (lambda f: f.update({STAGING: b"a: [1\n"}), f"{STAGING}:2: not valid YAML"),
        (
            lambda f: f.update({STAGING: b"- a\n"}),
            f"{STAGING}:1: expected a mapping with apiVersion, kind and metadata",
        ),
        (
            lambda f: f.update({STAGING: f[STAGING].replace(b"shop-staging", b"kube-system")}),
            "metadata.namespace: expected",
        ),
        (
            lambda f: f.update({STAGING: f[STAGING] + SECRET}),
            "data: expected a Secret without values",
        ),
        (
            lambda f: [f.pop(path) for path in list(f) if "staging" in path],
            "environments/staging:1: expected a manifest",
        ),
        (
            lambda f: f.update({f"environments/staging/{n}.yaml": b"kind: a\n---\n" * 199 for n in range(3)}),
            f"environments/staging:1: expected at most {MOST_OBJECTS} objects, got ",
        ),
    ],
)
def test_files_that_no_builder_has_checked_are_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], message: str
) -> None:
    messages = _repacked(tmp_path, change)
    assert any(message in problem for problem in messages), messages


def test_yaml_that_would_take_minutes_to_read_is_refused_at_a_limit_of_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MOST_VALUES", 30_000)
    random = Random(1)

    def change(files: dict[str, bytes]) -> None:
        for number in range(4):
            numbers = ",".join(str(random.randrange(10**8)) for _ in range(9_000))
            dense = f"apiVersion: v1\nkind: X\nmetadata: {{ name: x }}\nl: [{numbers}]\n"
            files[f"environments/staging/{number:02}.yaml"] = dense.encode()

    assert _repacked(tmp_path, change) == [
        "environments/staging/03.yaml:1: expected at most 30000 values in all files, got more"
    ]


def test_a_content_that_bundle_json_does_not_name_is_refused(tmp_path: Path) -> None:
    config, files = unpack_bundle(build_bundle(tmp_path).packed)
    files[STAGING] += b"# changed\n"
    (problem,) = problems(lambda: unpack_bundle(pack_bundle(config, files)))
    assert problem.startswith("bundle.json:1: content: expected sha256:")


# ---- images


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("team/shop", ("", "team/shop", "", "")),
        ("shop:1.0", ("", "shop", "1.0", "")),
        (f"shop.azurecr.io/team/shop:1.0@{SHOP}", ("shop.azurecr.io", "team/shop", "1.0", SHOP)),
        ("localhost:5000/shop", ("localhost:5000", "shop", "", "")),
        ("localhost/shop", ("localhost", "shop", "", "")),
    ],
)
def test_a_reference_is_read_as_container_tools_read_it(text: str, parts: tuple[str, ...]) -> None:
    reference = parse_reference(text)
    assert (reference.host, reference.repository, reference.tag, reference.digest) == parts
    assert str(reference) == text


@pytest.mark.parametrize(
    "text", ["", "Shop", "shop:", "shop@sha256:1", "a b", "shop:1:2", "host.io/", "../x", "x" * 300]
)
def test_a_malformed_image_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an image such as"):
        parse_reference(text)


def test_images_are_found_wherever_a_pod_is_described() -> None:
    pod = {
        "initContainers": [{"image": "a"}],
        "containers": [{"image": "b"}, {"name": "without"}],
        "ephemeralContainers": [{"image": "c"}],
        "volumes": [{"image": {"reference": "d"}}, {"emptyDir": {}}],
    }
    for manifest in (
        {"kind": "Pod", "spec": pod},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}},
        {"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1", "spec": {"template": {"spec": pod}}},
        {"kind": "PodTemplate", "template": {"spec": pod}},
    ):
        assert [place.text for place in image_places(manifest)] == ["a", "b", "c", "d"]
        assert list(unpinnable(manifest)) == []


def test_fields_that_look_like_an_image_in_unknown_places_are_found() -> None:
    manifest = {
        "kind": "Kafka",
        "metadata": {"annotations": {"image": "x"}},
        "spec": {
            "image": "x",
            "kafka": {"baseImage": "y"},
            "template": {"labels": {"image": "z"}},
            "imagePullPolicy": "Always",
        },
    }
    assert list(unpinnable(manifest)) == [("spec", "image"), ("spec", "kafka", "baseImage")]
    assert list(unpinnable({"kind": "ConfigMap", "data": {"image": "x"}})) == []


def test_an_image_in_parts_or_in_a_list_is_found_too() -> None:
    manifest = {
        "kind": "HelmRelease",
        "spec": {
            "values": {
                "image": {"repository": "team/x", "tag": "1.4"},
                "proxy": {"image": {"pullPolicy": "Always", "pullSecrets": [{"name": "x"}]}},
                "imageTag": "1.4",
                "sidecarImages": [{"name": "team/y"}],
                "image_": "x",
            }
        },
    }
    parts = [("spec", "values", name) for name in ("image", "imageTag", "sidecarImages")]
    assert list(unpinnable(manifest)) == parts
    rules = ImageRules(paths={"HelmRelease": ("spec.values.image.repository",)})
    assert list(unpinnable(manifest, rules)) == parts[1:]


# ---- YAML as it is written

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(values.filter(lambda value: value is not None))
def test_a_written_document_reads_back_unchanged(value: Any) -> None:
    if any(c in "\ud800\ufffe\uffff" or 0xD800 <= ord(c) <= 0xDFFF for c in json.dumps(value, ensure_ascii=False)):
        return
    (document,) = read_text(write_documents([value]), name="a.yaml")
    assert document.value == value
    assert document.ambiguous == {}


@pytest.mark.parametrize(
    "text", ["on", "y", "No", "0o17", "1e3", "0644", "22:22", "2026-01-01", "~", "", "=", "<<", ".inf", "null"]
)
def test_texts_that_readers_disagree_about_are_quoted(text: str) -> None:
    assert write_documents([{"a": text}]) == f'a: "{text}"\n'.encode()
