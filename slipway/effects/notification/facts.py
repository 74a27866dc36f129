"""The facts of a notice in the order in which people need them, the same in a mail and on a card. Pure.

Every text from outside (tags, names, branches, summaries) is reduced to one line without invisible characters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ...text import moment, one_line, short, web_address
from .channel import ApprovalDetails, Message, Result

SHOWN = 120
"""Maximum characters of one value."""
RESULTS = 8
CHANGES = 12
RULES = 10
DIGEST = 12


@dataclass(frozen=True, kw_only=True)
class MessageFact:
    """A name and its value."""

    name: str
    value: str
    link: str | None = None


def facts(message: Message) -> tuple[MessageFact, ...]:
    """The release, its target and its origin; facts without a value are left out."""
    return tuple(fact for fact in _facts(message) if fact.value)


def _facts(message: Message) -> Iterator[MessageFact]:
    yield MessageFact(name="Application", value=_shortened_line(message.application))
    yield MessageFact(name="Version", value=_shortened_line(message.tag))
    yield MessageFact(name="Environment", value=_shortened_line(message.environment))
    approval = message.approval
    if approval is None:
        return
    yield MessageFact(name="Live there now", value=_live_version(approval))
    yield MessageFact(name="Digest", value=short(approval.digest, DIGEST))
    yield MessageFact(name="Plan", value=short(approval.plan_hash, DIGEST))
    yield MessageFact(name="Pushed by", value=_shortened_line(approval.pushed_by))
    yield MessageFact(name="Requested by", value=_shortened_line(approval.requested_by))
    yield MessageFact(name="Commit", value=_commit(approval))
    yield MessageFact(name="Changed by", value=_shortened_line(approval.changed_by))
    yield MessageFact(name="CI run", value=_shortened_line(approval.run), link=web_address(approval.run_url))
    yield MessageFact(name="Proof of the run", value=_shortened_line(approval.proof))
    yield from (MessageFact(name="Waived", value=_shortened_line(each)) for each in approval.waived)
    yield MessageFact(name="Votes", value=f"{approval.approvals} of {approval.required}")
    if approval.newer is not None:
        phase = approval.newer.phase.replace("_", " ")
        newer = f"{_shortened_line(approval.newer.tag)} ({approval.newer.release}), {phase}"
        yield MessageFact(name="Newer release", value=newer, link=web_address(approval.newer.url))


def _live_version(approval: ApprovalDetails) -> str:
    live = approval.live
    return f"{_shortened_line(live.tag)} ({live.release}), since {moment(live.since)}" if live else "nothing"


def _commit(approval: ApprovalDetails) -> str:
    branch = _shortened_line(approval.branch.removeprefix("refs/heads/"))
    commit = _shortened_line(approval.commit)[:DIGEST]
    return f"{commit} on {branch}" if commit and branch else commit or branch


def heading(message: Message) -> str:
    """The heading above the message's lines."""
    if message.change:
        return "What was counted" if message.notice == "change-vote-counted" else "What would be weaker"
    if message.anchors:
        return "The ends of the chains"
    return f"What changes in {message.environment}" if message.approval else "What is known"


def planned_changes(message: Message) -> tuple[str, ...]:
    """The planned changes, one line per object, at most `CHANGES` lines."""
    return _shortened([_shortened_line(line) for line in message.lines], CHANGES)


def shown_results(message: Message) -> tuple[str, ...]:
    """The results of CI and verification, newest first."""
    evidence = reversed(message.approval.evidence) if message.approval else ()
    return _shortened([_result(result) for result in evidence], RESULTS)


def shown_rules(message: Message) -> tuple[str, ...]:
    """The gate's rules by name, each with its result."""
    results = message.approval.rules if message.approval else ()
    return _shortened([f"{result.mark} {result.name}: {_shortened_line(result.reason)}" for result in results], RULES)


def _result(result: Result) -> str:
    mark = "✓" if result.passed else "✕"
    where = f" in {_shortened_line(result.environment)}" if result.environment else ""
    summary = f": {_shortened_line(result.summary)}" if result.summary else ""
    return f"{mark} {_shortened_line(result.name)}{where}{summary}"


def _shortened(lines: list[str], most: int) -> tuple[str, ...]:
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], f"and {len(lines) - most + 1} more")


def _shortened_line(text: str) -> str:
    return one_line(text, SHOWN)
