"""The promote step: the artifact arrives in the environment's registry under the same digest, or the reason is said."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.effects.registry import Denied, TagTaken, Unreachable, Where
from slipway.flow.outcome import Finished, TryAgain
from slipway.flow.perform import Work
from slipway.flow.steps.promote import promote
from slipway.ledger import LedgerUnavailable
from tests.unit.effects.registry.artifacts import image
from tests.unit.flow.house import House


@pytest.fixture
def work(house: House) -> Work:
    """A release that was approved and is to be promoted."""
    house.push("1.0")
    house.settle()
    house.intake.take(house.vote(1))
    step: Step = house.settle_at(StepKind.PROMOTE, "production")
    return Work(step=step, release=house.release(1), entry=house.catalogue.entries["shop"], renew=lambda: True)


def test_the_artifact_arrives_under_the_same_digest_and_is_locked(house: House, work: Work) -> None:
    outcome = promote(house.places, house.time, work)
    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert outcome.result["digest"] == work.release.digest
    assert house.prod.held.tags["team/shop", "1.0"] == work.release.digest
    assert house.prod.locked == {("team/shop", "1.0"): work.release.digest}


def test_doing_it_again_copies_nothing_and_passes(house: House, work: Work) -> None:
    promote(house.places, house.time, work)
    before = len(house.prod.held.writes())
    outcome = promote(house.places, house.time, work)
    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert len(house.prod.held.writes()) == before


def test_the_lease_is_renewed_while_blobs_are_copied(house: House, work: Work) -> None:
    renewed: list[datetime] = []

    def minutes_pass() -> datetime:
        house.time.wait(timedelta(minutes=1))
        return house.time()

    promote(house.places, minutes_pass, replace(work, renew=lambda: renewed.append(house.time()) or True))  # type: ignore[func-returns-value]
    assert len(renewed) >= 2


def test_a_lease_that_cannot_be_renewed_does_not_stop_the_copy(house: House, work: Work) -> None:
    def away() -> bool:
        raise LedgerUnavailable("switched off")

    outcome = promote(house.places, house.time, replace(work, renew=away))
    assert isinstance(outcome, Finished)
    assert outcome.passed


def test_a_registry_that_is_away_is_tried_again(house: House, work: Work) -> None:
    house.nonprod.errors += [Unreachable(Where("nonprod.test"), "no answer")] * 50
    outcome = promote(house.places, house.time, work)
    assert isinstance(outcome, TryAgain)
    assert outcome.reason.startswith("nonprod.test: no answer")


@pytest.mark.parametrize("error", [Denied(Where("prod.test"), "403"), TagTaken(Where("prod.test"), "it is another")])
def test_what_will_not_pass_by_itself_fails_at_once(house: House, work: Work, error: Denied | TagTaken) -> None:
    house.prod.errors.append(error)
    outcome = promote(house.places, house.time, work)
    assert outcome == Finished(passed=False, reason=str(error))


def test_a_tag_that_names_another_image_there_fails_the_release_and_nothing_is_deployed(
    house: House, work: Work
) -> None:
    house.prod.held.seed("team/shop", image(b"another"), "1.0")
    house.performer.perform(work.step)
    assert house.phase(1) is Phase.FAILED
    assert "prod.test/team/shop:1.0" in house.release(1).reason
    house.time.wait(timedelta(minutes=1))
    house.settle()
    assert house.production.applied == 0
    assert house.lane("production").rolling is None


def test_a_registry_that_the_settings_do_not_know_fails_with_the_known_ones(house: House, work: Work) -> None:
    del house.registries.things["prod"]
    assert promote(house.places, house.time, work) == Finished(
        passed=False, reason="the settings know no registry 'prod' (known: nonprod)"
    )
