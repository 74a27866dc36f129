"""The plan step: what a rollout would do, stored under a hash that covers all of it."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from slipway.catalogue import check_path
from slipway.catalogue.entries import Catalogue
from slipway.domain.audit import AuditRecord
from slipway.domain.commands import Verb
from slipway.domain.images import NO_IMAGE_RULES
from slipway.domain.plan import Plan, Preview, changed_parts
from slipway.domain.release import Phase, Release
from slipway.domain.steps import StepKind
from slipway.effects.cluster import ClusterUnreachable as ClusterAway
from slipway.effects.cluster import ObjectRefused, Owner, RemovedFromManifests, RetainedObject, Unsearched
from slipway.effects.registry import ErrorSubject, Unreachable
from slipway.engine.outcome import Finished
from slipway.engine.pinned import NotPinned, pinned_images
from slipway.engine.run_step import Work
from slipway.engine.steps.leaving import with_removed_objects
from slipway.engine.steps.plan import plan
from slipway.testing import APPLICATION, Installation, write_application
from slipway.testing.applications import PROXY
from slipway.testing.artifacts import image


def planned(installation: Installation) -> tuple[Release, Plan]:
    installation.push("1.0")
    installation.run_step(installation.settle_at(StepKind.PLAN, "staging"))
    release = installation.release(1)
    assert release.plan_hash is not None
    return release, installation.app.reader.plan(release.plan_hash)


def left_behind(installation: Installation, name: str) -> None:
    """Leave a ConfigMap in staging that the application brought earlier."""
    labels = Owner.of("shop", "staging").labels
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": dict(labels)}}
    installation.staging.apply([config], "shop")


def last(installation: Installation, action: str) -> AuditRecord:
    return next(record for record in reversed(installation.trail()) if record.action == action)


def test_a_plan_names_the_image_by_digest_where_the_environment_pulls_it_from(installation: Installation) -> None:
    release, plan = planned(installation)
    assert plan.images == (f"nonprod.test/team/shop@{release.digest}",)
    assert plan.copy_from is None
    containers = plan.manifests[0]["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == [*plan.images, PROXY]
    assert plan.foreign_images == (PROXY,)
    assert plan.verification is not None
    assert plan.verification["metadata"]["name"].startswith("shop-1-staging-")
    installation.settle()
    production = installation.app.reader.plan(installation.release(1).plan_hash or "")
    assert production.images == (f"prod.test/team/shop@{release.digest}",)
    assert production.copy_from == "nonprod"
    assert [result.environment for result in production.evidence] == ["staging", "staging"]


def test_the_same_plan_has_the_same_hash_and_another_image_has_another(deliveries: Path) -> None:
    hashes = [planned(Installation(deliveries))[0].plan_hash for _ in range(2)]
    assert hashes[0] == hashes[1]
    with_another_image = Installation(deliveries)
    with_another_image.build("0.9")
    with_another_image.push("1.1")
    with_another_image.run_step(with_another_image.settle_at(StepKind.PLAN, "staging"))
    assert with_another_image.release(1).plan_hash not in hashes


def test_a_plan_that_is_made_again_has_the_same_hash_also_where_a_job_verifies(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, "staging")
    release = installation.release(1)
    work = Work(step=step, release=release, entry=installation.app.catalogue.entries["shop"], renew=lambda: True)
    second_work = replace(work, release=release.evolve(attempt=release.attempt + 1))
    first, second = (plan(installation.app.clients, installation.clock, attempt) for attempt in (work, second_work))
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert first.result["plan_hash"] == second.result["plan_hash"]
    stored_plan = installation.app.reader.plan(first.result["plan_hash"])
    assert stored_plan.verification is not None


def test_a_plan_names_what_is_live_as_its_base(installation: Installation) -> None:
    release, plan = planned(installation)
    assert plan.base is None
    installation.settle()
    installation.push("2.0")
    installation.run_step(installation.settle_at(StepKind.PLAN, "staging"))
    following = installation.app.reader.plan(installation.release(2).plan_hash or "")
    assert following.base == release.plan_hash
    assert following.base_tag == "1.0"


def test_changes_and_what_left_the_manifests_are_counted_in_the_trail(installation: Installation) -> None:
    left_behind(installation, "old")
    installation.staging.staying = (RetainedObject(kind="PersistentVolumeClaim", name="data", why="data goes with it"),)
    installation.staging.unsearched = tuple(
        Unsearched(kind=kind, why="its server does not answer") for kind in ("Deployment.apps", "Service", "Secret")
    )
    release, plan = planned(installation)
    preview = installation.app.reader.preview(release, release.plan_hash)
    assert [(change.kind, change.change, change.why) for change in preview.changes] == [
        ("Deployment", "created", ""),
        ("Service", "created", ""),
        ("ConfigMap", "deleted", ""),
        ("PersistentVolumeClaim", "left", "data goes with it"),
    ]
    assert [(deletion.api_version, deletion.kind, deletion.name) for deletion in plan.deletions] == [
        ("v1", "ConfigMap", "old")
    ]
    unsearched = "Deployment.apps, Service: its server does not answer"
    assert preview.unsearched == (unsearched,)
    details = last(installation, "plan.made").details
    assert (details["created"], details["changed"], details["unchanged"]) == (2, 0, 0)
    assert (details["deleted"], details["left"], details["unsearched"]) == (1, 1, [unsearched])
    installation.settle()
    installation.push("2.0")
    installation.run_step(installation.settle_at(StepKind.PLAN, "staging"))
    details = last(installation, "plan.made").details
    assert (details["created"], details["changed"], details["unchanged"]) == (0, 1, 1)
    assert "deleted" not in details


ROLE = Unsearched(kind="Role.rbac.authorization.k8s.io", why="Slipway's identity may not list it")
MESH = Unsearched(kind="*.mesh.example.com", why="its server does not answer")
OF_MESH = {"apiVersion": "mesh.example.com/v1", "kind": "Route", "metadata": {"name": "shop"}}


def unsearched_in(installation: Installation) -> tuple[str, ...]:
    installation.run_step(installation.settle_at(StepKind.PLAN, "staging"))
    release = next(installation.app.ledger.releases("shop", limit=1))
    unsearched = installation.app.reader.preview(release, release.plan_hash).unsearched
    installation.settle()
    return unsearched


def test_a_plan_mentions_no_kind_that_the_application_never_had(installation: Installation) -> None:
    installation.staging.unsearched = (ROLE, MESH)
    installation.push("1.0")
    assert unsearched_in(installation) == ()


def test_a_kind_that_an_application_once_had_is_named_as_not_searched_ever_after(installation: Installation) -> None:
    installation.staging.unsearched = (ROLE, MESH)
    folder = installation.deliveries / "shop" / "manifests"
    (folder / "route.yaml").write_text(json.dumps(OF_MESH))
    project = installation.deliveries / "project.yaml"
    project.write_text(f"{project.read_text()}kinds: {{ also: [mesh.example.com/Route] }}\n")
    installation.restart()
    installation.push("1.0")
    expected = ("*.mesh.example.com: its server does not answer",)
    assert unsearched_in(installation) == expected
    (folder / "route.yaml").unlink()
    installation.restart()
    for tag in ("2.0", "3.0"):
        installation.push(tag)
        assert unsearched_in(installation) == expected


def test_where_the_cluster_does_not_say_which_kinds_it_has_the_plan_says_so() -> None:
    unsearched = tuple(Unsearched(kind=kind, why="why") for kind in ("custom kinds", *(f"K{n}.x" for n in range(10))))
    kinds = [f"K{number}.x" for number in range(10)]
    summary = with_removed_objects(Preview(changes=()), RemovedFromManifests(unsearched=unsearched), kinds).unsearched
    assert summary == ("custom kinds, K0.x, K1.x, K2.x, K3.x, K4.x, K5.x, K6.x and 3 more: why",)
    assert with_removed_objects(Preview(changes=()), RemovedFromManifests(unsearched=unsearched), ()).unsearched == (
        "custom kinds: why",
    )


def test_the_objects_that_a_rollout_deletes_are_part_of_the_hash(deliveries: Path) -> None:
    plain, with_deletion = Installation(deliveries), Installation(deliveries)
    left_behind(with_deletion, "old")
    plans = [planned(installation)[1] for installation in (plain, with_deletion)]
    assert plans[0].hash != plans[1].hash
    assert changed_parts(plans[0].parts, plans[1].parts) == ("deletions",)


def test_retained_objects_and_unsearched_kinds_are_in_the_preview_and_not_in_the_hash(deliveries: Path) -> None:
    plain, with_more_objects = Installation(deliveries), Installation(deliveries)
    with_more_objects.staging.staying = (
        RetainedObject(kind="ConfigMap", name="old", why="an annotation on it asks to keep it"),
    )
    with_more_objects.staging.unsearched = (Unsearched(kind="Service", why="Slipway's identity may not list it"),)
    releases = [planned(installation)[0] for installation in (plain, with_more_objects)]
    assert releases[0].plan_hash == releases[1].plan_hash
    previews = {release.preview_of(release.plan_hash) for release in releases}
    assert len(previews) == 2


def test_a_digest_that_is_not_in_the_registry_fails_the_release_with_its_name(installation: Installation) -> None:
    installation.push("1.0")
    installation.nonprod.held.manifests.clear()
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    assert f"nonprod.test/team/shop@{installation.release(1).digest}" in installation.release(1).reason
    assert installation.lane("staging").waiting is None


def test_a_mistake_in_the_manifests_fails_the_release_with_file_and_line(tmp_path: Path) -> None:
    write_application(tmp_path)
    installation = Installation(tmp_path)
    installation.push("1.0")
    shop = check_path(tmp_path).definitions["shop"]
    service = {"manifests/service.yaml": 'apiVersion: v1\nkind: Service\nmetadata: { name: "${NOBODY}" }\n'}
    contents = {**shop.files.contents, **service}
    with_mistake = Catalogue({"shop": replace(shop, files=replace(shop.files, contents=contents))})
    installation.restart(wrap=lambda ports: replace(ports, catalogue=lambda: with_mistake))
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    assert "manifests/service.yaml:3" in installation.release(1).reason
    assert "NOBODY" in installation.release(1).reason


def test_an_environment_that_is_gone_ends_the_release(tmp_path: Path) -> None:
    write_application(tmp_path)
    installation = Installation(tmp_path)
    installation.push("1.0")
    first, second = APPLICATION.index("  - name: staging"), APPLICATION.index("  - name: production")
    write_application(tmp_path, text=APPLICATION[:first] + APPLICATION[second:])
    catalogue = Catalogue(check_path(tmp_path).definitions)
    installation.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue))
    installation.settle()
    assert installation.phase(1) in (Phase.FAILED, Phase.CANCELLED)
    assert "'staging' is no longer one of the application's" in installation.release(1).reason


@pytest.mark.parametrize("place", ["registry", "cluster"])
def test_a_place_that_the_settings_do_not_know_fails_the_release_with_the_known_ones(
    installation: Installation, place: str
) -> None:
    installation.push("1.0")
    if place == "registry":
        installation.without("registries", "nonprod")
    else:
        installation.without("clusters", "staging")
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    known_name = {"registry": "prod", "cluster": "production"}[place]
    assert installation.release(1).reason.startswith(f"the settings know no {place}")
    assert installation.release(1).reason.endswith(f"(known: {known_name})")


def test_a_transient_failure_of_planning_is_retried_and_a_permanent_one_fails_the_release(
    installation: Installation,
) -> None:
    installation.push("1.0")
    installation.staging.errors.append(ClusterAway("staging did not answer"))
    installation.nonprod.errors.append(Unreachable(ErrorSubject("nonprod.test"), "no answer"))
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    installation.push("2.0")
    installation.staging.errors.append(ObjectRefused("Deployment/shop: the quota is used up"))
    installation.settle()
    assert installation.phase(2) is Phase.FAILED
    assert installation.release(2).reason == "Deployment/shop: the quota is used up"


# ---- images


def with_image(deliveries: Path, image: str) -> None:
    """Replace the image of the proxy container beside the application."""
    manifest = deliveries / "shop" / "manifests" / "deployment.yaml"
    manifest.write_text(manifest.read_text().replace(PROXY, image))


def edit_project(deliveries: Path, text: str, replacement: str) -> None:
    project = deliveries / "project.yaml"
    project.write_text(project.read_text().replace(text, replacement))


@pytest.fixture
def own_deliveries(deliveries: Path) -> Path:
    """A copy of the applications for this test alone, because each folder's catalogue is read only once."""
    return Path(copytree(deliveries, deliveries.parent / "own"))


