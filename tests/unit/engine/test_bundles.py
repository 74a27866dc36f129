"""A bundle is delivered: its push starts a release, and in the end exactly its content runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle import ContentPart, PackedBundle, read_config, read_environments, unpack_bundle
from slipway.bundle.artifact import content_digest, pack_bundle
from slipway.domain.commands import Verb
from slipway.domain.model import sha256
from slipway.domain.release import Phase, Release
from slipway.domain.reports import Status
from slipway.effects.cluster.rights import Right
from slipway.testing import Installation, write_application
from slipway.testing.artifacts import image, push_artifact
from slipway.testing.commands import proved_command
from slipway.testing.installation import OLGA
from slipway.web.release import show_release
from tests.unit.bundle.samples import DEPLOYMENT, FILES
from tests.unit.engine.bundle_ci import APPLICATION, Ci, with_two_images
from tests.unit.web.visitors import DORA


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    write_application(tmp_path / "deliveries", text=APPLICATION)
    installation = Installation(tmp_path / "deliveries")
    team = Ci(installation, tmp_path / "source")
    team.image("1.4.0")
    return team


def contains(live: Any, expected: Any) -> bool:
    """Whether everything expected is live; Slipway's labels and the server's defaults may be there as well."""
    if isinstance(expected, dict):
        return isinstance(live, dict) and all(key in live and contains(live[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(live) == len(expected) and all(contains(*pair) for pair in zip(live, expected, strict=True))
    return bool(live == expected)


def last_details(ci: Ci, action: str) -> dict[str, Any]:
    return next(record for record in reversed(ci.installation.trail()) if record.action == action).details


def test_a_bundle_goes_to_production_as_it_was_built(ci: Ci) -> None:
    installation, bundle = ci.installation, ci.bundle("1.4.0")
    ci.push(bundle, "1.4.0")
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED, installation.release(1).reason
    contents = read_environments(*unpack_bundle(bundle))
    for name, cluster in (("staging", installation.staging), ("production", installation.production)):
        plan = installation.app.reader.plan(installation.release(1).rollout_in(name).plan_hash or "")  # type: ignore[union-attr]
        (digest,) = {i.digest for i in unpack_bundle(bundle)[0].images}
        registry, _ = ci.places[name]
        assert (plan.digest, plan.images) == (bundle.digest, (f"{registry}/team/shop@{digest}",))
        for member, manifest in zip(contents[name].part(ContentPart.MANIFESTS), plan.manifests, strict=True):
            assert contains(manifest, member.value)
        assert cluster is not None
    assert installation.release(1).digest == bundle.digest


def test_the_copy_brings_images_and_bundle_into_the_registry_of_the_environment(ci: Ci) -> None:
    installation, bundle = ci.installation, ci.bundle("1.4.0")
    ci.push(bundle, "1.4.0")
    installation.vote(1)
    installation.settle()
    prod, digest = installation.prod, installation.nonprod.resolve("team/shop", "1.4.0")
    assert prod.resolve("team/shop-bundle", "1.4.0") == bundle.digest
    assert digest is not None
    assert prod.resolve("team/shop", digest) == digest
    details = last_details(ci, "copy.done")
    assert [image["digest"] for image in details["images"]] == [digest]
    assert prod.locked == {
        ("team/shop-bundle", "1.4.0"): bundle.digest,
        ("team/shop", f"slipway-{digest.removeprefix('sha256:')}"): digest,
    }


def test_a_layer_of_an_image_that_is_gone_is_found_before_anybody_is_asked(ci: Ci) -> None:
    bundle = ci.bundle("1.4.0")
    layer = sha256(b"shop 1.4.0")
    del ci.installation.nonprod.held.blobs["team/shop", layer]
    ci.push(bundle, "1.4.0")
    release = ci.installation.release(1)
    assert (release.phase, release.environment) == (Phase.FAILED, "production")
    assert f"nonprod.test/team/shop@{layer}: these 10 bytes of the image are not there" in release.reason


def test_every_image_of_a_bundle_is_in_the_plan_and_in_the_copy(ci: Ci) -> None:
    installation, (bundle, proxy) = ci.installation, with_two_images(ci)
    shop = installation.nonprod.resolve("team/shop", "1.4.0")
    assert shop is not None
    ci.push(bundle, "1.4.0")
    plan = installation.app.reader.plan(installation.release(1).rollout_in("production").plan_hash or "")  # type: ignore[union-attr]
    assert plan.images == (f"prod.test/team/proxy@{proxy}", f"prod.test/team/shop@{shop}")
    installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED, installation.release(1).reason
    for repository, digest in (("team/proxy", proxy), ("team/shop", shop)):
        assert installation.prod.resolve(repository, digest) == digest
    assert [image["digest"] for image in last_details(ci, "copy.done")["images"]] == [proxy, shop]


def test_a_missing_part_of_any_image_of_a_bundle_is_found_before_anybody_is_asked(ci: Ci) -> None:
    bundle, proxy = with_two_images(ci)
    del ci.installation.nonprod.held.blobs["team/proxy", sha256(b"proxy 2.0")]
    ci.push(bundle, "1.4.0")
    release = ci.installation.release(1)
    assert (release.phase, release.environment) == (Phase.FAILED, "production")
    assert "nonprod.test/team/proxy@" in release.reason
    assert ci.installation.prod.resolve("team/proxy", proxy) is None


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_person_starts_a_release_of_a_bundle_that_was_pushed_before_anybody_listened(ci: Ci, by: str) -> None:
    installation, bundle = ci.installation, ci.bundle("1.4.0")
    ci.upload(bundle, "1.4.0")
    artifact = installation.app.push_prover.look_up(
        installation.app.catalogue.entries["shop"].application, **{by: {"tag": "1.4.0", "digest": bundle.digest}[by]}
    )
    assert (artifact.tag, artifact.digest) == ("1.4.0", bundle.digest)
    event = proved_command(
        received_at=installation.now,
        verb=Verb.CREATE,
        application="shop",
        artifact=artifact,
        actor=f"oid:{OLGA.oid}",
        channel="cli",
        submission="the first one",
    )
    installation.take(installation.with_proof(event))
    installation.settle()
    release = installation.release(1)
    assert (release.phase, release.tag) == (Phase.AWAITING_APPROVAL, "1.4.0"), release.reason
    assert release.bundle is not None


@pytest.mark.parametrize("repository", ["team/proxy", "team/shop"])
def test_an_image_that_was_purged_is_found_when_planning_where_nothing_is_copied(ci: Ci, repository: str) -> None:
    nonprod, (bundle, _) = ci.installation.nonprod, with_two_images(ci)
    digest = nonprod.resolve(repository, {"team/proxy": "2.0", "team/shop": "1.4.0"}[repository])
    assert digest is not None
    nonprod.lose(repository, digest)
    ci.push(bundle, "1.4.0")
    release = ci.installation.release(1)
    assert (release.phase, release.environment) == (Phase.FAILED, "staging")
    assert f"nonprod.test/{repository}@{digest}" in release.reason
    assert "rollout.requested" not in ci.installation.actions()


def test_a_field_that_names_an_image_counts_only_where_the_project_says_so(ci: Ci) -> None:
    database = (
        "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: { name: db }\nspec: { imageName: team/shop }\n"
    )
    ci.image_paths = {"postgresql.cnpg.io/Cluster": ("spec.imageName",)}
    texts = {**FILES, "environments/staging/db.yaml": database.replace("team/shop", "team/shop:1.4.0")}
    ci.push(ci.bundle("1.4.0", files=texts), "1.4.0")
    release = ci.installation.release(1)
    assert (release.phase, release.environment) == (Phase.FAILED, "staging")
    assert "spec.imageName: expected no field of this name, got text" in release.reason


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        (
            "role.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: shop }\nrules: []\n",
            "Role/shop: kind: expected one of Kubernetes' own namespaced kinds",
        ),
        (
            "deployment.yaml",
            DEPLOYMENT.replace("      containers:", "      hostNetwork: true\n      containers:"),
            "Deployment/shop: spec.template.spec.hostNetwork: expected nothing of the node",
        ),
        (
            "verification/acceptance.yaml",
            FILES["environments/staging/verification/acceptance.yaml"].replace(
                "spec:\n      r", "spec:\n      hostPID: true\n      r"
            ),
            "spec.template.spec.hostPID: expected nothing of the node",
        ),
    ],
)
def test_a_kind_that_the_project_does_not_allow_gets_no_plan(ci: Ci, path: str, text: str, reason: str) -> None:
    ci.push(ci.bundle("1.4.0", files={**FILES, f"environments/staging/{path}": text}), "1.4.0")
    release = ci.installation.release(1)
    assert (release.phase, release.environment) == (Phase.FAILED, "staging")
    assert release.reason.startswith("within-project: ")
    assert reason in release.reason
    assert last_details(ci, "plan.failed")["rules"] == ["within-project"]
    assert ci.installation.staging.applied == 0


def test_a_changed_manifest_is_a_new_bundle_with_the_same_image(ci: Ci) -> None:
    installation = ci.installation
    ci.push(ci.bundle("1.4.0"), "1.4.0")
    installation.vote(1)
    installation.settle()
    louder = {path: text.replace("info", "debug") for path, text in FILES.items()}
    ci.push(ci.bundle("1.4.1", files=louder), "1.4.1")
    installation.vote(2)
    installation.settle()
    assert installation.phase(2) is Phase.COMPLETED, installation.release(2).reason
    first, second = installation.release(1), installation.release(2)
    assert first.digest != second.digest
    assert first.bundle is not None
    assert second.bundle is not None
    assert first.bundle.images == second.bundle.images


def test_a_bundle_without_a_later_environment_ends_there_and_says_so_from_the_start(ci: Ci) -> None:
    only_staging = {path: text for path, text in FILES.items() if "production" not in path}
    ci.push(ci.bundle("1.4.0", files=only_staging), "1.4.0")
    release = ci.installation.release(1)
    assert release.phase is Phase.COMPLETED
    assert release.reason == "live in staging; its bundle ends there, it has no folder for production"
    assert last_details(ci, "release.started")["ends_before"] == "production"
    assert [group.environment for group in ci.installation.explain(1).rules] == ["staging"]
    page = show_release(ci.installation.app.reader, "shop-1", visitor=DORA).body.decode()
    assert "It ends before <strong>production</strong>: its bundle has no folder for it." in page
    assert "<dt>Bundle</dt>" in page


def test_a_bundle_without_the_first_environment_fails(ci: Ci) -> None:
    only_production = {path: text for path, text in FILES.items() if "production" in path}
    ci.push(ci.bundle("1.4.0", files=only_production), "1.4.0")
    assert ci.installation.phase(1) is Phase.FAILED
    assert "no folder for staging, the first environment" in ci.installation.release(1).reason


def test_an_environment_whose_target_has_changed_is_refused_by_name(ci: Ci) -> None:
    ci.places["production"] = ("old.test", "shop")
    ci.push(ci.bundle("1.4.0"), "1.4.0")
    release = ci.installation.release(1)
    assert release.phase is Phase.FAILED
    assert "rendered for production with the registry old.test, which is prod.test now" in release.reason
    assert release.reason.startswith("bundle-is-sound: ")
    assert last_details(ci, "plan.failed")["rules"] == ["bundle-is-sound"]
    assert [rollout.outcome for rollout in release.rollouts] == ["live", "failed"]


def test_an_artifact_that_is_no_bundle_fails_the_release_with_the_reason(ci: Ci) -> None:
    installation = ci.installation
    digest = push_artifact(installation.nonprod, "team/shop-bundle", image(b"an image"), "1.4.0")
    ci.report_push("team/shop-bundle", digest, "1.4.0")
    release = installation.release(1)
    assert release.phase is Phase.FAILED
    assert (
        "what was pushed is not a bundle: expected an artifact of type application/vnd.slipway.bundle" in release.reason
    )
    assert release.rollouts == ()


def with_config_changed(change: Callable[[dict[str, Any]], object], bundle: PackedBundle) -> PackedBundle:
    document = json.loads(bundle.config)
    change(document)
    _, files = unpack_bundle(bundle)
    return pack_bundle(read_config(json.dumps(document).encode()), files)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c.update(application="cart"), "the bundle is for the application 'cart', not 'shop'"),
        (
            lambda c: c["environments"].update(qa=c["environments"]["staging"] | {"path": "environments/qa"}),
            "the bundle has a folder for 'qa', and the application's environments are staging, production",
        ),
    ],
)
def test_a_bundle_that_says_something_that_is_not_so_is_refused(
    ci: Ci, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    ci.push(with_config_changed(change, ci.bundle("1.4.0")), "1.4.0")
    assert ci.installation.phase(1) is Phase.FAILED
    assert reason in ci.installation.release(1).reason


def test_an_image_of_another_team_is_not_brought_along(ci: Ci) -> None:
    push_artifact(ci.installation.nonprod, "others/shop", image(b"not ours"), "1.4.0")
    files = {path: text.replace("team/shop", "others/shop") for path, text in FILES.items()}
    ci.push(ci.bundle("1.4.0", files=files), "1.4.0")
    assert ci.installation.phase(1) is Phase.FAILED
    assert "brings an image of others/shop, and the project team has team/*" in ci.installation.release(1).reason


def test_an_image_that_the_builder_did_not_pin_is_refused_before_anything_is_applied(ci: Ci) -> None:
    config, files = unpack_bundle(ci.bundle("1.4.0"))
    path = "environments/staging/deployment.yaml"
    files[path] = files[path].replace(b"nonprod.test/team/shop@sha256:", b"evil.test/team/shop@sha256:")
    ci.push(pack_bundle(config.model_copy(update={"content": content_digest(files)}), files), "1.4.0")
    release = ci.installation.release(1)
    assert release.phase is Phase.FAILED
    assert "expected an image of the environment by digest, in its registry" in release.reason
    assert "rollout.requested" not in ci.installation.actions()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "environments/staging/verification/other.yaml",
            "verification.job names 'acceptance.yaml', so it would never run",
        ),
        ("environments/production/verification/acceptance.yaml", "the environment has no verification.job"),
    ],
)
def test_a_job_that_would_never_run_is_refused(ci: Ci, path: str, reason: str) -> None:
    job = FILES["environments/staging/verification/acceptance.yaml"].replace("name: acceptance }", "name: other }", 1)
    ci.push(ci.bundle("1.4.0", files=FILES | {path: job}), "1.4.0")
    assert ci.installation.phase(1) is Phase.FAILED
    assert reason in ci.installation.release(1).reason


def test_tests_that_the_application_demands_cannot_be_left_out_of_the_bundle(ci: Ci) -> None:
    without_tests = {path: text for path, text in FILES.items() if "verification" not in path}
    ci.push(ci.bundle("1.4.0", files=without_tests), "1.4.0")
    assert ci.installation.phase(1) is Phase.FAILED
    assert "expected one Job in the bundle, got none" in ci.installation.release(1).reason


def test_production_goes_back_to_an_earlier_bundle(ci: Ci) -> None:
    installation = ci.installation
    for number, version in enumerate(("1.4.0", "1.5.0"), start=1):
        ci.image(version)
        ci.push(ci.bundle(version, tag=version), version)
        installation.vote(number)
        installation.settle()
    assert installation.lane("production").live == live_in_production(installation.release(2), installation)
    installation.command(Verb.ROLLBACK, 1, "production", reason="it is slow")
    installation.settle()
    assert installation.phase(3) is Phase.COMPLETED, installation.release(3).reason
    first, brought_back = (installation.release(number) for number in (1, 3))
    plans = [installation.app.reader.plan(release.plan_hash or "") for release in (first, brought_back)]
    assert plans[0].manifests == plans[1].manifests
    assert plans[0].images == plans[1].images


def live_in_production(release: Release, installation: Installation) -> Any:
    live = installation.lane("production").live
    assert live is not None
    assert live.release == release.number
    return live


def test_pushes_of_what_no_application_delivers_are_dropped_and_not_parked(ci: Ci) -> None:
    installation = ci.installation
    ci.report_push("team/shop", sha256(b"an image of the bundle"), "1.5.0")
    assert list(installation.app.installation.all_parked(limit=3)) == []
    assert installation.trail() == []


def test_the_doctor_asks_for_the_rights_that_a_first_bundle_will_need(ci: Ci) -> None:
    check = ci.installation.app.doctor.run("cluster:staging:shop:staging")
    assert check.status is Status.OK
    assert check.said.endswith("for the usual kinds; those of a bundle are checked when one arrives")
    ci.installation.staging.lacking = (Right(verb="patch", group="apps", resource="deployments"),)
    lacking = ci.installation.app.doctor.run("cluster:staging:shop:staging")
    assert (lacking.status, "patch" in lacking.missing) == (Status.FAILED, True)
