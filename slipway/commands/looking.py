"""The worker's half of looks: carries out a look, and puts the answer where the front can read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..clock import Clock
from ..domain.inbox import Look, LookKind, Received
from ..domain.looks import LIFE, PERMISSIONS, LookAnswer
from ..domain.roles import NotPermitted, demand
from ..inbound.reading import BadInput
from ..ledger.looks import LookAnswers
from .speakers import caller_of_speaker
from .taking import CannotCount

type LookHandler = Callable[[Look], Mapping[str, Any]]
"""Raises `BadInput` and `NotFound` for a look at something that does not exist."""


@dataclass(frozen=True, kw_only=True)
class Looker:
    """Carries out looks. A look changes no release, so the same one may be taken twice."""

    looks: LookAnswers
    handlers: Mapping[LookKind, LookHandler]
    clock: Clock

    def take(self, received: Received) -> None:
        look = received.row.look
        if look is None:
            raise BadInput("look", "what to look at", "nothing")
        who = caller_of_speaker(received.row.speaker)
        try:
            demand(who, PERMISSIONS[look.kind])
        except NotPermitted as refused:
            raise CannotCount(str(refused)) from refused
        answer = self.handlers[look.kind](look)
        now = self.clock()
        self.looks.keep(
            LookAnswer(
                id=received.id,
                asked_by=who.name,
                kind=look.kind,
                subject=look.subject,
                asked_at=received.received_at,
                answered_at=now,
                answer=dict(answer),
                expires_at=now + LIFE,
            )
        )