def test_an_image_of_the_project_beside_the_releases_is_brought_along_by_digest(
    deliveries: Path, own_deliveries: Path
) -> None:
    content = image(b"tool")
    digest = Installation(deliveries).nonprod.seed("team/tool", content, "stable")
    with_image(own_deliveries, f"team/tool@{digest}")
    installation = Installation(own_deliveries)
    installation.nonprod.seed("team/tool", content, "stable")
    release, plan = planned(installation)
    assert plan.images == (f"nonprod.test/team/shop@{release.digest}", f"nonprod.test/team/tool@{digest}")
    installation.settle()
    installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert digest in [stored for repository, stored in installation.prod.held.manifests if repository == "team/tool"]
    [copied_image] = last(installation, "copy.done").details["images"]
    assert copied_image["digest"] == digest


def test_an_image_that_the_registry_does_not_have_is_reported_before_anybody_is_asked(own_deliveries: Path) -> None:
    with_image(own_deliveries, f"team/tool@sha256:{'3' * 64}")
    installation = Installation(own_deliveries)
    installation.push("1.0")
    installation.run_step(installation.settle_at(StepKind.PLAN, "staging"))
    assert installation.phase(1) is Phase.FAILED
    assert f"team/tool@sha256:{'3' * 64}" in installation.release(1).reason


def test_a_kind_that_the_project_leaves_unpinned_is_shown_with_each_of_its_images(own_deliveries: Path) -> None:
    with_image(own_deliveries, "busybox:1")
    edit_project(own_deliveries, "foreign_images", "unpinned: [apps/Deployment]\nforeign_images")
    installation = Installation(own_deliveries)
    release, _ = planned(installation)
    preview = installation.app.reader.preview(release, release.plan_hash)
    [deployment] = [change for change in preview.changes if change.kind == "Deployment"]
    assert deployment.warnings == (
        "spec.template.spec.containers[1].image: busybox:1 is not pinned by digest, as the project allows for "
        "apps/Deployment: what runs may change after the vote",
    )
    assert any("busybox:1 is not pinned" in text for text in last(installation, "plan.made").details["warnings"])


def test_images_of_an_earlier_plan_are_judged_by_the_projects_present_rules(own_deliveries: Path) -> None:
    installation = Installation(own_deliveries)
    _, live_plan = planned(installation)
    application = installation.app.catalogue.entries["shop"].application
    assert pinned_images(live_plan.manifests, application, "nonprod.test").foreign == (PROXY,)
    with pytest.raises(NotPinned, match=r"the project team does not allow Deployment/shop: .*library/proxy@sha256:222"):
        pinned_images(live_plan.manifests, application.evolve(image_rules=NO_IMAGE_RULES), "nonprod.test")
    with pytest.raises(NotPinned, match=r"expected images of its repositories by digest in prod.test"):
        pinned_images(live_plan.manifests, application, "prod.test")


def test_a_rollback_to_an_image_that_the_project_no_longer_allows_fails_and_names_it(own_deliveries: Path) -> None:
    installation = Installation(own_deliveries)
    for tag in ("1.0", "1.1"):
        installation.push(tag)
        installation.settle()
    edit_project(own_deliveries, "foreign_images: [docker.io/library/*]\n", "")
    with_image(own_deliveries, f"team/tool@sha256:{'3' * 64}")
    catalogue = Catalogue(check_path(own_deliveries).definitions)
    installation.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue))
    installation.command(Verb.ROLLBACK, 1, "staging")
    installation.settle()
    assert installation.phase(3) is Phase.FAILED
    place = "Deployment/shop: spec.template.spec.containers[1].image"
    assert f"the project team does not allow {place}: {PROXY}" in installation.release(3).reason
    live = installation.lane("staging").live
    assert live is not None
    assert live.release == 2
