"""Queries on the audit trail for pages and API: parameters in, a page of records and a continuation token out."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from typing import Final

from pydantic import ValidationError

from ..catalogue.entries import Catalogue
from ..domain.actions import Action
from ..domain.audit import AuditRecord, Damaged, verify_record
from ..domain.audit_query import LONGEST_RANGE, PAGE_LIMIT, ActionClass, AuditPage, AuditQuery
from ..domain.model import canonical, parse_release_id, sha256
from ..domain.signing import PublicKeys
from ..inbound.reading import BadInput, NoSuch
from ..ledger.audit_index import AuditIndex, Position
from ..ledger.digest_walk import TooManyDigests
from ..ledger.index_keys import PLACE_PATTERN, sequence_of
from ..ledger.keys import INSTALLATION
from ..ledger.table import UnknownPlace

PAGE: Final = 50
"""Default number of records of a page."""
FILTERS: Final = ("application", "environment", "actor", "action", "digest", "release", "from", "to")
PAGING: Final = ("after", "limit")
_YEARS: Final = (2000, 2100)
_TOKEN_LIMIT: Final = 3000
_SHOWN: Final = 60
_MOST_NEAR: Final = 3
_ALIKE: Final = 0.75
_EXPECTED: Final = {
    "application": "the name of an application, or _installation",
    "environment": "the name of an environment",
    "actor": "a name of 1 to 254 characters, such as ada@example.com",
    "action": "an action such as release.live, or change, freeze, override, waiver, rejection, rollback or "
    "intervention",
    "digest": "sha256: and the first 6 to 64 hexadecimal digits",
    "release": "the id of a release, such as shop-482",
}


def read_query(parameters: Mapping[str, str], *, besides: tuple[str, ...] = PAGING) -> AuditQuery:
    """The query for the given filters. Raises `BadInput` naming the parameter, also for an unknown one."""
    allowed = (*FILTERS, *besides)
    for name in parameters:
        if name not in allowed:
            raise BadInput(_shown(name), f"one of the parameters {', '.join(allowed)}", "one that does not exist")
    filters = {name: parameters[name] for name in FILTERS[:-2] if name in parameters}
    if "digest" in filters:
        filters["digest"] = "sha256:" + filters["digest"].strip().lower().removeprefix("sha256:")
    since, until = read_time("from", parameters.get("from")), read_time("to", parameters.get("to"), ends=True)
    if since and until and since >= until:
        raise BadInput("from", "a time before that of to", _shown(parameters["from"]))
    if since and until and until - since > LONGEST_RANGE:
        raise BadInput(
            "from", f"a time at most {LONGEST_RANGE.days} days before that of to", _shown(parameters["from"])
        )
    try:
        query = AuditQuery.model_validate({**filters, "since": since, "until": until})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise BadInput(name, _EXPECTED[name], _shown(filters[name])) from error
    if query.action is not None:
        _check_known(query.action)
    return query


def _check_known(action: str) -> None:
    """Raises `BadInput` for an action that no record can have: an empty list would read as *it never happened*."""
    allowed = (*ActionClass, *Action)
    if action in allowed:
        return
    near = [name for name in allowed if name.startswith(action)] or get_close_matches(action, allowed, cutoff=_ALIKE)
    similar = f" (similar: {', '.join(near[:_MOST_NEAR])})" if near else ""
    raise BadInput("action", f"{_EXPECTED['action']}{similar}", _shown(action))


def read_time(name: str, text: str | None, *, ends: bool = False) -> datetime | None:
    """A day (`2026-11-23`) or a time, in UTC unless it names a zone. With `ends`, a day means its end. Raises
    `BadInput`."""
    if text is None:
        return None
    expected = (
        f"a day such as 2026-11-23 or a time such as 2026-11-23T08:00:00Z, of the years {_YEARS[0]} to {_YEARS[1]}"
    )
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            moment = datetime.combine(datetime.fromisoformat(text), time(), UTC) + timedelta(days=1 if ends else 0)
        elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,15}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?", text):
            moment = datetime.fromisoformat(text.upper())
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            raise ValueError(text)  # noqa: TRY301 - every unreadable text is reported the same way
    except (ValueError, OverflowError) as error:
        raise BadInput(name, expected, _shown(text)) from error
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise BadInput(name, expected, _shown(text))
    return moment


@dataclass(frozen=True, kw_only=True)
class Trail:
    """Queries the trail through the audit index. The index is a copy, so each record is verified before it is shown,
    with only the public keys."""

    index: AuditIndex
    keys: Callable[[], PublicKeys]
    head: Callable[[str], int]
    """Sequence of the last record of an application's trail."""
    has_release: Callable[[str, int], bool]
    catalogue: Catalogue
    copied: Callable[[str], int]
    """The sequence up to which the index has every record of the trail; copies of later records may still come."""

    def page(self, query: AuditQuery, *, limit: int = PAGE, after: str | None = None) -> AuditPage:
        """One page, newest first. `after` is the `next` of an earlier page of the same query.

        Raises `BadInput`, `LedgerUnavailable` and `KeysUnavailable`; `NoSuch` if nothing is found because there is not,
        and never was, an application, environment or release of this name.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise BadInput("limit", f"a whole number from 1 to {PAGE_LIMIT}", str(limit))
        start = _read_token(query, after) if after is not None else None
        whole = query.application if query.is_of_a_whole_trail else None
        # Read in this order, a record written meanwhile is either in the index, or above the part that the index surely
        # has.
        end = self.head(whole) + 1 if whole and start is None and not query.until else None
        copied = self.copied(whole) if whole else 0
        try:
            result = self.index.find(query, limit=limit, start=start)
        except UnknownPlace as error:
            raise BadInput("after", "the token of a page of this query", "another one") from error
        except TooManyDigests as error:
            raise BadInput("digest", "more digits", str(error)) from error
        records = tuple(self._shown(item, query) for item in result.records)
        if whole:
            above = sequence_of(start.after) if start is not None and not start.resume else end
            begins = result.next is None and not query.since
            records = tuple(_with_gaps(whole, records, above=above, begins=begins, copied=copied))
        if not records and start is None and result.next is None:
            self.check_named(query)
        return AuditPage(records=records, next=_token(query, result.next) if result.next else None)

    def check_named(self, query: AuditQuery) -> None:
        """Raises `NoSuch` for a name that is not delivered here, and that no record has either."""
        chains = {entry.application.application: entry.application.environments for entry in self.catalogue}
        application, environment = query.application, query.environment
        if application and application not in (INSTALLATION, *chains) and not self.head(application):
            raise NoSuch("application", sorted(chains), application)
        names = dict.fromkeys(each.name for chain in chains.values() for each in chain)
        if environment and environment not in names and not self._was_used(environment):
            raise NoSuch("environment", names, environment)
        if query.release and not self.has_release(*parse_release_id(query.release)):
            raise NoSuch("release", ("those that `slipway releases` lists",), query.release)

    def _was_used(self, environment: str) -> bool:
        return bool(self.index.find(AuditQuery(environment=environment), limit=1, start=None).records)

    def _shown(self, item: AuditRecord | Damaged, query: AuditQuery) -> AuditRecord | Damaged:
        if isinstance(item, Damaged):
            return item
        if not query.matches(item):
            foreign = "it does not match the search that the audit index has it under"
            return Damaged(application=item.application, sequence=item.sequence, damaged=foreign)
        return verify_record(item, self.keys())


def _with_gaps(
    application: str,
    records: Sequence[AuditRecord | Damaged],
    *,
    above: int | None,
    begins: bool,
    copied: int,
) -> Iterator[AuditRecord | Damaged]:
    """The records of one trail, newest first, with a `Damaged` in place of each one that the index lacks: without a
    filter, a trail has every sequence. `above` is the sequence before the first record, if that is known; `begins` says
    that no older record follows."""
    expected = above - 1 if above else None
    for record in records:
        yield from _gap(application, record.sequence + 1, expected, copied)
        yield record
        expected = record.sequence - 1 if record.sequence else None
    if begins:
        yield from _gap(application, 1, expected, copied)


def _gap(application: str, first: int, last: int | None, copied: int) -> Iterator[Damaged]:
    missing = range(first, min(last or 0, copied) + 1)
    if missing:
        records_are = f"record {first} is" if len(missing) == 1 else f"{len(missing)} records from {first} on are"
        why = (
            f"{records_are} missing in the audit index, and may be in the trail: `slipway audit reindex` compares them"
        )
        yield Damaged(application=application, sequence=missing[-1], damaged=why)


def _token(query: AuditQuery, position: Position) -> str:
    """An opaque token, bound to its query: with another query it would silently skip records."""
    parts = [_mark(query), position.after, position.resume]
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(query: AuditQuery, token: str) -> Position:
    wrong = BadInput("after", "the token of a page of this query, as it was given", "another text")
    if not token or len(token) > _TOKEN_LIMIT or "=" in token:
        raise wrong
    try:
        parts = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        mark, after, resume = parts
    except (ValueError, TypeError, RecursionError):
        raise wrong from None
    if not all(isinstance(part, str) for part in (mark, after, resume)):
        raise wrong
    if mark != _mark(query):
        raise BadInput("after", "the token of a page of this query", "one of another query")
    if after and not PLACE_PATTERN.fullmatch(after):
        raise wrong
    return Position(after=after, resume=resume)


def _mark(query: AuditQuery) -> str:
    return sha256(canonical(query.model_dump(mode="json")))[len("sha256:") :][:16]


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return repr(short.encode("utf-8", "backslashreplace").decode())
