"""The cost of proving: requests and time of a signed vote compared with one by link, and what a push asks the registry
compared with the rest of its processing.

Two approvals are required, so that only the vote itself is counted and nothing that follows it. Both votes begin with
the page, and end when storage is quiet: challenge, mark, inbox, proof, keys, decision, and the voter's notice.
"""

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from local.identity import laptop
from local.person import Approver, Signer
from local.stack import StackOptions
from slipway.bootstrap.roles import AppRole

from .alone import TripTimer
from .events import send_push
from .example import APPLICATION, write_example
from .latency import Story
from .rows import Row
from .setting import BenchStack, Peer

VOTES: Final = 5
LINK, SIGNED = "link", "signed"
_WATCHED: Final = ("table", "blob")


def rows() -> list[Row]:
    with TemporaryDirectory() as name:
        trips: dict[str, float] = {}
        votes = {level: _votes(Path(name), level, trips) for level in (LINK, SIGNED)}
    requests, seconds = (
        {level: [figures[index] for figures in vote_figures] for level, vote_figures in votes.items()}
        for index in (0, 1)
    )
    other_trips = {"accept": 1, "hop": 1, "read": 1, "commit": 1}
    return [
        _comparison_row("proving.vote-requests", requests, unit="requests", scale=1),
        _comparison_row("proving.vote-counted", seconds, unit="ms", scale=1000),
        Row(
            name="proving.push",
            ours=trips["manifest"] * 1000,
            peer=sum(trips[trip] * times for trip, times in other_trips.items()) * 1000,
            peer_name="the rest of the event's processing",
            unit="ms",
            ratio=trips["manifest"] / sum(trips[trip] * times for trip, times in other_trips.items()),
            note=f"the registry is asked once about the push; the rest: {', '.join(other_trips)}, each timed alone",
        ),
    ]


def _comparison_row(name: str, figures: dict[str, list[float]], *, unit: str, scale: float) -> Row:
    ours, peer = ([value * scale for value in figures[level]] for level in (SIGNED, LINK))
    return Row(
        name=name,
        ours=median(ours),
        peer=median(peer),
        peer_name="a vote by link",
        unit=unit,
        ratio=median(ours) / median(peer),
        spread=(min(ours), max(ours)),
        note="from the page to the counted vote, with the browser's steps at the identity provider"
        if scale > 1
        else "",
        more={"runs": len(ours)},
    )


def _votes(folder: Path, level: str, trips: dict[str, float]) -> list[tuple[float, float]]:
    """Requests to storage, and seconds, for each vote at that level."""
    ada, ben = (laptop().person(name).oid for name in ("Ada", "Ben"))
    require_two = {f'approvers: ["oid:{ada}"] ': f'approvers: ["oid:{ada}", "oid:{ben}"]\n      required: 2 '}
    example = write_example(folder / level, level=level, more=require_two)
    with BenchStack(StackOptions(apply=example, single=True), watch_storage=True, watch_clusters=True) as stack:
        voting = _Voting(stack, level)
        voting.vote("1.0.0")  # opens connections, creates tables, and signs in
        figures = [voting.vote(f"1.1.{number}") for number in range(VOTES)]
        if level == LINK:
            with Peer(stack) as peer, peer.start(AppRole.FRONT, folder / "peer") as front:
                trips |= TripTimer(stack, peer, trivial_url=front.url).medians(voting.story.last)
        return figures


class _Voting:
    def __init__(self, stack: BenchStack, level: str) -> None:
        self._stack, self.story, self._level = stack, Story(stack), level
        self._signer = Signer(laptop().person("Ada").oid)

    def vote(self, version: str) -> tuple[float, float]:
        self.story.last = self.story.build(version)
        send_push(self._stack, repository=APPLICATION, tag=version, digest=self.story.last)
        notice = self.story.notice("gate-opened", version)
        self.story.settle()
        for name in _WATCHED:
            self._stack.proxies[name].forget()
        begin = time.monotonic()
        if self._level == LINK:
            Approver().decide(notice["approval_url"], "approve")
        else:
            self._signer.decide(notice["locate_url"], "approve")
        seconds = time.monotonic() - begin
        self.story.settle()
        return float(sum(len(self._stack.proxies[name].requests()) for name in _WATCHED)), seconds
