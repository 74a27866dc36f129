"""The home page: the live release of each environment, releases under way or waiting with the reason, and everything
that needs attention."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ..domain.gate import ApprovalGate
from ..domain.model import release_id
from ..domain.proposing import ChangePhase
from ..domain.release import STANDS_STILL, Lane, Phase, Release
from ..domain.rules import Rule
from ..domain.tones import Tone
from ..http.places import change_place
from ..ledger.proposals import Proposals
from ..queries.board import ApplicationRow, Board, Cell, board
from ..queries.open_changes import ShownChange
from ..queries.reading import Reader
from ..text import one_line
from . import times, words
from .answer import Answer, cacheable
from .deciding import decision_address
from .proposed import badge_of
from .signin import Visitor
from .templating import render
from .words import Badge

ATTENTION = 8
"""The most items that the attention list names; the table marks all of them."""
REASON = 240
"""The longest reason of an item: the names that it ends with have to be on the board."""


@dataclass(frozen=True, kw_only=True)
class ApplicationGroup:
    """Applications with the same chain of environments; they share a table."""

    environments: tuple[str, ...]
    rows: tuple[ApplicationRow, ...]


@dataclass(frozen=True, kw_only=True)
class AttentionItem:
    """Something that needs somebody's attention."""

    badge: Badge | Phase
    link: str
    headline: str
    text: str
    decide: str = ""
    """The address where the reader may decide on it; empty if they may not."""
    ask: str = words.DECIDE
    """The text of the link to that address."""


def show_board(
    reader: Reader, proposals: Proposals, visitor: Visitor, *, application: str | None = None, follow: bool = False
) -> Answer:
    """The board of all applications, or of one. Raises `NotFound`, `LedgerUnavailable`."""
    state = board(reader, proposals, application)
    page = board_page(state, now=reader.clock(), visitor=visitor, application=application, follow=follow)
    return cacheable(page, follow=follow)


def board_page(
    state: Board, *, now: datetime, visitor: Visitor, application: str | None = None, follow: bool = False
) -> str:
    mine, attention = _split(tuple(_attention_items(state, now, visitor)))
    return render(
        "board.html",
        application=application,
        groups=_groups(state.rows),
        mine=mine,
        attention=attention[:ATTENTION],
        more_attention=max(len(attention) - ATTENTION, 0),
        counts=_counts(state),
        releases=state.newest,
        not_shown=state.not_shown,
        frozen=_frozen,
        now=now,
        reader=visitor,
        follow=follow,
        here="board",
    )


def _groups(rows: Iterable[ApplicationRow]) -> tuple[ApplicationGroup, ...]:
    """Group applications with the same chain, so that each chain gets one table."""
    chains: dict[tuple[str, ...], list[ApplicationRow]] = {}
    for row in rows:
        chains.setdefault(tuple(cell.environment.name for cell in row.cells), []).append(row)
    return tuple(ApplicationGroup(environments=names, rows=tuple(group)) for names, group in chains.items())


def _frozen(lane: Lane, now: datetime) -> str:
    """`FreezeResult`, `On hold` or empty."""
    if lane.freeze is not None and lane.freeze.in_force(now):
        return "Frozen"
    return "On hold" if lane.hold is not None else ""


def _split(items: tuple[AttentionItem, ...]) -> tuple[tuple[AttentionItem, ...], tuple[AttentionItem, ...]]:
    """The items that wait for the reader, and all others that need attention."""
    return tuple(item for item in items if item.decide), tuple(item for item in items if not item.decide)


