"""What a browser sends back from an approval page, checked before anything is believed: where it comes from, how it
is written, and that it answers a page of ours, by the nonce that the page carried."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from ..domain.release import VoteDecision
from ..domain.tokens import Claims, Keys, TokenRefused
from ..flow.inbound.approval import REASON_LIMIT
from .text import visible

BODY_LIMIT = 16 * 1024
NONCE_TIME = timedelta(hours=12)
PURPOSE = "approval-form"
FORM_TYPE = "application/x-www-form-urlencoded"
_FIELDS = frozenset({"decision", "reason", "nonce"})


class FormRefused(Exception):  # noqa: N818 - the message is the point
    """The request is no answer to a page of ours; `status` is what HTTP says to it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


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
    """Names this act of voting, the same however often the form is sent. Raises `FormRefused`."""
    return bound_nonce(keys, posted.nonce, binding, now=now)


def bound_nonce(keys: Keys, nonce: str, binding: str, *, now: datetime) -> str:
    """Names one act on the page that the nonce was made for. Raises `FormRefused`."""
    try:
        claims = keys.verify(PURPOSE, nonce, FormClaims, now=now)
    except TokenRefused as error:
        raise FormRefused(400, "This page was open for too long, or the form did not come from it.") from error
    if claims.link != _link(binding):
        raise FormRefused(400, "The form belongs to another page.")
    return f"page-{claims.id}"


def check_origin(headers: Mapping[str, str], own: str) -> None:
    """A form of another site is refused. `headers` must find names in any case; `own` is our public address.

    Our pages send no referrer, so browsers may say `Origin: null` for our own form: what counts is Sec-Fetch-Site,
    which no script can set. Clients that send neither header are no browsers; the nonce is what they must know.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None and site != "same-origin":
        raise FormRefused(403, "The form was sent from another site.")
    trusted = (own,) if site is None else (own, "null")
    if origin is not None and origin.casefold() not in (o.casefold() for o in trusted):
        raise FormRefused(403, "The form was sent from another site.")


def read_fields(headers: Mapping[str, str], body: bytes, names: frozenset[str]) -> dict[str, str]:
    """The fields of a form, each at most once and none but these, safe to show. Raises `FormRefused`."""
    _check_form(headers, body)
    fields = _fields(body, names)
    return {name: visible(value.replace("\r\n", "\n")) for name, value in fields.items()}


def parse_form(headers: Mapping[str, str], body: bytes) -> Posted:
    """Raises `FormRefused`."""
    _check_form(headers, body)
    fields = _fields(body, _FIELDS)
    if fields.get("decision") not in set(VoteDecision):
        raise FormRefused(400, "decision: expected approve, reject or withdraw.")
    reason = visible(fields.get("reason", "").replace("\r\n", "\n")).strip()
    if len(reason) > REASON_LIMIT:
        raise FormRefused(400, f"reason: expected at most {REASON_LIMIT} characters, got {len(reason)}.")
    return Posted(decision=VoteDecision(fields["decision"]), reason=reason, nonce=fields.get("nonce", ""))


def _check_form(headers: Mapping[str, str], body: bytes) -> None:
    if len(body) > BODY_LIMIT:
        raise FormRefused(413, f"The form is too long: at most {BODY_LIMIT // 1024} KB are taken.")
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise FormRefused(415, f"Expected a form ({FORM_TYPE}).")


def _fields(body: bytes, names: frozenset[str]) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=len(names))
    except ValueError as error:
        raise FormRefused(400, "The form could not be read.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= names:
        raise FormRefused(400, f"The form could not be read: expected {', '.join(sorted(names))}, each once.")
    return fields


def _link(binding: str) -> str:
    return hashlib.sha256(binding.encode()).hexdigest()
