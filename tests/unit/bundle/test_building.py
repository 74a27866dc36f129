"""From a folder of plain manifests to an artifact that names everything by digest, the same bytes each time."""

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slipway.bundle import BundleSource, Reference, read_environments, unpack_bundle
from slipway.bundle.contents import ContentPart
from slipway.domain.images import NO_IMAGE_RULES, ImageRules
from slipway.manifests.problems import ConfigError
from tests.unit.bundle.samples import CI, DEPLOYMENT, FILES, JOB, PROD, PROXY, SERVICE, SHOP, build_bundle, targets


def problems(folder: Path, files: dict[str, str], **options: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build_bundle(folder, files, **options)
    return [str(problem) for problem in caught.value.problems]


def test_building_twice_gives_the_same_digest(tmp_path: Path) -> None:
    first, second = build_bundle(tmp_path / "a"), build_bundle(tmp_path / "b", dict(reversed(FILES.items())))
    assert first.packed.digest == second.packed.digest
    assert first.packed.layer == second.packed.layer


def test_each_environment_names_its_own_registry_and_namespace(tmp_path: Path) -> None:
    config, files = unpack_bundle(build_bundle(tmp_path).packed)
    environments = read_environments(config, files)
    for name, registry, namespace in (("staging", CI, "shop-staging"), ("production", PROD, "shop")):
        deployment, service = (member.value for member in environments[name].part(ContentPart.MANIFESTS))
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"{registry}/team/shop@{SHOP}"
        assert {deployment["metadata"]["namespace"], service["metadata"]["namespace"]} == {namespace}
    (job,) = environments["staging"].part(ContentPart.VERIFICATION)
    assert job.file == "acceptance.yaml"
    assert job.value["spec"]["template"]["spec"]["containers"][0]["image"] == f"{CI}/team/shop@{SHOP}"


def test_a_bundle_is_readable_with_tar_and_json_alone(tmp_path: Path) -> None:
    source = BundleSource(commit="c0ffee", repository="https://git.example/shop")
    packed = build_bundle(tmp_path, created=datetime(2026, 11, 28, 9, 0, tzinfo=UTC), source=source).packed
    manifest = json.loads(packed.manifest)
    assert manifest["artifactType"] == "application/vnd.slipway.bundle.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.slipway.bundle.config.v1+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert layer["digest"] == "sha256:" + hashlib.sha256(packed.layer).hexdigest()
    assert manifest["annotations"] == {
        "org.opencontainers.image.created": "2026-11-28T09:00:00Z",
        "org.opencontainers.image.revision": "c0ffee",
        "org.opencontainers.image.source": "https://git.example/shop",
        "org.opencontainers.image.title": "shop",
        "org.opencontainers.image.version": "1.4.0",
    }
    config = json.loads(packed.config)
    assert config["schema"] == 1
    assert config["targets"] == targets().hash
    assert config["images"] == [
        {
            "name": "shop",
            "repository": "team/shop",
            "digest": SHOP,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "platforms": ["linux/amd64"],
        }
    ]
    with tarfile.open(fileobj=io.BytesIO(packed.layer)) as archive:
        assert sorted(m.name for m in archive if m.isfile()) == sorted(FILES)


def test_an_image_without_a_tag_takes_the_given_reference(tmp_path: Path) -> None:
    files = {"environments/staging/a.yaml": DEPLOYMENT.replace(":1.4.0", "")}
    shop = Reference(host="", repository="team/shop", tag="", digest=SHOP)
    assert build_bundle(tmp_path, files, references={"team/shop": shop}).config.images[0].digest == SHOP
    (problem,) = problems(tmp_path, files)
    assert "expected a tag or a digest, got 'team/shop'" in problem
    assert "--image team/shop:TAG" in problem


def test_a_tag_given_for_an_image_that_no_manifest_names_is_refused(tmp_path: Path) -> None:
    """A misspelt name, for example, would leave the old tag of the manifest in force."""
    slip = Reference(host="", repository="team/shpo", tag="1.5.0", digest="")

    with pytest.raises(ConfigError, match=r"--image: expected an image .*, got 'team/shpo'; they name .*team/shop"):
        build_bundle(tmp_path, FILES, references={"team/shpo": slip})


def test_an_image_of_another_environments_registry_is_the_same_image(tmp_path: Path) -> None:
    files = {"environments/production/a.yaml": DEPLOYMENT.replace("team/shop:1.4.0", f"{PROD}/team/shop@{SHOP}")}
    assert build_bundle(tmp_path, files).config.images[0].repository == "team/shop"


def test_a_bundle_may_lack_environments_and_says_which(tmp_path: Path) -> None:
    files = {path: text for path, text in FILES.items() if "production" not in path}
    assert build_bundle(tmp_path, files).missing == ("production",)


def test_several_images_are_listed_once_each_and_by_environment(tmp_path: Path) -> None:
    proxy = "        - { name: proxy, image: team/proxy:2.0 }\n"
    files = FILES | {"environments/staging/deployment.yaml": DEPLOYMENT + proxy}
    config = build_bundle(tmp_path, files).config
    assert [(image.name, image.digest) for image in config.images] == [("proxy", PROXY), ("shop", SHOP)]
    assert {name: entry.images for name, entry in config.environments.items()} == {
        "staging": ("proxy", "shop"),
        "production": ("shop",),
    }


IN_STAGING = "environments/staging/a.yaml"
DATABASE = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: { name: db }\nspec: { imageName: pg }\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {IN_STAGING: DEPLOYMENT.replace("1.4.0", "9.9.9")},
            f"{IN_STAGING}:10: spec.template.spec.containers[0].image: expected an image that {CI}/team/shop has under "
            "9.9.9, got 'team/shop:9.9.9'; push the image before the bundle",
        ),
        (
            {IN_STAGING: DEPLOYMENT.replace("team/shop:1.4.0", "docker.io/library/nginx:1")},
            f"{IN_STAGING}:10: spec.template.spec.containers[0].image: expected an image of {CI}, or without a host, "
            "got 'docker.io/library/nginx:1'; copy it there first, as library/nginx: a bundle brings its images along",
        ),
        (
            {IN_STAGING: DEPLOYMENT.replace('"team/shop:1.4.0"', "7")},
            "expected an image such as team/shop:1.4.0, got 7",
        ),
        (
            {IN_STAGING: SERVICE, "environments/staging/a.yml": SERVICE},
            "a.yml:1: environments/staging/a.yaml is there too",
        ),
        (
            {IN_STAGING: SERVICE, "environments/staging/notes.txt": "x"},
            "expected a file that ends in .yaml, got 'notes.txt'",
        ),
        ({"environments/staging/sub/deep/a.yaml": SERVICE}, "expected environments/<name>/<file>.yaml"),
        (
            {"environments/staging/overlay/a.yaml": SERVICE},
            "expected one of the folders verification, before and after",
        ),
        ({"environments/a.yaml": SERVICE}, "expected environments/<name>/<file>.yaml"),
        (
            {"environments/stagin/a.yaml": SERVICE},
            "expected an environment of targets.json, got 'stagin'; did you mean 'staging'?",
        ),
        ({"environments/staging/skaffold.yaml": "build: {}\n"}, "belongs to another tool: render it"),
        (
            {IN_STAGING: SERVICE.replace("port: 80", "port: 9007199254740993")},
            "spec.ports[0].port: expected a number that every reader reads exactly, got a larger one; write it in",
        ),
        (
            {IN_STAGING: SERVICE.replace("{ name: shop }", "{ name: Shop_1 }")},
            "metadata.name: expected lower-case letters",
        ),
        ({IN_STAGING: "# nothing\n"}, "expected a manifest, got an empty file"),
        (
            {"environments/staging/before/a.yaml": SERVICE},
            "environments/staging/before/a.yaml:2: kind: expected a Job of batch/v1, got Service of v1",
        ),
        (
            {"environments/staging/verification/a.yaml": JOB},
            "environments/staging:1: expected a manifest in a .yaml file",
        ),
        (
            {IN_STAGING: "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { password: hunter2 }\n"},
            f"{IN_STAGING}:4: stringData: expected a Secret without values, got a mapping of 1; everybody who may pull",
        ),
        (
            {IN_STAGING: "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { password: aHVudGVyMg== }\n"},
            "data: expected a Secret without values",
        ),
        ({IN_STAGING: SERVICE.replace("{ name: shop }", "{ name: shop, namespace: other }")}, "'shop-staging'"),
        (
            {IN_STAGING: SERVICE, "environments/staging/b.yaml": SERVICE},
            "environments/staging/b.yaml:4: metadata.name: the same Service 'shop' is in environments/staging/a.yaml:1",
        ),
        (
            {IN_STAGING: DATABASE},
            "spec.imageName: expected no field of this name, got text; in this place Slipway cannot tell",
        ),
        (
            {IN_STAGING: SERVICE + "a: &a [x]\nb: *a\nc: !!python/object:os.system {}\n"},
            "expected plain YAML without a tag",
        ),
    ],
)
def test_a_mistake_is_reported_with_file_line_field_and_remedy(
    tmp_path: Path, files: dict[str, str], expected: str
) -> None:
    assert any(expected in problem for problem in problems(tmp_path, files)), problems(tmp_path, files)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "ports: [{ port: 80 }]",
            "ports: [{ port: '80' }]",
            "4: spec.ports[0].port: expected a whole number, got '80'",
        ),
        ("ports: [{", "prots: [{", "4: spec.prots: unknown field; did you mean 'ports'?"),
        ("apiVersion: v1", "apiVersion: v2", "1: apiVersion: expected v1 for Service, got v2 Service"),
    ],
)
def test_a_manifest_that_kubernetes_would_refuse_is_reported_at_its_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    file = "environments/production/service.yaml"
    (problem,) = problems(tmp_path, FILES | {file: SERVICE.replace(old, new)})
    assert problem.startswith(f"{file}:{expected}"), problem


HPA = """\
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: { name: shop }
spec: { maxReplicas: 3, scaleTargetRef: { kind: Deployment, name: shop } }
"""


def test_each_environment_is_compared_with_the_schemas_of_its_own_version(tmp_path: Path) -> None:
    """The version of the API is gone since 1.26; staging is older."""
    older = targets().model_dump(mode="json")
    older["environments"]["staging"]["kubernetes"] = "1.25"
    files = FILES | {f"environments/{name}/hpa.yaml": HPA for name in ("staging", "production")}
    (problem,) = problems(tmp_path, files, targets=targets().model_validate(older))
    assert problem.startswith(
        "environments/production/hpa.yaml:1: apiVersion: expected autoscaling/v1 or autoscaling/v2"
    )


def test_all_problems_are_reported_at_once_and_no_secret_is_quoted(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { password: hunter2 }\n"
    messages = problems(tmp_path, {IN_STAGING: secret, "environments/production/x.txt": "", "environments/a": ""})
    assert len(messages) == 3
    assert "hunter2" not in "\n".join(messages)


def test_one_image_has_one_digest_in_a_bundle(tmp_path: Path) -> None:
    other_digest = "sha256:" + "c" * 64
    files = {
        IN_STAGING: DEPLOYMENT,
        "environments/production/a.yaml": DEPLOYMENT.replace(":1.4.0", f"@{other_digest}"),
    }
    (problem,) = problems(tmp_path, files)
    assert "expected an image that nonprod.test/team/shop has under sha256:cc" in problem


PATHS = {"postgresql.cnpg.io/Cluster": ("spec.imageName", "spec.sidecars[].containerImage")}


def cluster(image: str, sidecar: str) -> str:
    spec = f"{{ imageName: '{image}', sidecars: [{{ containerImage: '{sidecar}' }}, {{ name: none }}] }}"
    return f"apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {{ name: db }}\nspec: {spec}\n"


def test_images_in_fields_that_the_project_lists_are_pinned_like_all_others(tmp_path: Path) -> None:
    build_targets = targets().model_copy(update={"image_paths": PATHS})
    files = {IN_STAGING: cluster("team/shop:1.4.0", "team/proxy:2.0")}
    bundle = build_bundle(tmp_path, files, targets=build_targets)
    assert [(image.repository, image.digest) for image in bundle.config.images] == [
        ("team/proxy", PROXY),
        ("team/shop", SHOP),
    ]
    (member,) = read_environments(*unpack_bundle(bundle.packed))["staging"].part(ContentPart.MANIFESTS)
    assert member.value["spec"]["imageName"] == f"{CI}/team/shop@{SHOP}"
    assert member.value["spec"]["sidecars"][0]["containerImage"] == f"{CI}/team/proxy@{PROXY}"
    assert build_targets.hash != targets().hash


def test_a_reader_whose_project_does_not_name_the_field_refuses_the_bundle(tmp_path: Path) -> None:
    build_targets = targets().model_copy(update={"image_paths": PATHS})
    bundle = build_bundle(tmp_path, {IN_STAGING: cluster("team/shop:1.4.0", "team/proxy:2.0")}, targets=build_targets)
    with pytest.raises(ConfigError) as caught:
        read_environments(*unpack_bundle(bundle.packed), NO_IMAGE_RULES)
    assert "spec.imageName: expected no field of this name, got text" in str(caught.value)
    assert "let the project list it in image_paths" in str(caught.value)


FOREIGN = f"mcr.example/oss/pg@sha256:{'d' * 64}"


def test_an_image_of_another_registry_stays_by_digest_where_the_project_takes_it(tmp_path: Path) -> None:
    build_targets = targets().model_copy(update={"image_paths": PATHS, "foreign_images": ("mcr.example/oss/*",)})
    bundle = build_bundle(tmp_path, {IN_STAGING: cluster(FOREIGN, "team/proxy:2.0")}, targets=build_targets)
    assert [image.repository for image in bundle.config.images] == ["team/proxy"]
    (member,) = read_environments(*unpack_bundle(bundle.packed))["staging"].part(ContentPart.MANIFESTS)
    assert member.value["spec"]["imageName"] == FOREIGN
    with pytest.raises(ConfigError, match=r"spec.imageName: expected an image of the environment by digest"):
        read_environments(*unpack_bundle(bundle.packed), ImageRules(paths=PATHS))


def test_an_image_of_another_registry_is_refused_by_its_tag(tmp_path: Path) -> None:
    build_targets = targets().model_copy(update={"image_paths": PATHS, "foreign_images": ("mcr.example/oss/*",)})
    files = {IN_STAGING: cluster("mcr.example/oss/pg:18", "team/proxy:2.0")}
    (problem,) = problems(tmp_path, files, targets=build_targets)
    assert "expected mcr.example/oss/pg@sha256:…, got 'mcr.example/oss/pg:18'; the project takes it from" in problem


def test_a_kind_that_the_project_leaves_unpinned_is_bundled_as_it_is(tmp_path: Path) -> None:
    build_targets = targets().model_copy(update={"unpinned": ("postgresql.cnpg.io/Cluster",)})
    bundle = build_bundle(tmp_path, {IN_STAGING: cluster("other.example/pg:18", "pg")}, targets=build_targets)
    (member,) = read_environments(*unpack_bundle(bundle.packed))["staging"].part(ContentPart.MANIFESTS)
    assert member.value["spec"]["imageName"] == "other.example/pg:18"
    with pytest.raises(ConfigError, match="needs its kind in unpinned"):
        read_environments(*unpack_bundle(bundle.packed), NO_IMAGE_RULES)


def test_an_image_field_of_the_project_that_holds_no_image_is_refused(tmp_path: Path) -> None:
    build_targets = targets().model_copy(update={"image_paths": {"postgresql.cnpg.io/Cluster": ("spec.imageName",)}})
    files = {IN_STAGING: DATABASE.replace("imageName: pg", "imageName: { name: pg }")}
    (problem,) = problems(tmp_path, files, targets=build_targets)
    assert "spec.imageName: expected an image such as team/shop:1.4.0, got a mapping of 1" in problem


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in range(9))}]" for n in range(1, 9)]
    messages = problems(tmp_path, {IN_STAGING: "\n".join(lines)})
    assert "once aliases are put in" in messages[0]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "environments/staging").mkdir(parents=True)
    (tmp_path / IN_STAGING).symlink_to("/etc/hostname")
    assert problems(tmp_path, {}) == [f"{IN_STAGING}:1: expected a file, got a symbolic link"]
    (tmp_path / IN_STAGING).unlink()
    (tmp_path / "environments/staging/sub").symlink_to("/etc")
    assert problems(tmp_path, {}) == ["environments/staging/sub:1: expected a file, got a symbolic link"]


def test_a_folder_without_environments_is_refused(tmp_path: Path) -> None:
    assert "expected a folder environments/" in problems(tmp_path, {"deployment.yaml": DEPLOYMENT})[0]
