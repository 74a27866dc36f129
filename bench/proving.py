"""The cost of proving: requests and time of a signed vote beside one by link, and a push's questions to the registry
beside the rest of its way.

Two have to approve, so that what is counted is one vote and nothing that follows it. Both votes begin with the page,
and end when nothing more passes to storage: challenge, mark, inbox, proof, keys, decision, and the voter's notice.
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

from .alone import Alone
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
    requests, seconds = ({level: [each[index] for each in found] for level, found in votes.items()} for index in (0, 1))
    rest = {"accept": 1, "hop": 1, "read": 1, "commit": 1}
    return [
        _beside("proving.vote-requests", requests, unit="requests", scale=1),
        _beside("proving.vote-counted", seconds, unit="ms", scale=1000),
        Row(
            name="proving.push",
            ours=trips["manifest"] * 1000,
            peer=sum(trips[trip] * times for trip, times in rest.items()) * 1000,
            peer_name="the rest of the event's way",
            unit="ms",
            ratio=trips["manifest"] / sum(trips[trip] * times for trip, times in rest.items()),
            note=f"the registry is asked once for what was pushed; the rest: {', '.join(rest)}, each timed alone",
        ),
    ]


def _beside(name: str, found: dict[str, list[float]], *, unit: str, scale: float) -> Row:
    ours, peer = ([value * scale for value in found[level]] for level in (SIGNED, LINK))
    return Row(
        name=name,
        ours=median(ours),
        peer=median(peer),
        peer_name="a vote by a link",
        unit=unit,
        ratio=median(ours) / median(peer),
        spread=(min(ours), max(ours)),
        note="from the page to the counted vote, with the browser's steps at the identity provider"
        if scale > 1
        else "",
        more={"runs": len(ours)},
    )


def _votes(folder: Path, level: str, trips: dict[str, float]) -> list[tuple[float, float]]:
    """Requests to storage and seconds, of each vote at that level."""
    ada, ben = (laptop().person(name).oid for name in ("Ada", "Ben"))
    two = {f'approvers: ["oid:{ada}"] ': f'approvers: ["oid:{ada}", "oid:{ben}"]\n      required: 2 '}
    example = write_example(folder / level, level=level, more=two)
    with BenchStack(StackOptions(apply=example, single=True), watch_storage=True, watch_clusters=True) as stack:
        voting = _Voting(stack, level)
        voting.vote("1.0.0")  # opens connections, creates tables, and signs in
        found = [voting.vote(f"1.1.{number}") for number in range(VOTES)]
        if level == LINK:
            with Peer(stack) as peer, peer.start(AppRole.FRONT, folder / "peer") as front:
                trips |= Alone(stack, peer, trivial_url=front.url).time_them(voting.story.last)
        return found


class _Voting:
    def __init__(self, stack: BenchStack, level: str) -> None:
        self._stack, self.story, self._level = stack, Story(stack), level
        self._signer = Signer(laptop().person("Ada").oid)

    def vote(self, version: str) -> tuple[float, float]:
        self.story.last = self.story.build(version)
        send_push(self._stack, repository=APPLICATION, tag=version, digest=self.story.last)
        asked = self.story.notice("gate-opened", version)
        self.story.settle()
        for name in _WATCHED:
            self._stack.proxies[name].forget()
        begin = time.monotonic()
        if self._level == LINK:
            Approver().decide(asked["approval_url"], "approve")
        else:
            self._signer.decide(asked["locate_url"], "approve")
        taken = time.monotonic() - begin
        self.story.settle()
        return float(sum(len(self._stack.proxies[name].passed()) for name in _WATCHED)), taken