def _attention_items(state: Board, now: datetime, visitor: Visitor) -> Iterator[AttentionItem]:
    """Failures first, then everything that waits for people."""
    if state.parked:
        yield _parked(state)
    freezes = [row.everything for row in state.rows if row.everything and row.everything.in_force(now)]
    if freezes:
        badge = Badge(word="Frozen", mark="‖", tone=Tone.ASKS)
        yield AttentionItem(
            badge=badge, link="/operate", headline="Everything", text=one_line(freezes[0].reason, REASON)
        )
    cells = [cell for row in state.rows for cell in row.cells]
    for cell in cells:
        if cell.failed is not None:
            what = f"{cell.failed.id} in {cell.environment.name}"
            yield _item(cell.failed, what, one_line(cell.failed.reason, REASON))
    for row in state.rows:
        yield from _drifted(row)
    for board_cell, item in ((cell, item) for cell in cells for item in cell.moving):
        waiting = item.release
        if waiting.phase is Phase.AWAITING_APPROVAL:
            deadline = f"decide {times.relative(waiting.due, now)}" if waiting.due else ""
            due = STANDS_STILL if waiting.stands_still else deadline
            what, ask = f"{waiting.id} for {waiting.environment}", words.DECIDE
            outdated = [rule.reason for rule in item.rules if rule.rule is Rule.PLAN_IS_CURRENT]
            if waiting.gate is not None and waiting.gate.why_nobody_was_notified:
                due = one_line(f"{due}; nobody could be told of it: {waiting.gate.why_nobody_was_notified}", REASON)
            if outdated:
                due, ask = one_line(f"planned again before anybody can approve it: {outdated[0]}", REASON), words.LOOK
            yield _item(waiting, what, due, _decision_address(waiting, board_cell, visitor), ask)
    for shown in state.changes:
        yield _change(shown, now, visitor)


def _drifted(row: ApplicationRow) -> Iterator[AttentionItem]:
    """Environments whose cluster differs from the live release, or for which that is not known."""
    for cell in row.cells:
        if cell.lane.drift is not None:
            release = release_id(row.application, cell.lane.drift.release)
            yield AttentionItem(
                badge=words.drift_badge(cell.lane.drift),
                link=f"/releases/{release}",
                headline=f"{release} in {cell.environment.name}",
                text=one_line(cell.lane.drift.seen.summary, REASON),
            )


def _change(shown: ShownChange, now: datetime, visitor: Visitor) -> AttentionItem:
    """A change of the catalogue that people vote on."""
    change, address = shown.change, change_place(shown.change.hash)
    gates = ", ".join(old.title for old in shown.plan.gates) if shown.plan else ""
    due = f"decide {times.relative(change.deadline, now)}" if change.phase is ChangePhase.WAITING else ""
    if change.phase is ChangePhase.STOOD_IN:
        due = "two of the platform's people stand in: anybody who is asked may object"
    return AttentionItem(
        badge=badge_of(change),
        link=address,
        headline=one_line(f"A change that weakens the gate of {gates or 'production'}", REASON),
        text=due,
        decide=f"{address}#decide" if shown.waits_for(visitor.signed_in) else "",
    )


def _decision_address(release: Release, cell: Cell, visitor: Visitor) -> str:
    """The address where the reader may decide on the release; empty if its gate does not name them, or they have
    voted."""
    gate = cell.environment.gate
    if release.environment != cell.environment.name or not isinstance(gate, ApprovalGate):
        return ""
    return decision_address(release, gate, visitor)


def _item(release: Release, headline: str, text: str, decide: str = "", ask: str = "") -> AttentionItem:
    return AttentionItem(
        badge=release.phase, link=f"/releases/{release.id}", headline=headline, text=text, decide=decide, ask=ask
    )


def _parked(state: Board) -> AttentionItem:
    newest = max(state.parked, key=lambda item: item.parked_at)
    count = len(state.parked)
    return AttentionItem(
        badge=words.PARKED,
        link="/parked",
        headline=f"{count} input{'' if count == 1 else 's'} that could not be handled",
        text=f"the latest came from {newest.source}: {one_line(newest.reason, REASON)}",
    )


def _counts(state: Board) -> tuple[Badge, ...]:
    """Badges that count each kind: failed, not shown, parked, waiting, on the way, live."""
    cells = [cell for row in state.rows for cell in row.cells]
    moving = [item.release for cell in cells for item in cell.moving]
    moving += [item.release for row in state.rows for item in row.arriving]
    waiting = sum(release.phase is Phase.AWAITING_APPROVAL for release in moving)
    asks = waiting + sum(shown.change.phase.open for shown in state.changes)
    counts = (
        (sum(cell.failed is not None for cell in cells), "failed", "✕", Tone.BAD),
        (len(state.not_shown), "not shown", "!", Tone.BAD),
        (len(state.parked), "parked", "!", Tone.BAD),
        (asks, "waiting for a decision" if asks != 1 else "waits for a decision", "?", Tone.ASKS),
        (len(moving) - waiting, "on the way", "◑", Tone.BUSY),
        (sum(cell.lane.live is not None for cell in cells), "live", "✓", Tone.GOOD),
    )
    return tuple(Badge(word=f"{count} {word}", mark=mark, tone=tone) for count, word, mark, tone in counts if count)
