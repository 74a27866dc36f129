"""The errors of cluster operations, in five kinds that a step handles differently.

Only `from_answer` turns a response of the API server into an error. No message contains a token, and none about a
Secret quotes the server, whose refusals may repeat values.
"""

# ruff: noqa: N818 - these read as what happened: `except Denied`, not `except DeniedError`

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from slipway.domain.order import Order
from slipway.domain.rules import RuleResult

from . import azure_role
from .records import AppliedObject

MAX_MESSAGE = 1000
MAX_FIELDS = 20

_FOR_GOOD = (
    "failed to create typed patch object",  # an unknown or mistyped field, a list item that stands twice
    "failed to convert new object",  # a value that does not fit its field, such as bad base64
    "etcdserver: request is too large",
    "rpc error: code = ResourceExhausted",  # the same, before etcd sees it
)
"""Starts of the messages of a 500 for an object that will never be accepted, and for which the server sends no 4xx."""

_WEBHOOK = re.compile(r"failed calling webhook |conversion webhook for |did not complete within requested timeout")
"""Found in the message of a 500, or of a 504 if webhooks together took longer than the server waits."""

_FIXED = re.compile(
    r"field is immutable|may not change once set|updates to \w+ (?:spec for fields other than .*)?(?:are|is) forbidden"
    r"|is immutable after creation|cannot change roleRef|pod updates may not change fields"
)
_NEW_NAME = (
    " (an immutable field takes a new object: give it another name, and the old one counts as one that left the "
    "manifests)"
)

_ENDING = "because it is being terminated"
"""Found in the 403 about a namespace that is being deleted: the state passes, and the namespace may be created
again."""

_NOT_BASE64 = "illegal base64 data"
_LONG_VALUE = 200
_INVALID_VALUE = "Invalid value: "
_GO_VALUE = re.compile(r"&?[\w.*\[\]]{1,200}\{")
_GO_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]')
_END = 300
"""The number of characters at the end of a message that are kept when it is cut: a refusal names the fault at its
end."""

_UNTYPED_FIELD = re.compile(r": (?:errors:)?\s*\.([A-Za-z][\w.\[\]\"=-]*): ")

