"""Authentication and authorization: bearer tokens with namespaces, verbs and rules; refusals are those of RBAC (401,
403)."""

import hmac
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .errors import ApiError, FieldFault, invalid, unauthorized
from .resources import ACCESS_REVIEWS, NAMESPACES, Json, Resource
from .settings import Token

_BY_METHOD = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
LETS_IN = "local.slipway/lets-in"
"""Annotation of a Namespace: the users, separated by spaces, who may do there what their token's verbs say. It stands
for a RoleBinding in the namespace; whoever may write Namespaces can write it."""
KEPT_ATTEMPTS = 10_000
_ANYBODY = Token(token="-", user="system:anonymous")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What a client wants to do."""

    verb: str
    group: str
    plural: str
    namespace: str | None
    name: str | None = None
    subresource: str = ""

    @property
    def resource(self) -> str:
        """The resource with its subresource, such as `pods/log`."""
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


def attempt_of(
    method: str, resource: Resource, namespace: str | None, name: str | None, subresource: str, *, watch: bool
) -> Attempt:
    verb = _BY_METHOD.get(method, "get")
    if subresource == "" and name is None:
        verb = {"get": "watch" if watch else "list", "delete": "deletecollection"}.get(verb, verb)
    elif watch:
        verb = "watch"
    place = name if resource is NAMESPACES else namespace
    return Attempt(
        verb=verb, group=resource.group, plural=resource.plural, namespace=place, name=name, subresource=subresource
    )


class Access:
    """The tokens of the configuration. If none is configured, everybody may do everything."""

    def __init__(self, tokens: Sequence[Token], let_in: Callable[[str], frozenset[str]]) -> None:
        """`let_in` returns the users whom a namespace itself lets in."""
        self._tokens, self._let_in = tuple(tokens), let_in
        self.used: deque[tuple[str, Attempt]] = deque(maxlen=KEPT_ATTEMPTS)
        """The allowed attempts with their users, which tests read."""

    def token_of(self, authorization: str) -> Token:
        if not self._tokens:
            return _ANYBODY
        scheme, _, sent_token = authorization.partition(" ")
        matches = [t for t in self._tokens if hmac.compare_digest(t.token.encode(), sent_token.strip().encode())]
        if scheme.casefold() != "bearer" or not matches:
            raise unauthorized()
        return matches[0]

    def check(self, who: Token, attempt: Attempt) -> None:
        if not self._allowed(who, attempt):
            raise _forbidden(who, attempt)
        self.used.append((who.user, attempt))

    def _allowed(self, who: Token, attempt: Attempt) -> bool:
        if who.verbs != "*" and attempt.verb not in who.verbs:
            return False
        if who.rules != "*" and not any(
            rule.allows(attempt.verb, attempt.group, attempt.resource) for rule in who.rules
        ):
            return False
        if who.namespaces == "*":
            return True
        if attempt.namespace is None:
            return False
        return attempt.namespace in who.namespaces or who.user in self._let_in(attempt.namespace)

    def review(self, who: Token, body: Json) -> Json:
        """The response to a SelfSubjectAccessReview."""
        spec = body.get("spec") or {}
        attributes = spec.get("resourceAttributes")
        if attributes is None and not spec.get("nonResourceAttributes"):
            text = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(
                ACCESS_REVIEWS, "", [FieldFault("spec.resourceAttributes", text)], of=f".{ACCESS_REVIEWS.group}"
            )
        if attributes is None:
            verdict, reason = True, "non-resource paths are open to every authenticated user"
        else:
            attempt = Attempt(
                verb=attributes.get("verb", ""),
                group=attributes.get("group", ""),
                plural=attributes.get("resource", ""),
                namespace=attributes.get("namespace") or None,
                name=attributes.get("name"),
                subresource=attributes.get("subresource", ""),
            )
            asks_for_every_verb = attempt.verb == "*" and (who.verbs, who.rules) != ("*", "*")
            verdict = not asks_for_every_verb and self._allowed(who, attempt)
            reason = f"the token of {who.user!r} allows it" if verdict else ""
        status: Json = {"allowed": verdict} | ({"reason": reason} if reason else {})
        return body | {"status": status}

    def introduce(self, who: Token) -> Json:
        """The response to a SelfSubjectReview."""
        user = {"username": who.user, "groups": ["system:authenticated"]}
        if not self._tokens:
            user["groups"] = ["system:unauthenticated"]
        return {"status": {"userInfo": user}}


def _forbidden(who: Token, attempt: Attempt) -> ApiError:
    scope = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    qualified = f"{attempt.plural}.{attempt.group}" if attempt.group else attempt.plural
    name = f' "{attempt.name}"' if attempt.name else ""
    text = (
        f'{qualified}{name} is forbidden: User "{who.user}" cannot {attempt.verb} resource "{attempt.resource}" '
        f'in API group "{attempt.group}" {scope}'
    )
    details = (
        {"kind": attempt.plural}
        | ({"group": attempt.group} if attempt.group else {})
        | ({"name": attempt.name} if attempt.name else {})
    )
    return ApiError(403, "Forbidden", text, details)
