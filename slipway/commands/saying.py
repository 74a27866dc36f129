"""The front's half of the inbox: writes down what people say, and wakes the worker. It decides nothing.

A lost hint only delays the statement: reconcile lists the inbox.
"""

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from ..clock import Clock
from ..domain.commands import OF_A_LANE, OF_A_RELEASE, OF_EVERYTHING, OF_THE_INSTALLATION, Verb
from ..domain.hints import InboxHint
from ..domain.inbox import InboxId, InboxKind, InboxRow, Look, Speaker, inbox_id, is_inbox_id
from ..domain.model import Record
from ..domain.people import GUID_PATTERN
from ..domain.release import Release
from ..domain.rules import Rule
from ..domain.statement import PUSHED, CommandStatement, salt_of
from ..effects.messaging import Bus, QueueUnavailable, raw_hint
from ..inbound.reading import BadInput
from ..ledger.inbox import Inbox
from ..ledger.keys import INSTALLATION
from ..queries.reading import Reader
from ..telemetry import carrier

_WAIVABLE = tuple(str(rule) for rule in Rule if rule.waivable)

log = logging.getLogger(__name__)


class StatementReceipt(Record):
    """The place of the answer to a statement."""

    partition: str
    """The application, or `_installation`."""
    id: InboxId


@dataclass(frozen=True, kw_only=True)
class CommandRequest:
    """A command as a page, the API or the command line understood it."""

    verb: Verb
    application: str = ""
    environment: str = ""
    release: str = ""
    tag: str = ""
    """For `create`: the artifact of the newest release with this tag goes out again. If there is none, the artifact
    that was pushed under the tag goes out."""
    digest: str = ""
    """For `create`: likewise, by digest."""
    reason: str = ""
    until: datetime | None = None
    parked: str = ""
    """For a replay: the id of the parked input."""
    rule: str = ""
    """For a waiver: the name of the rule."""
    person: str = ""
    """For `session.end`: whose sessions, by object id."""
    session: str = ""
    """For `session.end`: the hash of the one to end; empty for all of them."""


