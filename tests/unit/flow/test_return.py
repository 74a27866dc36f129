"""A roll-back by hand through the real flow: what comes back, and what is said where something is gone."""

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.ledger import MemoryBlobs
from tests.unit.flow.deliveries import ADA
from tests.unit.flow.house import House


def two_live(house: House) -> None:
    for number, tag in ((1, "1.0"), (2, "2.0")):
        house.push(tag)
        house.settle()
        house.intake.take(house.vote(number, ADA))
        house.settle()


def test_the_manifests_and_the_image_of_the_earlier_release_come_back(house: House) -> None:
    two_live(house)
    house.command(Verb.ROLLBACK, 1, "production", reason="2.0 loses orders")
    house.settle()
    assert house.phase(3) is Phase.COMPLETED
    assert house.production.digest("shop") == house.release(1).digest
    plan = house.reader.plan(house.release(3).plan_hash or "")
    before = house.reader.plan(house.release(1).visits[-1].plan_hash or "")
    assert (plan.manifests, plan.brings_back, plan.warnings) == (before.manifests, 1, ())
    assert "promotion.requested" not in [r.action for r in house.audit() if r.release == "shop-3"]
    assert house.reader.verify("shop").intact


def test_a_roll_back_in_staging_runs_the_acceptance_tests_anew(house: House) -> None:
    two_live(house)
    started = len(house.staging.jobs_started)
    house.command(Verb.ROLLBACK, 1, "staging")
    house.settle()
    assert house.phase(3) is Phase.COMPLETED
    assert len(house.staging.jobs_started) == started + 1


def test_the_plan_warns_when_the_manifests_are_gone_and_uses_the_present_ones(house: House) -> None:
    two_live(house)
    assert isinstance(house.blobs, MemoryBlobs)
    del house.blobs.documents[house.release(1).visits[-1].plan_hash or ""]
    house.command(Verb.ROLLBACK, 1, "production")
    house.settle()
    assert house.phase(3) is Phase.COMPLETED
    (warning,) = house.reader.plan(house.release(3).plan_hash or "").warnings
    assert warning == "the manifests of shop-1 are not kept any more: the present ones are used, with its image"
    made = next(r for r in house.audit() if r.release == "shop-3" and r.action == "plan.made")
    assert made.details["warnings"] == [warning]
    assert house.production.digest("shop") == house.release(1).digest


def test_an_image_that_the_environments_registry_has_lost_is_copied_once_more(house: House) -> None:
    two_live(house)
    house.prod.lose("team/shop", house.release(1).digest or "")
    house.command(Verb.ROLLBACK, 1, "production")
    house.settle()
    assert house.phase(3) is Phase.COMPLETED
    assert "copied from nonprod once more" in house.reader.plan(house.release(3).plan_hash or "").warnings[0]


def test_an_image_that_is_gone_everywhere_is_not_rolled_out(house: House) -> None:
    two_live(house)
    for registry in (house.prod, house.nonprod):
        registry.lose("team/shop", house.release(1).digest or "")
    house.command(Verb.ROLLBACK, 1, "production")
    house.settle()
    assert house.phase(3) is Phase.FAILED
    assert "is gone, from prod and nonprod" in house.release(3).reason
    assert house.production.digest("shop") == house.release(2).digest


def test_an_image_that_only_the_environments_registry_still_has_comes_back_from_there(house: House) -> None:
    two_live(house)
    house.nonprod.lose("team/shop", house.release(1).digest or "")
    house.command(Verb.ROLLBACK, 1, "production")
    house.settle()
    assert house.phase(3) is Phase.COMPLETED
