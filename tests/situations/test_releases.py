"""Releases that wait and releases that have ended: newer ones come, and people change their minds."""

from collections.abc import Callable

import pytest

from tests.situations.kit import ADA, BEN, Installation, shop

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]


@pytest.mark.parametrize("voted", [True, False])
def test_a_release_that_people_are_asked_about_can_still_be_approved_when_newer_ones_come(
    install: Install, voted: bool
) -> None:
    installation = install(shop(required=2, gate={"when_newer": "wait"}))
    installation.push("v1")
    installation.settle()
    if voted:
        installation.approve(ADA)
    for number in range(2, 6):
        installation.wait(minutes=10)
        installation.push(f"v{number}")
        installation.settle()
    assert installation.release(1).phase == "awaiting_approval"
    for approver in (BEN,) if voted else (ADA, BEN):
        installation.approve(approver)
    assert installation.live("production") == "v1"


def expired(installation: Installation) -> None:
    installation.wait(hours=49)


def rejected(installation: Installation) -> None:
    installation.reject(ADA)


def cancelled(installation: Installation) -> None:
    installation.command("cancel", release="shop-1")


@pytest.mark.parametrize("end_release", [expired, rejected, cancelled])
def test_a_release_that_did_not_go_live_can_be_sent_out_again_and_is_voted_on_again(
    install: Install, end_release: Callable[[Installation], None]
) -> None:
    installation = install(shop(required=2))
    artifact = installation.push("v1")
    installation.settle()
    installation.approve(BEN)
    end_release(installation)
    ended_release = installation.release()
    if ended_release.phase != end_release.__name__:
        raise RuntimeError(f"the story went wrong: {ended_release}")
    installation.release_again()
    newest = installation.releases()[-1]
    assert (newest.phase, newest.digest, newest.votes) == ("awaiting_approval", artifact.digest, ())
