"""Reads submitted forms: their size, their media type, and their fields, each known and given once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..domain.blocks import REASON_LIMIT
from ..domain.inbox import is_inbox_id
from ..domain.release import VoteDecision
from ..http.forms import FIELD
from ..http.requests import BODY_LIMIT, FORM_TYPE, WITH_A_LENGTH, RequestRefused, check_media_type, was_chunked
from ..text import visible

_FIELDS = frozenset({"decision", "reason", "opening", "id", FIELD})
STANDS_IN = "stands-in"
"""The field with which one of the platform's people stands in for a gate's approvers."""


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A submitted vote."""

    decision: VoteDecision
    reason: str
    form_token: str
    opening: int = 0
    """The opening of the gate that the page showed; 0 if the form does not say."""
    id: str = ""
    """Names this form, so that it counts once however often it is sent; empty if the form does not say."""
    stands_in: bool = False
    """Whether it approves a proposed change in place of its gates' approvers."""


def read_fields(headers: Mapping[str, str], body: bytes, names: frozenset[str]) -> dict[str, str]:
    """The fields of a form, escaped for display. Refuses repeated and unknown fields. Raises `RequestRefused`."""
    _check_form(headers, body)
    fields = _fields(body, names)
    return {name: visible(value.replace("\r\n", "\n")) for name, value in fields.items()}


def parse_form(headers: Mapping[str, str], body: bytes, *, of_change: bool = False) -> Posted:
    """`of_change`: whether it is a vote on a proposed change. Raises `RequestRefused`."""
    _check_form(headers, body)
    fields = _fields(body, _FIELDS | ({STANDS_IN} if of_change else frozenset()))
    if fields.get("decision") not in set(VoteDecision):
        raise RequestRefused(400, "decision: expected approve, reject, withdraw or object.")
    reason = visible(fields.get("reason", "").replace("\r\n", "\n")).strip()
    if len(reason) > REASON_LIMIT:
        raise RequestRefused(400, f"reason: expected at most {REASON_LIMIT} characters, got {len(reason)}.")
    opening = fields.get("opening", "")
    if not re.fullmatch(r"[0-9]{0,6}", opening):
        raise RequestRefused(400, "opening: expected a number.")
    id = fields.get("id", "")
    if id and not is_inbox_id(id):
        raise RequestRefused(400, "id: expected that of the form.")
    return Posted(
        decision=VoteDecision(fields["decision"]),
        reason=reason,
        form_token=fields.get(FIELD, ""),
        opening=int(opening or 0),
        id=id,
        stands_in=bool(fields.get(STANDS_IN)),
    )


def _check_form(headers: Mapping[str, str], body: bytes) -> None:
    if len(body) > BODY_LIMIT:
        raise RequestRefused(413, f"The form is too long: the limit is {BODY_LIMIT // 1024} KB.")
    check_media_type(headers, FORM_TYPE)
    if was_chunked(headers, body):
        raise RequestRefused(400, f"The form did not arrive: expected {WITH_A_LENGTH}.")


def _fields(body: bytes, names: frozenset[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=len(names))
    except ValueError as error:
        raise RequestRefused(400, "The form could not be read.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= names:
        raise RequestRefused(400, f"The form could not be read: expected {', '.join(sorted(names))}, each once.")
    return fields