_RBAC = re.compile(
    r'cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"(?: in API group "(?P<group>[^"]*)")?'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


class ClusterError(Exception):
    """A request to the cluster failed; `retryable` says whether the same request may succeed later."""

    retries_help: ClassVar[bool] = False

    def __init__(self, message: str, *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.retryable = self.retries_help if retryable is None else retryable
        self.applied: tuple[AppliedObject, ...] = ()
        """The objects applied before the error."""


class ClusterUnreachable(ClusterError):
    """The API server could not be reached, or was too busy or too broken to answer."""

    retries_help = True


class NoAnswer(ClusterUnreachable):
    """The server accepted the connection but did not answer in time."""


class WebhookAway(ClusterUnreachable):
    """A webhook of the cluster that has to agree to this object, or to convert it, does not answer. Other objects may
    not need one."""


class AccessDenied(ClusterError):
    """The credentials were not accepted (401), or do not permit the request (403)."""


class ObjectRefused(ClusterError):
    """The API server rejected the object: validation, admission, quota, an immutable field."""

    def __init__(self, message: str, *, fields: tuple[str, ...] = (), immutable: bool = False) -> None:
        super().__init__(message)
        self.fields = fields
        self.immutable = immutable


class Missing(ClusterError):
    """The object, its namespace or its kind does not exist in the cluster."""

    def __init__(self, message: str, *, kind: str = "", name: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
        """The missing object in the server's terms: kind `namespaces`, name `shop`. Empty for an unknown kind."""


class NamespaceEnding(ClusterError):
    """The namespace is being deleted, so that nothing can be made in it."""

    retries_help = True


class ObjectConflict(ClusterError):
    """Somebody else changed, created or deleted the object at the same time."""

    retries_help = True

    def __init__(
        self, message: str, *, exists: bool = False, fields: tuple[str, ...] = (), changed: bool = False
    ) -> None:
        super().__init__(message)
        self.changed = changed
        """True if the request was for another version of the object: reading it again may help."""
        self.exists = exists
        """True if the object to be created exists already."""
        self.fields = fields
        """The fields of other managers that an apply without force would have taken over."""


class FenceLost(ClusterError):
    """The rollout may not write any more: a newer one took the fence, somebody changed the fence, or the ledger does
    not match it."""

    def __init__(self, rule: RuleResult, *, found: Order | None = None) -> None:
        super().__init__(rule.reason)
        self.rule = rule
        self.found = found
        """The order in the Lease; None if it holds no order of ours."""
        self.removed: tuple[str, ...] = ()
        """The objects created too late, and deleted again."""


class NotToBegin(ClusterError):
    """Something blocks the first object; nothing was written."""

    def __init__(self, rules: Sequence[RuleResult]) -> None:
        super().__init__("; ".join(rule.reason for rule in rules))
        self.rules = tuple(rules)


def from_answer(status: int, body: bytes, *, what: str, withhold: bool = False) -> ClusterError:
    """The error for a response of 400 and above. `what` names the request; `withhold` leaves out the server's text."""
    answer = _status_object(body)
    message = _withheld_message(answer) if withhold else _message(answer, body)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return AccessDenied(f"{what}: the cluster did not accept the credentials (401)")
        case HTTPStatus.FORBIDDEN:
            return _forbidden(str(answer.get("message", "")), message, what)
        case HTTPStatus.NOT_FOUND:
            return _not_found(answer, message, what)
        case HTTPStatus.CONFLICT | HTTPStatus.GONE:
            exists = answer.get("reason") == "AlreadyExists"
            return ObjectConflict(f"{what}: {message}", exists=exists, fields=_fields_of_others(answer), changed=True)
    broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    busy = status == HTTPStatus.TOO_MANY_REQUESTS or broken
    if broken and _WEBHOOK.search(str(answer.get("message", ""))):
        return WebhookAway(
            f"{what}: {message} (it is tried again; check that the pods which serve webhooks are running)"
        )
    if busy and not str(answer.get("message", "")).startswith(_FOR_GOOD):
        return ClusterUnreachable(f"{what}: the API server answered {status}: {message}")
    return _refused(answer, message, what, withhold=withhold)


def is_status(body: bytes) -> bool:
    """Whether the API server itself sent the body, rather than a service behind its proxy."""
    return bool(_status_object(body))


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _details(answer: Mapping[str, Any]) -> dict[str, Any]:
    details = answer.get("details")
    return details if isinstance(details, dict) else {}


def _message(answer: Mapping[str, Any], body: bytes) -> str:
    text = str(answer.get("message") or body[: 4 * MAX_MESSAGE].decode(errors="replace")).strip() or "(empty answer)"
    text = _without_long_values(text)
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - _END]} (cut) {text[-_END:]}"


def _withheld_message(answer: Mapping[str, Any]) -> str:
    if _NOT_BASE64 in str(answer.get("message", "")):
        return "a value under data is not base64; plain text belongs under stringData"
    return "(the answer is withheld, it may quote values)"


def _without_long_values(text: str) -> str:
    """Shorten the values in the server's message. For an immutable field it quotes the new value, which may be a whole
    pod template, before it says why."""
    shortened, rest = "", text
    while True:
        before, separator, value = rest.partition(_INVALID_VALUE)
        shortened += before + separator
        if not separator:
            return shortened
        end = _end_of_value(value)
        shortened += f"({end:,} characters)" if end > _LONG_VALUE else value[:end]
        rest = value[end:]


def _end_of_value(text: str) -> int:
    """The end of the value at the beginning of the text; 0 if that is not clear. API servers of 1.35 write JSON, those
    of 1.33 Go's own notation."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except ValueError:
        depth = 0
        for token in _GO_TOKEN.finditer(text) if _GO_VALUE.match(text) else ():
            depth += {"{": 1, "}": -1}.get(token[0], 0)
            if depth == 0 and token[0] == "}":
                return token.end()
    return 0


def _forbidden(spoken: str, message: str, what: str) -> ClusterError:
    if _ENDING in spoken:
        return NamespaceEnding(f"{what}: {message} (wait until it is gone, and create it again)")
    rule = _RBAC.search(spoken)
    if rule is None:  # quota, Pod Security and admission webhooks answer 403 too, but no role would change that
        return ObjectRefused(f"{what}: {message}")
    resource = ".".join(filter(None, (rule["resource"], rule["group"])))
    where = f'in namespace "{rule["namespace"]}"' if rule["namespace"] else "in the whole cluster"
    in_role = azure_role.role_allows(rule["verb"], rule["group"] or "", rule["resource"].partition("/")[0])
    advice = f"the role {azure_role.ROLE} on the namespace grants it"
    if not (in_role and rule["namespace"]):
        advice = f"the role {azure_role.ROLE} does not hold it"
        if rule["namespace"]:
            advice += ": `slipway doctor --print-rbac` writes the Role that does"
    return AccessDenied(
        f"{what}: Slipway's identity may not {rule['verb']} {resource} {where}; {advice}. The cluster said: {message}"
    )


def _not_found(answer: Mapping[str, Any], message: str, what: str) -> Missing:
    details = _details(answer)
    kind, name = str(details.get("kind") or ""), str(details.get("name") or "")
    if kind == "namespaces":
        return Missing(
            f'{what}: namespace "{name}" is not in the cluster; create it, or add it to the manifests',
            kind=kind,
            name=name,
        )
    return Missing(f"{what}: {message}", kind=kind, name=name)


def _fields_of_others(answer: Mapping[str, Any]) -> tuple[str, ...]:
    causes = [c for c in _details(answer).get("causes") or () if isinstance(c, dict)]
    return tuple(str(c.get("field")) for c in causes if c.get("reason") == "FieldManagerConflict")


def _refused(answer: Mapping[str, Any], message: str, what: str, *, withhold: bool) -> ObjectRefused:
    causes = [c for c in _details(answer).get("causes") or () if isinstance(c, dict)]
    fields = tuple(dict.fromkeys(str(c["field"]) for c in causes if c.get("field")))[:MAX_FIELDS]
    if not fields and (untyped := _UNTYPED_FIELD.search(str(answer.get("message", "")))):
        fields = (untyped[1],)
    field_list = f" [{', '.join(fields)}]" if fields and (withhold or not all(f in message for f in fields)) else ""
    spoken = str(answer.get("message", ""))
    immutable = "field is immutable" in spoken
    advice = _NEW_NAME if _FIXED.search(spoken) else ""
    return ObjectRefused(f"{what}: {message}{field_list}{advice}", fields=fields, immutable=immutable)
