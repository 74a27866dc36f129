"""What a browser sends back from a form of ours, checked before anything is believed: how it is written, and that it
answers a page of ours, by the nonce that the page carried."""

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
    """What a form's nonce stands for: one showing of the page behind one link."""

    link: str
    """Hash of what the page is bound to (a link's token, or a plan and a person): a nonce is good there only."""
    id: str


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What was sent."""

    decision: VoteDecision
    reason: str
    nonce: str


def new_nonce(keys: Keys, binding: str, *, now: datetime) -> str:
    claims = FormClaims(link=_link(binding), id=secrets.token_urlsafe(12), expires_at=now + NONCE_TIME)
    return keys.sign(PURPOSE, claims)


def submission(keys: Keys, posted: Posted, binding: str, *, now: datetime) -> str:
    """Names this act of voting, the same however often the form is sent. Raises `Refused`."""
    return bound_nonce(keys, posted.nonce, binding, now=now)


def bound_nonce(keys: Keys, nonce: str, binding: str, *, now: datetime) -> str:
    """Names one act on the page that the nonce was made for. Raises `Refused`."""
    try:
        claims = keys.verify(PURPOSE, nonce, FormClaims, now=now)
    except TokenRefused as error:
        raise Refused(400, "This page was open for too long, or the form did not come from it.") from error
    if claims.link != _link(binding):
        raise Refused(400, "The form belongs to another page.")
    return f"page-{claims.id}"


def read_fields(headers: Mapping[str, str], body: bytes, names: frozenset[str]) -> dict[str, str]:
    """The fields of a form, each at most once and none but these, safe to show. Raises `Refused`."""
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
        raise Refused(413, f"The form is too long: at most {BODY_LIMIT // 1024} KB are taken.")
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
