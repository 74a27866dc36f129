"""The worker's half of `session.end`: people end their own sessions of the pages, or somebody else's. It only ever
shuts somebody out, so the front's word is enough."""

import re
from dataclasses import dataclass

from ..clock import Clock
from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.audit import AuditDraft
from ..domain.inbox import InboxKind, Received
from ..domain.people import GUID_PATTERN
from ..domain.statement import CommandStatement
from ..inbound.reading import BadInput
from ..ledger.installation import InstallationLedger
from ..ledger.signed_out import SignOutRows

_HASH = r"[0-9a-f]{64}"


@dataclass(frozen=True, kw_only=True)
class SessionEnding:
    """Ends sessions."""

    signed_out: SignOutRows
    installation: InstallationLedger
    tenant: str
    """The tenant of all who can sign in."""
    clock: Clock

    def end(self, received: Received, statement: CommandStatement, *, actor: str) -> None:
        """End the sessions, then record and answer that. If the process ends in between, all of it is done again.

        Raises `BadInput`, and `LedgerUnavailable` and `Conflict` if another try may help.
        """
        person, session = statement.arguments.get("person", ""), statement.arguments.get("session", "")
        if re.fullmatch(GUID_PATTERN, person) is None:
            raise BadInput("arguments.person", "an object id", repr(person[:80]))
        if session and re.fullmatch(_HASH, session) is None:
            raise BadInput("arguments.session", "the hash of a session's id", repr(session[:80]))
        if session:
            self.signed_out.end_one(self.tenant, person, session, at=received.received_at)
        else:
            self.signed_out.end_all(self.tenant, person, at=received.received_at)
        self._record(received, statement, actor)

    def _record(self, received: Received, statement: CommandStatement, actor: str) -> None:
        details = {
            "person": statement.arguments["person"],
            "sessions": "one" if "session" in statement.arguments else "all",
            "reason": statement.reason,
            "channel": received.row.speaker.via,
        }
        draft = AuditDraft(
            action=Action.SESSION_ENDED,
            actor=actor,
            details={name: str(value) for name, value in details.items() if value},
            inbox=received.id,
            received_at=received.received_at,
        )
        answered = RowOutcome(kind=InboxKind.COMMAND, verb=statement.verb)
        self.installation.record_answer(received.id, draft, answered, now=self.clock())
