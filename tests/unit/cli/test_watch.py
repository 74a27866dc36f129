"""`slipway watch`: what is printed while a release moves on, and the exit code."""

import json
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from slipway.cli.commands import watch
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import ReceivedRequest, Reply, Served
from tests.unit.domain.samples import ADA
from tests.unit.domain.world import World


@pytest.fixture
def afterwards(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What happens while the command pauses: one thing at each pause. A command that goes on after the last one would
    never end."""

    def given(*happenings: Callable[[], object]) -> None:
        upcoming = iter(happenings)
        fake_time = SimpleNamespace(sleep=lambda _: next(upcoming)(), monotonic=time.monotonic)
        monkeypatch.setattr(watch, "time", fake_time)

    return given


def approve(shop: World) -> None:
    shop.vote(2, ADA)
    shop.settle()


def test_watch_prints_each_change_once_and_ends_with_0_when_the_release_is_live(
    slipway: Command, shop: World, afterwards: Callable[..., None]
) -> None:
    afterwards(lambda: None, lambda: None, lambda: approve(shop))
    result = slipway("watch", "shop-2")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    assert "awaiting approval  shop-2 waits in production for 1 more approval" in first
    assert "completed  shop-2 went live in production" in last


def test_a_release_that_did_not_go_live_ends_with_1_and_says_what_is_next(
    slipway: Command, shop: World, afterwards: Callable[..., None]
) -> None:
    afterwards(lambda: shop.reject(2, ADA, "no release notes"))
    result = slipway("watch", "shop-2")
    assert result.exit_code == 1
    assert "no release notes" in result.stdout
    assert "next: " in result.stdout
    assert "/releases/shop-2" in result.stdout


def test_a_release_that_fails_and_is_rolled_back_ends_with_1(
    slipway: Command, shop: World, afterwards: Callable[..., None]
) -> None:
    shop.effects.fail(StepKind.CHECK, "production", reason="it answers 500")
    afterwards(lambda: approve(shop))
    result = slipway("watch", "shop-2")
    assert result.exit_code == 1
    assert "was rolled back in production: it answers 500" in result.stdout


def test_watch_without_waiting_ends_with_5_where_people_are_asked(slipway: Command) -> None:
    result = slipway("watch", "shop-2", "--no-wait")
    assert result.exit_code == 5
    assert "may approve or reject" in result.stdout


def test_watch_ends_when_the_release_is_live_in_the_given_environment(slipway: Command) -> None:
    assert slipway("watch", "shop-2", "--environment", "staging").exit_code == 0


def test_an_environment_that_the_release_does_not_pass_ends_with_2(slipway: Command) -> None:
    result = slipway("watch", "shop-2", "-e", "moon")
    assert result.exit_code == 2
    assert "expected one of staging, production, got 'moon'" in result.stderr


def test_an_unknown_release_ends_with_3(slipway: Command) -> None:
    assert slipway("watch", "shop-99").exit_code == 3


def test_with_json_each_change_is_an_object_on_a_line_of_its_own(
    slipway: Command, shop: World, afterwards: Callable[..., None]
) -> None:
    afterwards(lambda: approve(shop))
    result = slipway("watch", "shop-2", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["phase"] for line in lines] == [Phase.AWAITING_APPROVAL, Phase.COMPLETED]
    assert all(line["v"] == 1 and line["release"] == "shop-2" and line["at"] for line in lines)


def test_an_app_that_is_away_for_a_moment_is_asked_again(
    slipway: Command, app: Served, shop: World, afterwards: Callable[..., None]
) -> None:
    def away() -> None:
        app.replies["releases/shop-2/explain"] = Reply(status=500)

    def back() -> None:
        del app.replies["releases/shop-2/explain"]
        approve(shop)

    afterwards(away, lambda: None, back)
    assert slipway("watch", "shop-2").exit_code == 0


def test_an_app_that_stays_away_ends_with_4(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch, afterwards: Callable[..., None]
) -> None:
    monkeypatch.setattr(watch, "AWAY", -1.0)
    afterwards(lambda: app.replies.update({"releases/shop-2/explain": Reply(status=500)}))
    assert slipway("watch", "shop-2").exit_code == 4


def test_ctrl_c_ends_with_130_and_without_a_traceback(slipway: Command, afterwards: Callable[..., None]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    afterwards(interrupt)
    result = slipway("watch", "shop-2")
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_watch_only_reads(slipway: Command, app: Served) -> None:
    requests = list[ReceivedRequest]()
    app.before_answer = requests.append
    slipway("watch", "shop-1")
    assert {request.method for request in requests} == {"GET"}
