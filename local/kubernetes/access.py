"""Authentication and authorization: bearer tokens with namespaces, verbs and rules, answered as RBAC would (401,
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
"""Annotation of a Namespace: users, separated by spaces, who may do there what their token's verbs say. It stands for a
RoleBinding in the namespace; anybody who may write Namespaces can write it."""
KEPT_ATTEMPTS = 10_000
_ANYBODY = Token(token="-", user="system:anonymous")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """The action that a client asks for."""

    verb: str
    group: str
    plural: str
    namespace: str | None
    name: str | None = None
    subresource: str = ""

    @property
    def thing(self) -> str:
        """`pods/log`."""
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


def attempt(
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
    """The tokens of the configuration; none configured means that everybody may do everything."""

    def __init__(self, tokens: Sequence[Token], let_in: Callable[[str], frozenset[str]]) -> None:
        """`let_in` names the users whom a namespace itself lets in."""
        self._tokens, self._let_in = tuple(tokens), let_in
        self.used: deque[tuple[str, Attempt]] = deque(maxlen=KEPT_ATTEMPTS)
        """The allowed actions with their users, for tests to look at."""

    def who(self, authorization: str) -> Token:
        if not self._tokens:
            return _ANYBODY
        scheme, _, sent = authorization.partition(" ")
        found = [t for t in self._tokens if hmac.compare_digest(t.token.encode(), sent.strip().encode())]
        if scheme.casefold() != "bearer" or not found:
            raise unauthorized()
        return found[0]

    def check(self, who: Token, what: Attempt) -> None:
        if not self._allowed(who, what):
            raise _forbidden(who, what)
        self.used.append((who.user, what))

    def _allowed(self, who: Token, what: Attempt) -> bool:
        if who.verbs != "*" and what.verb not in who.verbs:
            return False
        if who.rules != "*" and not any(rule.allows(what.verb, what.group, what.thing) for rule in who.rules):
            return False
        if who.namespaces == "*":
            return True
        if what.namespace is None:
            return False
        return what.namespace in who.namespaces or who.user in self._let_in(what.namespace)

    def review(self, who: Token, body: Json) -> Json:
        """The answer to a SelfSubjectAccessReview."""
        spec = body.get("spec") or {}
        asked = spec.get("resourceAttributes")
        if asked is None and not spec.get("nonResourceAttributes"):
            text = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise invalid(
                ACCESS_REVIEWS, "", [FieldFault("spec.resourceAttributes", text)], of=f".{ACCESS_REVIEWS.group}"
            )
        if asked is None:
            verdict, why = True, "non-resource paths are open to every authenticated user"
        else:
            what = Attempt(
                verb=asked.get("verb", ""),
                group=asked.get("group", ""),
                plural=asked.get("resource", ""),
                namespace=asked.get("namespace") or None,
                name=asked.get("name"),
                subresource=asked.get("subresource", ""),
            )
            everything = what.verb == "*" and (who.verbs, who.rules) != ("*", "*")
            verdict = not everything and self._allowed(who, what)
            why = f"the token of {who.user!r} allows it" if verdict else ""
        status: Json = {"allowed": verdict} | ({"reason": why} if why else {})
        return body | {"status": status}

    def introduce(self, who: Token) -> Json:
        """The answer to a SelfSubjectReview."""
        user = {"username": who.user, "groups": ["system:authenticated"]}
        if not self._tokens:
            user["groups"] = ["system:unauthenticated"]
        return {"status": {"userInfo": user}}


def _forbidden(who: Token, what: Attempt) -> ApiError:
    where = f'in the namespace "{what.namespace}"' if what.namespace else "at the cluster scope"
    qualified = f"{what.plural}.{what.group}" if what.group else what.plural
    name = f' "{what.name}"' if what.name else ""
    text = (
        f'{qualified}{name} is forbidden: User "{who.user}" cannot {what.verb} resource "{what.thing}" '
        f'in API group "{what.group}" {where}'
    )
    details = (
        {"kind": what.plural}
        | ({"group": what.group} if what.group else {})
        | ({"name": what.name} if what.name else {})
    )
    return ApiError(403, "Forbidden", text, details)
