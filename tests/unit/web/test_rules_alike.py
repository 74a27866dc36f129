"""The same named rule results on the approval page, on the card, in `explain` and in the audit."""

import html
import re

from slipway.domain.explain_gate import gate_rules
from slipway.domain.release import Phase, Release
from slipway.domain.rules import Rule, RuleResult, WaitsFor
from slipway.domain.snapshot import Lookups
from slipway.effects.notification.facts import shown_rules as told_rules
from slipway.testing import ADA, BEN
from slipway.web.approving import show_linked_gate
from tests.unit.effects.notification.samples import for_everybody
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_two_approvals, cast_vote


def of_gate(home: ScriptedInstallation, subject: Release) -> tuple[RuleResult, ...]:
    """As the notify step puts them on cards and mails."""
    entry = home.app.catalogue.get("hello")
    assert entry is not None
    production = entry.application.environments[-1]
    snapshot = home.app.reader.snapshot(entry, Lookups())
    return tuple(gate_rules(snapshot, subject, production))


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_page_card_and_explain_say_the_same_of_a_gate() -> None:
    home, subject = awaiting_two_approvals()
    cast_vote(home, subject)
    subject = home.app.reader.release(subject.id)
    rules = of_gate(home, subject)
    assert [rule.name for rule in rules] == [
        "gate-is-open", "quorum-reached", "approver-is-not-requester", "approver-is-not-committer",
    ]  # fmt: skip
    assert "1 of 2 approvals" in rules[1].reason
    groups = home.app.reader.explain(subject).rules
    explained = next(group.rules for group in groups if group.environment == "production")
    page = plain(show_linked_gate(home.services, home.token(subject, BEN)).body.decode())
    message = for_everybody()
    assert message.approval is not None
    card = told_rules(message.evolve(approval=message.approval.evolve(rules=rules)))
    for rule, line in zip(rules, card, strict=True):
        assert rule in explained
        assert f"{rule.name} {rule.spoken}: {rule.reason}" in page
        assert line.startswith(f"{rule.mark} {rule.name}: {rule.reason[:60]}")


def test_the_audit_keeps_the_rules_of_each_vote_and_of_the_gates_end() -> None:
    home, subject = awaiting_two_approvals()
    cast_vote(home, subject, ADA)
    home.deadline(home.app.reader.release(subject.id))
    records = [record for record in home.trail() if record.release == subject.id]
    results = {record.action: record.details["results"] for record in records if "results" in record.details}
    assert {rule["rule"] for rule in results["vote.approved"]} >= {
        "gate-is-open",
        "approver-is-listed",
        "one-vote-each",
    }
    assert results["release.expired"] == [
        Rule.QUORUM_REACHED.not_yet("1 of 2 approvals", WaitsFor.PERSON).model_dump(mode="json")
    ]
    assert home.app.reader.release(subject.id).phase is Phase.EXPIRED
