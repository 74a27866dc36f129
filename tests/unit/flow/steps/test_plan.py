"""The plan step: what a rollout would do, written down under a hash that stands for all of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from slipway.config import load_deliveries
from slipway.domain.audit import AuditRecord
from slipway.domain.plan import Plan
from slipway.domain.release import Phase, Release
from slipway.domain.steps import StepKind
from slipway.effects.cluster import Orphan, Refused
from slipway.effects.cluster import Unreachable as ClusterAway
from slipway.effects.registry import Unreachable, Where
from slipway.flow.catalogue import Catalogue
from slipway.flow.outcome import Finished
from slipway.flow.perform import Work
from slipway.flow.steps.plan import plan
from tests.unit.flow.deliveries import DELIVERY, write_delivery
from tests.unit.flow.house import House


def planned(house: House) -> tuple[Release, Plan]:
    house.push("1.0")
    house.performer.perform(house.settle_at(StepKind.PLAN, "staging"))
    release = house.release(1)
    assert release.plan_hash is not None
    return release, house.reader.plan(release.plan_hash)


def last(house: House, action: str) -> AuditRecord:
    return next(record for record in reversed(house.audit()) if record.action == action)


def test_a_plan_names_the_image_by_digest_where_the_environment_pulls_it_from(house: House) -> None:
    release, plan = planned(house)
    assert plan.image == f"nonprod.test/team/shop@{release.digest}"
    assert plan.promote_from is None
    containers = plan.manifests[0]["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == [plan.image, "docker.io/library/proxy:1"]
    assert plan.verification is not None
    assert plan.verification["metadata"]["name"].startswith("shop-1-staging-")
    house.settle()
    production = house.reader.plan(house.release(1).plan_hash or "")
    assert production.image == f"prod.test/team/shop@{release.digest}"
    assert production.promote_from == "nonprod"
    assert [item.environment for item in production.evidence] == ["staging", "staging"]


def test_the_same_plan_has_the_same_hash_and_another_image_has_another(deliveries: Path) -> None:
    hashes = [planned(House(deliveries))[0].plan_hash for _ in range(2)]
    assert hashes[0] == hashes[1]
    other = House(deliveries)
    other.build("0.9")
    other.push("1.1")
    other.performer.perform(other.settle_at(StepKind.PLAN, "staging"))
    assert other.release(1).plan_hash not in hashes


def test_a_plan_that_is_made_again_has_the_same_hash_also_where_a_job_verifies(house: House) -> None:
    house.push("1.0")
    step = house.settle_at(StepKind.PLAN, "staging")
    release = house.release(1)
    work = Work(step=step, release=release, entry=house.catalogue.entries["shop"], renew=lambda: True)
    again = replace(work, release=release.evolve(attempt=release.attempt + 1))
    first, second = (plan(house.places, house.time, each) for each in (work, again))
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert first.result["plan_hash"] == second.result["plan_hash"]
    made = house.reader.plan(first.result["plan_hash"])
    assert made.verification is not None


def test_a_plan_names_what_is_live_as_its_base(house: House) -> None:
    release, plan = planned(house)
    assert plan.base is None
    house.settle()
    house.push("2.0")
    house.performer.perform(house.settle_at(StepKind.PLAN, "staging"))
    following = house.reader.plan(house.release(2).plan_hash or "")
    assert following.base == release.plan_hash
    assert following.base_tag == "1.0"


def test_changes_and_orphans_are_counted_in_the_trail(house: House) -> None:
    house.staging.orphans = (Orphan(kind="ConfigMap", name="old"),)
    _, plan = planned(house)
    assert [(c.kind, c.change) for c in plan.changes] == [
        ("Deployment", "created"),
        ("Service", "created"),
        ("ConfigMap", "orphaned"),
    ]
    details = last(house, "plan.made").details
    assert (details["created"], details["changed"], details["unchanged"], details["orphaned"]) == (2, 0, 0, 1)
    house.staging.orphans = ()
    house.settle()
    house.push("2.0")
    house.performer.perform(house.settle_at(StepKind.PLAN, "staging"))
    details = last(house, "plan.made").details
    assert (details["created"], details["changed"], details["unchanged"]) == (0, 1, 1)


def test_a_digest_that_is_not_in_the_registry_fails_the_release_with_its_name(house: House) -> None:
    house.push("1.0")
    house.nonprod.held.manifests.clear()
    house.settle()
    assert house.phase(1) is Phase.FAILED
    assert f"nonprod.test/team/shop@{house.release(1).digest}" in house.release(1).reason
    assert house.lane("staging").waiting is None


def test_a_mistake_in_the_manifests_fails_the_release_with_file_and_line(tmp_path: Path) -> None:
    home = write_delivery(tmp_path)
    house = House(tmp_path)
    house.push("1.0")
    manifest = home / "manifests" / "service.yaml"
    manifest.write_text(manifest.read_text().replace("name: shop", 'name: "${NOBODY}"'))
    house.settle()
    assert house.phase(1) is Phase.FAILED
    assert "manifests/service.yaml:3" in house.release(1).reason
    assert "NOBODY" in house.release(1).reason


def test_an_environment_that_is_gone_ends_the_release(tmp_path: Path) -> None:
    write_delivery(tmp_path)
    house = House(tmp_path)
    house.push("1.0")
    write_delivery(tmp_path, text=DELIVERY.replace("name: staging", "name: testing"))
    house.catalogue = Catalogue(load_deliveries(tmp_path))
    house._put_together(lambda point: None)
    house.settle()
    assert house.phase(1) in (Phase.FAILED, Phase.CANCELLED)
    assert "'staging' is no longer in delivery.yaml" in house.release(1).reason


@pytest.mark.parametrize("place", ["registry", "cluster"])
def test_a_place_that_the_settings_do_not_know_fails_the_release_with_the_known_ones(house: House, place: str) -> None:
    house.push("1.0")
    if place == "registry":
        del house.registries.things["nonprod"]
    else:
        del house.clusters.things["staging"]
    house.settle()
    assert house.phase(1) is Phase.FAILED
    known = {"registry": "prod", "cluster": "production"}[place]
    assert house.release(1).reason.startswith(f"the settings know no {place}")
    assert house.release(1).reason.endswith(f"(known: {known})")


def test_what_may_pass_is_tried_again_and_what_will_not_fails_at_once(house: House) -> None:
    house.push("1.0")
    house.staging.errors.append(ClusterAway("staging did not answer"))
    house.nonprod.errors.append(Unreachable(Where("nonprod.test"), "no answer"))
    house.settle()
    assert house.phase(1) is Phase.AWAITING_APPROVAL
    house.push("2.0")
    house.staging.errors.append(Refused("Deployment/shop: the quota is used up"))
    house.settle()
    assert house.phase(2) is Phase.FAILED
    assert house.release(2).reason == "Deployment/shop: the quota is used up"
