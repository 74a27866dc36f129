"""The directory of the tests, and a reader of tokens that fetches the keys over HTTP and verifies everything."""

from typing import Any

import jwt
import urllib3

from local.identity import SIGN_IN, VOTES, Flow, ManagedIdentity, Person, Registration, Settings, laptop

BACK = "http://127.0.0.1:9/back"
GROUP = "eeeeeeee-0000-4000-8000-000000000001"
HOME = "22222222-2222-4222-8222-222222222222"
PIPELINE = "pipeline"
BARE = "bare"


def directory() -> Settings:
    """The directory of the local stack, and the entries that only the tests need."""
    base = laptop()
    groups = tuple(f"eeeeeeee-0000-4000-8000-{number:012d}" for number in range(201))
    people = (
        Person(
            oid="aaaaaaaa-0000-4000-8000-000000000011",
            name="Voter",
            mail="voter@example.com",
            roles={VOTES: ("shop-approvers",)},
            groups=(GROUP,),
        ),
        Person(oid="aaaaaaaa-0000-4000-8000-000000000012", name="Guest", mail="guest@partner.example", guest=HOME),
        Person(oid="aaaaaaaa-0000-4000-8000-000000000013", name="Everywhere", mail="e@example.com", groups=groups),
    )
    pipeline = ManagedIdentity(
        name=PIPELINE,
        client_id="dddddddd-0000-4000-8000-000000000009",
        principal_id="99999999-0000-4000-8000-000000000009",
        roles={SIGN_IN: ("operator",)},
    )
    bare = Registration(
        name=BARE,
        client_id="cccccccc-0000-4000-8000-000000000009",
        redirect_uris=(BACK,),
        public=True,
        groups=True,
        auth_time=False,
        acct=False,
    )
    registrations = tuple(
        registration.model_copy(update={"groups": registration.name == VOTES}) for registration in base.registrations
    )
    return base.model_copy(
        update={
            "people": base.people + people,
            "identities": (*base.identities, pipeline),
            "registrations": (*registrations, bare),
        }
    )


def keys(flow: Flow) -> dict[str, jwt.PyJWK]:
    key_set = urllib3.request("GET", flow.discovery["jwks_uri"], retries=False, timeout=10).json()
    return {key["kid"]: jwt.PyJWK(key) for key in key_set["keys"]}


def claims(flow: Flow, token: str, audience: str) -> dict[str, Any]:
    """The claims of a token, after checking its signature, issuer, audience and times."""
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("JWT", "RS256")
    verified: dict[str, Any] = jwt.decode(
        token,
        keys(flow)[header["kid"]],
        algorithms=["RS256"],
        audience=audience,
        issuer=flow.identity.issuer,
        options={"require": ["exp", "iat", "nbf"], "strict_aud": True},
    )
    return verified
