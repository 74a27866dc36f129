"""The copy step: the artifact arrives in the environment's registry under the same digest, or the step says why not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.effects.registry import ErrorSubject, OtherSignIn, TagTaken, Unreachable
from slipway.engine.outcome import Finished, Retry
from slipway.engine.run_step import Work
from slipway.engine.steps.copy import copy
from slipway.ledger import LedgerUnavailable
from slipway.testing import Installation
from slipway.testing.artifacts import image


@pytest.fixture
def work(installation: Installation) -> Work:
    """The copy step of an approved release."""
    installation.push("1.0")
    installation.settle()
    installation.vote(1)
    step: Step = installation.settle_at(StepKind.COPY, "production")
    return Work(
        step=step, release=installation.release(1), entry=installation.app.catalogue.entries["shop"], renew=lambda: True
    )


def test_the_artifact_arrives_under_the_same_digest_and_is_locked(installation: Installation, work: Work) -> None:
    outcome = copy(installation.app.clients, installation.clock, work)
    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert outcome.result["digest"] == work.release.digest
    assert installation.prod.held.tags["team/shop", "1.0"] == work.release.digest
    assert installation.prod.locked == {("team/shop", "1.0"): work.release.digest}


def test_copying_again_writes_nothing_and_passes(installation: Installation, work: Work) -> None:
    copy(installation.app.clients, installation.clock, work)
    writes_before = len(installation.prod.held.writes())
    outcome = copy(installation.app.clients, installation.clock, work)
    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert len(installation.prod.held.writes()) == writes_before


def test_the_lease_is_renewed_while_blobs_are_copied(installation: Installation, work: Work) -> None:
    renewals: list[datetime] = []

    def renew() -> bool:
        renewals.append(installation.now)
        return True

    def a_minute_later() -> datetime:
        installation.wait(timedelta(minutes=1))
        return installation.now

    copy(installation.app.clients, a_minute_later, replace(work, renew=renew))
    assert len(renewals) >= 2


def test_a_lease_that_cannot_be_renewed_does_not_stop_the_copy(installation: Installation, work: Work) -> None:
    def refuse() -> bool:
        raise LedgerUnavailable("switched off")

    outcome = copy(installation.app.clients, installation.clock, replace(work, renew=refuse))
    assert isinstance(outcome, Finished)
    assert outcome.passed


def test_a_registry_that_is_away_is_tried_again(installation: Installation, work: Work) -> None:
    installation.nonprod.errors += [Unreachable(ErrorSubject("nonprod.test"), "no answer")] * 50
    outcome = copy(installation.app.clients, installation.clock, work)
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("nonprod.test: no answer")


@pytest.mark.parametrize(
    "error", [OtherSignIn(ErrorSubject("prod.test"), "Basic"), TagTaken(ErrorSubject("prod.test"), "it is another")]
)
def test_an_error_that_no_retry_can_help_fails_the_copy_at_once(
    installation: Installation, work: Work, error: OtherSignIn | TagTaken
) -> None:
    installation.prod.errors.append(error)
    outcome = copy(installation.app.clients, installation.clock, work)
    assert outcome == Finished(passed=False, reason=str(error))


def test_a_tag_that_names_another_image_there_fails_the_release_and_nothing_is_deployed(
    installation: Installation, work: Work
) -> None:
    installation.prod.held.seed("team/shop", image(b"another"), "1.0")
    installation.run_step(work.step)
    assert installation.phase(1) is Phase.FAILED
    assert "prod.test/team/shop:1.0" in installation.release(1).reason
    installation.wait(timedelta(minutes=1))
    installation.settle()
    assert installation.production.applied == 0
    assert installation.lane("production").in_progress is None


def test_a_registry_that_the_settings_do_not_know_fails_with_the_known_ones(
    installation: Installation, work: Work
) -> None:
    installation.without("registries", "prod")
    assert copy(installation.app.clients, installation.clock, work) == Finished(
        passed=False, reason="the settings know no registry 'prod' (known: nonprod)"
    )
