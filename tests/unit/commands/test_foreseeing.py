"""A command that has to be confirmed and would be refused is refused at once, by the rule that decides later."""

from pathlib import Path
from typing import Any

import pytest

from slipway.commands.foreseeing import WouldBeRefused
from slipway.commands.saying import CommandRequest
from slipway.domain.commands import OPENS, Verb
from slipway.domain.inbox import Speaker, Via
from slipway.domain.rules import Rule
from slipway.testing import ADA, Installation, write_application
from tests.confirming import proof_of, say_proved
from tests.unit.commands.test_proved_commands import make as two_live
from tests.unit.commands.test_proved_commands import ready_for

FRONT = Speaker(name="olga@example.com", roles=("operator", "platform"), via=Via.PAGE)


def make(folder: Path) -> Installation:
    """shop-1 is live everywhere; shop-2 waits for approval in production."""
    write_application(folder)
    home = Installation(folder)
    home.push("1.0")
    home.settle()
    home.vote(1, ADA)
    home.settle()
    home.push("2.0")
    home.settle()
    return home


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return make(tmp_path_factory.mktemp("made") / "deliveries")


@pytest.fixture(scope="module")
def two_live_releases(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """shop-1 and shop-2 went live."""
    return two_live(tmp_path_factory.mktemp("two") / "deliveries")


@pytest.fixture
def home(original: Installation) -> Installation:
    return original.copy()


def command_for(verb: Verb, **fields: Any) -> CommandRequest:
    lane = {"application": "shop", "environment": "production"} if verb in (Verb.UNFREEZE, Verb.RESUME) else {}
    return CommandRequest(verb=verb, **{"reason": "because", **lane, **fields})


HOPELESS = {
    "nothing-failed": (command_for(Verb.RETRY, release="shop-1"), Rule.DID_NOT_GO_LIVE, "slipway release create shop"),
    "still-on-its-way": (command_for(Verb.RETRY, release="shop-2"), Rule.DID_NOT_GO_LIVE, "slipway explain shop-2"),
    "nothing-held": (command_for(Verb.RESUME), Rule.IS_ON_HOLD, "no rollback holds it"),
    "nothing-frozen": (command_for(Verb.UNFREEZE), Rule.IS_FROZEN, "slipway freezes"),
    "not-everything-frozen": (
        command_for(Verb.UNFREEZE, application="", environment=""),
        Rule.IS_FROZEN,
        "slipway freezes",
    ),
    "nothing-blocks": (
        command_for(Verb.OVERRIDE, release="shop-2", environment="production"),
        Rule.IS_HELD_BACK,
        "slipway explain shop-2",
    ),
    "elsewhere": (command_for(Verb.OVERRIDE, release="shop-2", environment="staging"), Rule.IS_HERE, "production"),
    "never-live": (
        command_for(Verb.ROLLBACK, release="shop-2", environment="production"),
        Rule.WAS_LIVE_HERE,
        "slipway releases -a shop",
    ),
    "live-now": (
        command_for(Verb.ROLLBACK, release="shop-1", environment="production"),
        Rule.IS_NOT_LIVE_NOW,
        "shop-1 is live",
    ),
    "no-reason": (
        command_for(Verb.ROLLBACK, release="shop-1", environment="staging", reason=" "),
        Rule.REASON_IS_GIVEN,
        "reason",
    ),
    "not-ended": (command_for(Verb.CREATE, release="shop-2"), Rule.HAS_ENDED, "awaiting approval"),
    "nothing-to-waive": (
        command_for(Verb.WAIVE, release="shop-2", environment="production", rule="change-is-known"),
        Rule.CAN_BE_WAIVED,
        "what can be waived here now",
    ),
    "no-reason-to-reset": (
        command_for(Verb.FENCE_RESET, application="shop", reason=""),
        Rule.REASON_IS_GIVEN,
        "reason",
    ),
}


def test_every_verb_that_needs_a_proof_has_a_case_here() -> None:
    assert {request.verb for request, _, _ in HOPELESS.values()} == OPENS


@pytest.mark.parametrize("case", HOPELESS)
def test_a_command_that_would_be_refused_is_refused_by_the_same_rule_before_anybody_signs_in(
    home: Installation, case: str
) -> None:
    request, rule, words = HOPELESS[case]
    with pytest.raises(WouldBeRefused) as refused:
        home.app.foresight.check(home.app.inbox_writer.statement(request))
    assert rule in {result.rule for result in refused.value.rules}
    assert words in str(refused.value)
    statement = home.app.inbox_writer.statement(request)
    receipt = say_proved(home, proof_of(home, statement))
    home.hear()
    outcome = home.app.answers.reply(receipt.partition, receipt.id).answered
    assert outcome is not None
    assert {result.rule for result in refused.value.rules} <= {result.rule for result in outcome.rules}


@pytest.mark.parametrize("verb", sorted(OPENS))
def test_a_command_that_would_be_carried_out_is_not_refused_beforehand(
    two_live_releases: Installation, verb: Verb
) -> None:
    home = two_live_releases.copy()
    statement = ready_for(home, verb)
    home.app.foresight.check(statement)


def test_no_refusal_is_foreseen_while_something_unread_may_change_it(home: Installation) -> None:
    unfreeze = home.app.inbox_writer.statement(command_for(Verb.UNFREEZE))
    freeze = command_for(Verb.FREEZE, application="shop", environment="production")
    home.app.inbox_writer.command(freeze, FRONT)
    home.app.foresight.check(unfreeze)
    home.hear()
    home.app.foresight.check(unfreeze)


def test_the_role_of_a_person_who_waives_is_not_judged_before_they_sign_in(home: Installation) -> None:
    request, _, _ = HOPELESS["nothing-to-waive"]
    with pytest.raises(WouldBeRefused) as refused:
        home.app.foresight.check(home.app.inbox_writer.statement(request))
    assert Rule.MAY_WAIVE not in {result.rule for result in refused.value.rules}


THAW = pytest.mark.parametrize(
    ("verb", "fields", "cure"),
    [
        (Verb.FREEZE, {}, "slipway unfreeze --all"),
        (Verb.ROLLBACK, {"release": "shop-1"}, "slipway resume shop staging"),
    ],
    ids=["everything-is-frozen", "a-rollback-holds-it"],
)


@THAW
def test_ending_a_freeze_that_does_not_exist_names_the_block_that_does(
    home: Installation, verb: Verb, fields: dict[str, str], cure: str
) -> None:
    if verb is Verb.FREEZE:
        home.app.inbox_writer.command(command_for(verb), FRONT)
        home.hear()
    else:
        home.command(verb, 1, "staging")
        home.settle()
    with pytest.raises(WouldBeRefused, match=cure):
        home.app.foresight.check(
            home.app.inbox_writer.statement(command_for(Verb.UNFREEZE, application="shop", environment="staging"))
        )
