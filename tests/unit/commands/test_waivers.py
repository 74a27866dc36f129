"""A waiver from the statement to the plan, the page, the card, the numbers and the trail."""

from pathlib import Path

import azure.functions as func
import pytest

from functions import operate, pages
from slipway.cli.verifying import waiver_of
from slipway.domain.answers import StatementState
from slipway.domain.commands import Verb
from slipway.domain.identity import TokenPerson
from slipway.domain.release import Phase
from slipway.testing import ADA, BASE, Installation
from slipway.testing.sign_in import person, signed_in
from tests.confirming import OLGA, proof_of, say_proved
from tests.unit.api.in_process import use
from tests.unit.commands.test_proved_commands import OPENING, make, ready_for, reply

WHY = "its run is gone"


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return make(tmp_path)


def waive(home: Installation, who: TokenPerson = OLGA) -> StatementState:
    statement = ready_for(home, Verb.WAIVE)
    return reply(home, say_proved(home, proof_of(home, statement, who))).state


def test_the_plan_that_people_vote_on_names_the_waiver_and_a_release_goes_live_by_it(home: Installation) -> None:
    assert waive(home) is StatementState.COUNTED
    home.settle()
    release = home.release(3)
    assert release.plan_hash is not None
    (waiver,) = home.app.reader.plan(release.plan_hash).waivers
    assert (waiver.rule, waiver.by, waiver.reason) == ("change-is-known", f"oid:{OLGA.oid}", WHY)
    home.vote(3, ADA)
    home.settle()
    assert home.phase(3) is Phase.COMPLETED
    assert home.verify().intact


def test_only_a_role_in_the_proofs_own_token_waives(home: Installation) -> None:
    """The front's word for a role counts for nothing, and neither does the role of operators."""
    assert waive(home, person(4, "Olga", "operator")) is StatementState.REFUSED
    assert home.release(3).waivers == ()


def test_card_explanation_numbers_and_trail_show_a_waiver(home: Installation) -> None:
    waive(home)
    home.settle()
    expected = f"change-is-known was waived by Olga (oid:{OLGA.oid}): {WHY}"
    cards = [message for message in home.inbox.messages if message.approval is not None and message.approval.waived]
    assert cards[-1].approval is not None
    assert cards[-1].approval.waived == (expected,)
    rules = [rule for group in home.explain(3).rules for rule in group.rules if rule.name == "change-is-known"]
    assert [rule.reason.startswith(f"waived by Olga (oid:{OLGA.oid}): {WHY}") for rule in rules] == [True]
    assert not rules[0].passed
    (waiver,) = [candidate for record in home.trail() if (candidate := waiver_of(record)) is not None]
    assert (waiver.release, waiver.environment, waiver.reason) == ("shop-3", "production", WHY)
    home.app.numbers.catch_up("shop")
    (numbers,) = [
        environment for environment in home.app.numbers.answer().environments if environment.environment == "production"
    ]
    assert numbers.total.waived == 1


# ---- pages
def page(home: Installation, monkeypatch: pytest.MonkeyPatch, who: TokenPerson, address: str) -> str:
    use(monkeypatch, home, pages, operate)
    headers = signed_in(home.app, who).headers
    if address == "operate":
        request = func.HttpRequest("GET", BASE, headers=headers, params={"release": "shop-3"}, body=b"")
        return str(operate.page_operate(request).get_body().decode())
    request = func.HttpRequest("GET", BASE, headers=headers, route_params={"release": "shop-3"}, body=b"")
    return str(pages.page_release(request).get_body().decode())


def test_a_person_who_may_waive_finds_a_button_and_every_reader_sees_the_waiver(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_for(home, Verb.WAIVE)
    assert 'name="rule" value="change-is-known"' in page(home, monkeypatch, OLGA, "operate")
    refused = page(home, monkeypatch, person(9, "Dora", "operator"), "operate")
    assert 'name="rule"' not in refused
    assert "it needs the role <code>role:platform</code>" in refused
    say = proof_of(home, home.app.inbox_writer.statement(OPENING[Verb.WAIVE]))
    assert reply(home, say_proved(home, say)).state is StatementState.COUNTED
    home.settle()
    assert "change-is-known</code> was waived by" in page(home, monkeypatch, person(9, "Dora"), "release")
    assert 'name="rule"' not in page(home, monkeypatch, OLGA, "operate")
