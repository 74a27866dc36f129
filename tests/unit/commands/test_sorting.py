"""Several documents in one statement: what is refused, what waits for votes and what takes effect, each by itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.submitting import ChangesReceipt, ToConfirm
from slipway.domain.answers import StatementState
from slipway.domain.commands import Verb
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.proposing import ChangePhase
from slipway.domain.release import Phase
from slipway.domain.versions import Subject, SubjectKind
from slipway.ledger import keys
from slipway.queries.answers import Reply
from slipway.testing import write_application
from slipway.testing.sign_in import person
from tests.beginnings import begun
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import proof_of, say_proved
from tests.unit.commands.live import OLGA, Live
from tests.unit.commands.proposals import ADA, BEN, change_of, trail, vote

NAMES = ("shop", "cart", "search")


def three_applications(folder: Path) -> Live:
    """Three applications; two people with a role have to approve what goes to production."""
    for name in NAMES:
        write_application(folder, name)
    live = Live(folder)
    for name in NAMES:
        gate = {"kind": "approval", "approvers": ["role:shop-approvers"], "required": 2, "level": "signed"}
        live.edit_environment("production", name, gate=gate)
    live.apply()
    return live


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return begun(three_applications, tmp_path)


def number(live: Live, name: str) -> int:
    return live.app.versions.current(Subject(kind=SubjectKind.APPLICATION, name=name)).number


def gate_of(live: Live, name: str, **fields: Any) -> None:
    gate = {"kind": "approval", "approvers": ["role:shop-approvers"], "required": 2, "level": "signed"}
    live.edit_environment("production", name, gate=gate | fields)


def confirm(live: Live, to_confirm: object) -> Reply:
    """Somebody confirms the change; returns what became of it."""
    assert isinstance(to_confirm, ToConfirm), to_confirm
    receipt = say_proved(live, proof_of(live, to_confirm.statement, SIGNS_IN), content=to_confirm.content)
    live.hear()
    live.wait_a_moment()
    return live.reply(receipt)


def outcomes(reply: Reply) -> dict[str, tuple[str, int]]:
    assert reply.answered is not None, reply
    return {change.subject.partition(":")[2]: (change.outcome, change.number) for change in reply.answered.changes}


# ---- the front
def test_forty_applications_are_one_statement_and_one_sign_in(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    names = [f"app-{n}" for n in range(40)]
    for name in names:
        write_application(folder, name)
    live = Live(folder)
    live.apply()
    for name in names[:3]:
        live.edit_environment(
            "production", name, gate={"kind": "approval", "approvers": ["ada@example.com"], "deadline": "90h"}
        )
    for name in names[3:]:
        live.edit_environment("staging", name, rollout_within="9m")
    live.edit(names[-1], notify=["nobody"])
    to_confirm = live.say()
    assert isinstance(to_confirm, ToConfirm)
    assert len(to_confirm.statement.changes) == 40
    assert [str(change.subject) for change in to_confirm.refused] == [f"application:{names[-1]}"]
    reply = confirm(live, to_confirm)
    by_name = outcomes(reply)
    assert {by_name[name] for name in names[:3]} == {("proposed", 0)}
    assert {by_name[name] for name in names[3:-1]} == {("changed", 2)}
    assert names[-1] not in by_name
    assert reply.state is StatementState.COUNTED
    assert [number(live, name) for name in names] == [1] * 3 + [2] * 36 + [1]


def test_no_statement_is_written_if_every_document_is_refused(live: Live) -> None:
    live.edit("cart", notify=["nobody"])
    refused = live.say(app="cart")
    assert isinstance(refused, tuple)
    assert "expected a channel" in refused[0].refused
    assert list(live.inbox_table.everything(limit=1)) == []


def test_an_application_of_a_refused_project_is_judged_by_the_project_in_force(live: Live) -> None:
    """Ada owns the applications and not the project, which would have made room for the new place."""
    live.edit_project(lambda value: value.update(owners={"apply": ["role:leads", "role:platform"]}))
    live.edit_project(lambda value: value["environments"]["staging"].update(namespaces=list(NAMES)))
    live.apply(app="team")
    live.edit_project(lambda value: value["environments"]["staging"].update(namespaces=[*NAMES, "search-2"]))
    live.edit_environment("staging", "cart", rollout_within="9m")
    live.edit_environment("staging", "search", namespace="search-2")
    ada = Speaker(oid=person(1, "ada").oid, roles=("leads",), via=Via.CLI)
    answer = live.say(ada)
    assert isinstance(answer, ChangesReceipt)
    refused = {str(change.subject): change.refused for change in answer.refused}
    assert "only the role platform may apply projects" in refused["project:team"]
    assert "search/application.yaml: environments[0].namespace" in refused["application:search"]
    live.hear()
    assert (number(live, "cart"), number(live, "search"), number(live, "shop")) == (2, 1, 1)


# ---- the worker
def test_a_weaker_gate_waits_for_votes_and_the_rest_of_its_statement_takes_effect(live: Live) -> None:
    gate_of(live, "shop", required=1)
    live.edit_environment("staging", "cart", rollout_within="9m")
    reply = confirm(live, live.say())
    assert outcomes(reply) == {
        "team": ("unchanged", 1),
        "shop": ("proposed", 0),
        "cart": ("changed", 2),
        "search": ("unchanged", 1),
    }
    assert reply.answered is not None
    assert reply.answered.change is not None
    change = change_of(live, reply.answered.change)
    assert change.subjects == {"application:shop"}
    for who in (ADA, BEN):
        vote(live, change, who)
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert number(live, "shop") == 2


def test_an_application_that_depends_on_a_waiting_project_waits_with_it(live: Live) -> None:
    """The project would let search go to another place and weakens the gates; cart needs nothing of it."""

    def weaker(value: dict[str, Any]) -> None:
        value["environments"]["production"]["least_gate"] = {"required": 1}
        value["environments"]["staging"]["namespaces"] = [*NAMES, "search-2"]

    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 2}))
    live.edit_project(lambda value: value["environments"]["staging"].update(namespaces=list(NAMES)))
    live.apply(app="team")
    live.edit_project(weaker)
    live.edit_environment("staging", "search", namespace="search-2")
    live.edit_environment("staging", "cart", rollout_within="9m")
    reply = confirm(live, live.say())
    by_name = outcomes(reply)
    assert (by_name["team"], by_name["search"], by_name["cart"]) == (("proposed", 0), ("proposed", 0), ("changed", 2))
    assert reply.answered is not None
    assert reply.answered.change is not None
    change = change_of(live, reply.answered.change)
    assert change.subjects == {"project:team", "application:search"}
    for who in (ADA, BEN):
        vote(live, change, who)
    assert change_of(live, change.hash).phase is ChangePhase.IN_FORCE
    assert number(live, "search") == 2


def test_a_project_that_would_stall_a_waiting_application_waits_with_it(live: Live) -> None:
    """An environment gets another name and a weaker gate: half of that in force would stop its application."""

    def renamed(value: dict[str, Any]) -> None:
        value["environments"]["live"] = value["environments"].pop("production")

    live.edit_project(renamed)
    for name in NAMES:
        file = live.deliveries / name / "application.yaml"
        file.write_text(file.read_text().replace("- name: production", "- name: live"))
    live.edit_environment("live", "shop", gate={"kind": "approval", "approvers": ["role:shop-approvers"]})
    by_name = outcomes(confirm(live, live.say()))
    assert by_name == dict.fromkeys(("team", *NAMES), ("proposed", 0))
    live.wait_a_moment()
    assert all(not entry.problems for entry in live.app.catalogue.entries.values())


def test_a_weaker_gate_without_a_proof_is_refused_and_the_rest_takes_effect(live: Live) -> None:
    gate_of(live, "shop", required=1)
    live.edit_environment("staging", "cart", rollout_within="9m")
    to_confirm = live.say()
    assert isinstance(to_confirm, ToConfirm)
    row = InboxRow(kind=InboxKind.CATALOGUE, said=to_confirm.statement, speaker=OLGA, content=to_confirm.content)
    receipt = live.app.inbox_writer.say(keys.INSTALLATION, row)
    live.hear()
    reply = live.reply(receipt)
    assert reply.state is StatementState.REFUSED
    assert (outcomes(reply)["shop"], outcomes(reply)["cart"]) == (("refused", 0), ("changed", 2))
    record = trail(live)[-1]
    assert (record.action, record.details["subjects"]) == ("change.refused", ["application:shop"])
    assert (record.details["rules"], record.details["made"]) == (["proof-is-given"], ["application:cart"])


def test_an_application_that_somebody_else_changed_meanwhile_is_refused_alone(live: Live) -> None:
    for name in ("shop", "cart"):
        live.edit_environment("staging", name, rollout_within="9m")
    late = live.say()
    raw_messages = list(live.bus.raw)
    live.bus.raw.clear()
    live.edit_environment("staging", "shop", rollout_within="8m")
    live.apply(app="shop")
    live.bus.raw.extend(raw_messages)
    live.hear()
    reply = live.reply(late)
    assert reply.state is StatementState.REFUSED
    assert (outcomes(reply)["shop"], outcomes(reply)["cart"]) == (("refused", 0), ("changed", 2))
    assert reply.answered is not None
    assert [rule.name for rule in reply.answered.rules] == ["starts-from-what-is-in-force"]


@pytest.mark.parametrize("commits", [1, 2])
def test_an_interrupted_row_whose_parts_differ_goes_on_without_repeating_anything(live: Live, commits: int) -> None:
    """The worker ends after one version, or after both and before the vote is opened."""
    gate_of(live, "shop", required=1)
    for name in ("cart", "search"):
        live.edit_environment("staging", name, rollout_within="9m")
    to_confirm = live.say()
    assert isinstance(to_confirm, ToConfirm)
    receipt = say_proved(live, proof_of(live, to_confirm.statement, SIGNS_IN), content=to_confirm.content)
    (row,) = [item for item in live.app.inbox.unread(limit=9) if isinstance(item, Received)]
    applying = live.app.applying
    dying: Any = _Dying(applying.versions, commits) if commits == 1 else applying.versions
    proposing: Any = _Never() if commits == 2 else applying.proposing
    with pytest.raises(KeyboardInterrupt):
        replace(applying, versions=dying, proposing=proposing).take(row)
    assert sorted(number(live, name) for name in ("cart", "search")) == [1, 2] if commits == 1 else [2, 2]
    live.hear()
    live.app.applying.take(row)
    assert [number(live, name) for name in NAMES] == [1, 2, 2]
    assert outcomes(live.reply(receipt))["shop"] == ("proposed", 0)
    assert [record.action for record in trail(live)].count("change.proposed") == 1


# ---- what has become wrong in force
def test_other_applications_of_a_project_are_applied_and_delivered_while_one_is_stalled(live: Live) -> None:
    live.edit_project(lambda value: value["environments"]["staging"].update(namespaces=["shop", "cart"]))
    change = live.apply(app="team")["project:team"]
    assert change.number == 2
    assert live.app.catalogue.entries["search"].problems
    live.edit_environment("staging", "cart", rollout_within="9m")
    assert live.apply(app="cart")["application:cart"].number == 2
    for name in ("search", "cart"):
        live.push("1.0", app=name)
    live.settle()
    assert (live.phase(1, "search"), live.phase(1, "cart")) == (Phase.HELD_BACK, Phase.AWAITING_APPROVAL)
    assert live.release(1, "search").blocked_by == ("application-is-in-order",)
    live.command(Verb.FREEZE, environment="staging", app="search")
    assert live.lane("staging", "search").freeze is not None


class _Dying:
    """Versions that end the process after so many commits."""

    def __init__(self, versions: Any, after: int) -> None:
        self._whole, self._after = versions, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def commit(self, *args: Any, **options: Any) -> Any:
        if not self._after:
            raise KeyboardInterrupt
        self._after -= 1
        return self._whole.commit(*args, **options)


class _Never:
    """Opens no vote: the process ends before that."""

    proposals: Any

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt
