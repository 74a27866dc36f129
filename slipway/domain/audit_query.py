"""Queries on the trail and their results: filters that combine, newest records first, in pages.

The same query serves the API, the pages and the export; `ledger/audit_index.py` answers it.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self, assert_never

from pydantic import Field, model_validator

from .actions import Action, Intervention
from .audit import AuditRecord, Damaged
from .model import Name, Record, Timestamp

SERVICE: Final = "slipway"
"""The actor of records that no person caused."""
ACTION_PATTERN: Final = r"^[a-z]+(?:[.-][a-z]+)*$"
DIGEST_PREFIX_PATTERN: Final = r"^sha256:[0-9a-f]{6,64}$"
RELEASE_PATTERN: Final = r"^[a-z][a-z0-9-]{0,39}-[1-9][0-9]{0,11}$"
APPLICATION_PATTERN: Final = r"^(?:[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?|_installation)$"
PAGE_LIMIT: Final = 200
LONGEST_RANGE: Final = timedelta(days=3660)


class ActionClass(StrEnum):
    """Groups of actions that can be queried together."""

    CHANGE = "change"
    """The software that runs in an environment was changed, or a release became the live one."""
    FREEZE = Intervention.FREEZE.value
    """A freeze or a hold began or ended."""
    OVERRIDE = Intervention.OVERRIDE.value
    """Somebody passed a rule with a reason."""
    WAIVER = Intervention.WAIVER.value
    """Somebody waived a rule about proof, by proof of who they are."""
    REJECTION = Intervention.REJECTION.value
    """Somebody rejected a release."""
    ROLLBACK = Intervention.ROLLBACK.value
    """The release that was live before was brought back, or was ordered back."""
    INTERVENTION = "intervention"
    """Any freeze, override, waiver, rejection or rollback."""

    def holds(self, action: Action) -> bool:
        """Whether the action is one of the class."""
        match self:
            case ActionClass.CHANGE:
                return action.changes_environment
            case ActionClass.INTERVENTION:
                return action.intervention is not None
            case ActionClass.FREEZE:
                return action.intervention is Intervention.FREEZE
            case ActionClass.OVERRIDE:
                return action.intervention is Intervention.OVERRIDE
            case ActionClass.WAIVER:
                return action.intervention is Intervention.WAIVER
            case ActionClass.REJECTION:
                return action.intervention is Intervention.REJECTION
            case ActionClass.ROLLBACK:
                return action.intervention is Intervention.ROLLBACK
            case unreachable:
                assert_never(unreachable)


class AuditQuery(Record):
    """Filters. A record matches if it satisfies all given filters; without any, every record matches."""

    application: Annotated[str, Field(pattern=APPLICATION_PATTERN)] | None = None
    """A name, or `_installation` for records that concern no single application."""
    environment: Name | None = None
    actor: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    """A person's address, `oid:…`, `pipeline:…`, `key:…` or `slipway`, in upper or lower case."""
    action: Annotated[str, Field(pattern=ACTION_PATTERN, max_length=64)] | None = None
    """An action such as `release.live`, or a class of them (`ActionClass`)."""
    digest: Annotated[str, Field(pattern=DIGEST_PREFIX_PATTERN)] | None = None
    """`sha256:` and at least the first six digits."""
    release: Annotated[str, Field(pattern=RELEASE_PATTERN)] | None = None
    since: Timestamp | None = None
    """Records of this moment and later."""
    until: Timestamp | None = None
    """Records before this moment."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("expected since before until")
        return self

    @property
    def is_of_a_whole_trail(self) -> bool:
        """Whether all records of one application match, apart from a range of time."""
        others = (self.environment, self.actor, self.action, self.digest, self.release)
        return self.application is not None and not any(others)

    @property
    def action_class(self) -> ActionClass | None:
        return next((kind for kind in ActionClass if kind == self.action), None)

    def matches(self, record: AuditRecord) -> bool:
        """Whether the record matches; the index must return the same records."""
        return all(
            (
                self.application in (None, record.application),
                self.environment in (None, record.environment),
                self.actor is None or self.actor.casefold() == record.actor.casefold(),
                self._action_matches(record),
                self.digest is None or (record.digest or "").startswith(self.digest),
                self.release in (None, record.release),
                _between(record.time, self.since, self.until),
            )
        )

    def _action_matches(self, record: AuditRecord) -> bool:
        if self.action_class is None:
            return self.action in (None, record.action)
        return record.known_action is not None and self.action_class.holds(record.known_action)


def _between(time: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or time >= since) and (until is None or time < until)


class AuditPage(Record):
    """Records, newest first. A page with fewer records than were asked for, even none, is not the end: `next` says
    that."""

    records: tuple[AuditRecord | Damaged, ...]
    """A record that does not verify, or that does not belong here, is `Damaged`."""
    next: str | None = None
    """The token of the next page; None at the end. Stays valid while new records arrive."""