@dataclass(frozen=True, kw_only=True)
class InboxWriter:
    """Adds statements to the inbox, on behalf of people."""

    inbox: Inbox
    bus: Bus
    reader: Reader
    installation: str
    """The installation's name, which statements are addressed to."""
    clock: Clock
    random: Callable[[int], bytes] = secrets.token_bytes

    def say(self, partition: str, row: InboxRow, *, id: str = "") -> StatementReceipt:
        """Add the row, then send a hint. The same id again is the same row.

        Raises `BadInput` for an id that is not one of ours; `LedgerUnavailable`: no row was added.
        """
        if id and not is_inbox_id(id):
            raise BadInput("id", "13 digits, a dash and 16 hexadecimal digits", repr(id[:80]))
        receipt = StatementReceipt(partition=partition, id=id or self.new_id())
        self.inbox.add(partition, receipt.id, row)
        hint = InboxHint(application=partition, id=receipt.id)
        try:
            self.bus.send_raw(raw_hint(hint))
        except QueueUnavailable as away:
            log.warning("no hint at %s of %s was sent; reconcile will find it: %s", receipt.id, partition, away)
        return receipt

    def new_id(self) -> str:
        """The id of a future row, for a form that must count once."""
        return inbox_id(self.clock(), self.random(8))

    def command(
        self, request: CommandRequest, speaker: Speaker, *, id: str = "", token: str | None = None
    ) -> StatementReceipt:
        """Add a command; it carries the access token if an application starts a release. Raises as `statement` does."""
        statement = self.statement(request)
        row = InboxRow(kind=InboxKind.COMMAND, said=statement, token=token, speaker=speaker, trace=carrier())
        return self.say(statement.application or INSTALLATION, row, id=id)

    def statement(self, request: CommandRequest) -> CommandStatement:
        """The statement of a command. Raises `BadInput` and `NotFound` for a command about something that does not
        exist, so that a typing error is answered at once; the worker judges everything else."""
        return CommandStatement(
            installation=self.installation,
            salt=salt_of(self.random(16)),
            reason=request.reason,
            verb=request.verb,
            **self._about(request),
        )

    def look(self, look: Look, speaker: Speaker) -> StatementReceipt:
        """Order a look."""
        return self.say(INSTALLATION, InboxRow(kind=InboxKind.LOOK, look=look, speaker=speaker, trace=carrier()))

    def _about(self, request: CommandRequest) -> dict[str, Any]:
        """The application, release and environment that a statement names, and its arguments."""
        verb, about = request.verb, dict[str, Any](arguments=_arguments(request))
        if verb is Verb.SESSION_END and re.fullmatch(GUID_PATTERN, request.person) is None:
            hint = "" if request.person else ": a key has no sessions of its own"
            raise BadInput("person", f"the object id of the person whose sessions end{hint}", repr(request.person[:80]))
        if verb is Verb.WAIVE and request.rule not in _WAIVABLE:
            raise BadInput("rule", f"one of {', '.join(_WAIVABLE)}", repr(request.rule[:80]))
        if verb in OF_THE_INSTALLATION:
            return about
        if verb in OF_A_RELEASE:
            release = self._release_to_repeat(request) if verb is Verb.CREATE else self.reader.release(request.release)
            if release is None:
                pushed = {"tag": request.tag} if request.tag else {"digest": request.digest}
                return {"application": request.application, "arguments": pushed}
            if request.application and request.application != release.application:
                raise BadInput("application", f"that of {release.id}", repr(request.application[:80]))
            about |= {"application": release.application, "release": release.number}
        elif request.release:
            raise BadInput("release", f"none, for {verb}", repr(request.release[:80]))
        elif verb in OF_EVERYTHING and not request.application and not request.environment:
            return about
        else:
            about |= {"application": request.application}
        return about | self._environment(request, about["application"])

    def _release_to_repeat(self, request: CommandRequest) -> Release | None:
        """The release whose artifact goes out again: the named one, the one with the tag or digest, or the live one.
        None if there is no release of that tag or digest yet: the worker then asks the registry."""
        fields = [name for name in ("release", "tag", "digest") if getattr(request, name)]
        if len(fields) > 1:
            raise BadInput(fields[1], f"none beside {fields[0]}", repr(getattr(request, fields[1])[:80]))
        if request.release:
            return self.reader.release(request.release)
        entry = self.reader.catalogue.entry(request.application)
        for name, pattern in PUSHED.items():
            if (text := getattr(request, name)) and not re.fullmatch(pattern, text):
                raise BadInput(name, f"a {name}", repr(text[:80]))
        return self.reader.release_of(entry.application, tag=request.tag, digest=request.digest)

    def _environment(self, request: CommandRequest, application: str) -> dict[str, str]:
        catalogue = self.reader.catalogue
        entry = catalogue.entry(application)
        if request.verb not in OF_A_LANE:
            return {}
        if catalogue.environment(application, request.environment) is not None:
            return {"environment": request.environment}
        names = [environment.name for environment in entry.application.environments]
        raise BadInput("environment", f"one of {', '.join(names)}", repr(request.environment[:80]))


def _arguments(request: CommandRequest) -> dict[str, str]:
    arguments = dict[str, str]()
    match request.verb:
        case Verb.FREEZE:
            arguments = {"until": request.until.isoformat() if request.until else ""}
        case Verb.WAIVE:
            arguments = {"rule": request.rule}
        case Verb.REPLAY:
            arguments = {"parked": request.parked}
        case Verb.SESSION_END:
            arguments = {"person": request.person.casefold(), "session": request.session}
        case Verb.UNFREEZE | Verb.CANCEL | Verb.RETRY | Verb.CREATE | Verb.ROLLBACK | Verb.RESUME | Verb.OVERRIDE:
            pass
        case Verb.FENCE_RESET:
            pass
        case unreachable:
            assert_never(unreachable)
    return {name: value for name, value in arguments.items() if value}
