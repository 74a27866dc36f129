"""Validation of submitted forms: that they are well-formed and, by their nonce, that they come from our own pages."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from ..domain.release import VoteDecision
from ..domain.tokens import Claims, Keys, TokenRefused
from ..http.requests import BODY_LIMIT, FORM_TYPE, Refused, check_media_type
from ..inbound.approval import REASON_LIMIT
from .text import visible

NONCE_TIME = timedelta(hours=12)
PURPOSE = "approval-form"
_FIELDS = frozenset({"decision", "reason", "nonce"})


class FormClaims(Claims):
    """The content of a form's nonce. It identifies one rendering of one page."""

    link: str
    """Hash of what the page is bound to (a link's token, or a plan and a person): the nonce is valid only there."""
    id: str


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A submitted vote."""

    decision: VoteDecision
    reason: str
    nonce: str


def new_nonce(keys: Keys, binding: str, *, now: datetime) -> str:
    claims = FormClaims(link=_link(binding), id=secrets.token_urlsafe(12), expires_at=now + NONCE_TIME)
    return keys.sign(PURPOSE, claims)


def submission(keys: Keys, posted: Posted, binding: str, *, now: datetime) -> str:
    """Id of this vote, the same however often the form is submitted. Raises `Refused`."""
    return bound_nonce(keys, posted.nonce, binding, now=now)


def bound_nonce(keys: Keys, nonce: str, binding: str, *, now: datetime) -> str:
    """Id of one action on the page that the nonce was issued for. Raises `Refused`."""
    try:
        claims = keys.verify(PURPOSE, nonce, FormClaims, now=now)
    except TokenRefused as error:
        raise Refused(400, "This page was open for too long, or the form was not submitted from it.") from error
    if claims.link != _link(binding):
        raise Refused(400, "The form belongs to another page.")
    return f"page-{claims.id}"


def read_fields(headers: Mapping[str, str], body: bytes, names: frozenset[str]) -> dict[str, str]:
    """The fields of a form, escaped for display. Refuses repeated and unknown fields. Raises `Refused`."""
    _check_form(headers, body)
    fields = _fields(body, names)
    return {name: visible(value.replace("\r\n", "\n")) for name, value in fields.items()}


def parse_form(headers: Mapping[str, str], body: bytes) -> Posted:
    """Raises `Refused`."""
    _check_form(headers, body)
    fields = _fields(body, _FIELDS)
    if fields.get("decision") not in set(VoteDecision):
        raise Refused(400, "decision: expected approve, reject or withdraw.")
    reason = visible(fields.get("reason", "").replace("\r\n", "\n")).strip()
    if len(reason) > REASON_LIMIT:
        raise Refused(400, f"reason: expected at most {REASON_LIMIT} characters, got {len(reason)}.")
    return Posted(decision=VoteDecision(fields["decision"]), reason=reason, nonce=fields.get("nonce", ""))


def _check_form(headers: Mapping[str, str], body: bytes) -> None:
    if len(body) > BODY_LIMIT:
        raise Refused(413, f"The form is too long: the limit is {BODY_LIMIT // 1024} KB.")
    check_media_type(headers, FORM_TYPE)


def _fields(body: bytes, names: frozenset[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=len(names))
    except ValueError as error:
        raise Refused(400, "The form could not be read.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= names:
        raise Refused(400, f"The form could not be read: expected {', '.join(sorted(names))}, each once.")
    return fields


def _link(binding: str) -> str:
    return hashlib.sha256(binding.encode()).hexdigest()
