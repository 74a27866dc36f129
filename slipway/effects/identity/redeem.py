"""Exchanges the code of a sign-in for the ID token.

The client proves itself by a token of its managed identity (a federated credential), so there is no secret to keep. The
access token in the answer is discarded unread: nothing here calls anything on a person's behalf.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from ...domain.identity import TOKEN_LIMIT, CannotVerify, IdentityRefused, Verdict, VerifiedToken
from .asking import Verifier
from .issuer import Issuer
from .web import IdentityPool, ProviderAway, exchange, strict_object

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_EXCHANGE: Final = "api://AzureADTokenExchange/.default"  # noqa: S105 - the name of a scope
"""The audience of the managed identity's token."""
ANSWER_LIMIT: Final = 256 * 1024
LONGEST_CODE: Final = 4096
_OK, _BAD_REQUEST = 200, 400
_ERROR: Final = re.compile(r"[a-z_]{1,60}")
_AADSTS: Final = re.compile(r"\bAADSTS[0-9]{1,10}\b")


class AssertionAway(Exception):  # noqa: N818 - it is a state of the platform
    """The managed identity has no token for us right now."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """One of our registrations, as a client."""

    client_id: str
    assertion: Callable[[], str]
    """The managed identity's token for `TOKEN_EXCHANGE`. Raises `AssertionAway`."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """The code that came back, and the values of its request."""

    value: str
    redirect_uri: str
    verifier: Verifier


def managed_assertion(credential: "TokenCredential") -> Callable[[], str]:
    """The proof of a client that is this app's managed identity."""

    def assertion() -> str:
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - slow to import

        try:
            return credential.get_token(TOKEN_EXCHANGE).token
        except AzureError as error:
            raise AssertionAway(f"the managed identity has no token ({type(error).__name__})") from None

    return assertion


def redeem(issuer: Issuer, pool: IdentityPool, client: Client, code: Code) -> Verdict[str]:
    """The ID token, not verified yet. Refused if the code is used, too old or another client's; otherwise ask again
    later."""
    if not 0 < len(code.value) <= LONGEST_CODE:
        return IdentityRefused(why=f"expected a code of at most {LONGEST_CODE} characters")
    endpoints = issuer.endpoints()
    if isinstance(endpoints, CannotVerify):
        return endpoints
    try:
        form = _form(client, code)
        reply = exchange(
            pool,
            "POST",
            endpoints.token,
            limit=ANSWER_LIMIT,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode(),
        )
        answer = strict_object(reply.body)
    except AssertionAway as error:
        return CannotVerify(why=f"this app cannot prove who it is: {error}")
    except ProviderAway as error:
        return CannotVerify(why=str(error))
    except ValueError:
        return CannotVerify(why="the identity provider answers with something other than JSON")
    if reply.status != _OK:
        return _redeem_failure(reply.status, answer)
    token = answer.get("id_token")
    if not isinstance(token, str) or not 0 < len(token) <= TOKEN_LIMIT:
        return CannotVerify(why="the identity provider's answer holds no ID token")
    return VerifiedToken(value=token)


def _form(client: Client, code: Code) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "client_id": client.client_id,
        "code": code.value,
        "redirect_uri": code.redirect_uri,
        "code_verifier": code.verifier.value,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client.assertion(),
    }


def _redeem_failure(status: int, claims: dict[str, Any]) -> IdentityRefused | CannotVerify:
    """Only a used or foreign code is the person's own problem; every other fault may be mended."""
    error, described = claims.get("error"), claims.get("error_description")
    name = error if isinstance(error, str) and _ERROR.fullmatch(error) else "an error without a name"
    number = _AADSTS.search(described) if isinstance(described, str) else None
    error_name = f"{name} ({number.group()})" if number else name
    if status == _BAD_REQUEST and name == "invalid_grant":
        return IdentityRefused(why=f"the identity provider rejects the code: {error_name}")
    return CannotVerify(why=f"the identity provider answers {status}: {error_name}")
