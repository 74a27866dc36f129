"""Who calls the API: whom it believes, and which roles they have."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.identity import TokenPerson
from slipway.domain.roles import PERMISSIONS, Caller, NotPermitted, Permission, Role, demand, holders, read_roles
from slipway.http.callers import Access, CallerNotYetKnown, UnknownCaller
from slipway.testing.sign_in import SIGN_IN_CLIENT, VOTES_CLIENT, MemoryProvider, person

KEY = "the key of the auditors, which is long and random"
KEYS = {"auditors": hashlib.sha256(KEY.encode()).hexdigest()}
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
PROVIDER = MemoryProvider()
HOST = Access(tokens=PROVIDER.access_tokens(), clock=lambda: NOW, host_keys=True, keys=KEYS)
ROLES = Access(tokens=PROVIDER.access_tokens(), clock=lambda: NOW, host_keys=False, keys=KEYS)
ADA = person(1, "Ada", "Slipway.Operator", "shop-approvers")


def caller(access: Access, headers: dict[str, str] | None = None, parameters: dict[str, str] | None = None) -> Caller:
    request = func.HttpRequest("GET", "https://a.example", headers=headers or {}, body=b"")
    return access.caller(request.headers, parameters or {})


def token(who: TokenPerson = ADA, *, at: datetime = NOW, **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {PROVIDER.access_token(who, at=at, **claims)}"}


def test_a_host_key_reads_and_does_nothing_else() -> None:
    who = caller(HOST, {"x-functions-key": "some other key"})
    assert (who.name, who.roles, who.claims) == ("api", frozenset({Role.READER}), frozenset())


@pytest.mark.parametrize("access", [HOST, ROLES])
def test_a_named_key_has_a_name_and_reads_too(access: Access) -> None:
    for who in (caller(access, {"X-Functions-Key": KEY}), caller(access, {}, {"code": KEY})):
        assert (who.name, who.roles) == ("key:auditors", frozenset({Role.READER}))


def test_where_roles_decide_an_unnamed_key_is_refused() -> None:
    for headers in ({}, {"x-functions-key": "some other key"}, {"x-functions-key": ""}):
        with pytest.raises(UnknownCaller):
            caller(ROLES, headers)


@pytest.mark.parametrize("access", [HOST, ROLES])
def test_a_persons_token_says_who_they_are_and_which_roles_they_have(access: Access) -> None:
    who = caller(access, token() | {"x-functions-key": KEY})
    assert (who.name, who.shown) == (f"oid:{ADA.oid}", "Ada")
    assert who.claims == {"role:Slipway.Operator", "role:shop-approvers"}
    assert who.roles == frozenset({Role.READER, Role.OPERATOR})
    assert who.signed_in is not None
    assert who.signed_in.object_id == ADA.oid


def test_a_person_whose_role_only_a_gate_names_may_read_and_one_without_a_role_may_not() -> None:
    assert caller(ROLES, token(person(2, "Ben", "shop-approvers"))).roles == frozenset({Role.READER})
    nobody = TokenPerson(tenant=ADA.tenant, oid=ADA.oid, name="Eve", roles=(), groups=())
    assert caller(ROLES, token(nobody)).roles == frozenset()


def test_a_guest_is_nobody_until_they_are_given_a_role() -> None:
    """S-12: everybody in the tenant has an account, guests too."""
    guest = TokenPerson(
        tenant=ADA.tenant,
        oid=ADA.oid,
        name="Grace",
        roles=(),
        groups=("5a000000-0000-4000-8000-00000000000a",),
        guest=True,
    )
    assert not any(caller(ROLES, token(guest)).may(permission) for permission in Permission)
    guest_reader = TokenPerson(tenant=ADA.tenant, oid=ADA.oid, name="Grace", roles=("reader",), groups=(), guest=True)
    assert caller(ROLES, token(guest_reader)).roles == frozenset({Role.READER})


def test_a_service_principal_is_nobody_until_it_is_given_a_role_of_ours() -> None:
    """S-12: any application of the tenant can get a token for us as long as no assignment is required."""
    with pytest.raises(UnknownCaller):
        caller(ROLES, token(scp=None, idtyp="app", roles=None))
    approver = caller(ROLES, token(scp=None, idtyp="app", roles=["shop-approvers"]))
    assert not any(approver.may(permission) for permission in Permission)


def test_an_application_calls_in_its_own_name_with_the_roles_that_it_was_given() -> None:
    who = caller(ROLES, token(scp=None, idtyp="app", roles=["operator"]))
    assert (who.name[:4], who.roles, who.signed_in) == ("app:", frozenset({Role.OPERATOR}), None)
    assert who.claims == {who.name, "role:operator"}


REFUSED: dict[str, dict[str, str]] = {
    "an ID token": {"authorization": f"Bearer {PROVIDER.issuer.id_token(SIGN_IN_CLIENT, ADA, nonce='n' * 43, at=NOW)}"},
    "a token of the votes' client": token(azp=VOTES_CLIENT),
    "a token for the votes' client": token(aud=VOTES_CLIENT),
    "an application without a role": token(scp=None, idtyp="app", roles=None),
    "another scope": token(scp="openid profile"),
    "another tenant": token(tid="22222222-2222-4222-8222-222222222222"),
    "an expired one": token(at=NOW - timedelta(hours=2)),
    "no token": {"authorization": "Bearer "},
    "something else": {"authorization": "Bearer hunter2"},
    "another scheme": {"authorization": "Basic YTpi"},
}


@pytest.mark.parametrize("access", [HOST, ROLES])
@pytest.mark.parametrize("what", REFUSED)
def test_a_token_that_is_not_good_is_refused_also_beside_a_good_key(access: Access, what: str) -> None:
    with pytest.raises(UnknownCaller) as refused:
        caller(access, REFUSED[what] | {"x-functions-key": KEY})
    assert "hunter2" not in str(refused.value)


def test_while_the_issuer_is_away_nobody_is_known_and_nobody_is_refused() -> None:
    provider = MemoryProvider()
    provider.issuer.away = True
    access = Access(tokens=provider.access_tokens(), clock=lambda: NOW, host_keys=False)
    with pytest.raises(CallerNotYetKnown):
        caller(access, token())


@pytest.mark.parametrize("header", ["X-MS-CLIENT-PRINCIPAL", "X-MS-CLIENT-PRINCIPAL-ID", "X-MS-TOKEN-AAD-ID-TOKEN"])
def test_headers_of_the_platforms_own_sign_in_are_believed_nowhere(header: str) -> None:
    with pytest.raises(UnknownCaller):
        caller(ROLES, {header: "eyJjbGFpbXMiOltdfQ=="})


def test_the_hash_of_a_key_is_not_shown_when_access_is_printed() -> None:
    assert KEYS["auditors"] not in repr(HOST)


def test_each_permission_belongs_to_a_role_and_a_refusal_names_both() -> None:
    for permission in Permission:
        assert holders(permission)
    reader = Caller(name="oid:x", roles=frozenset({Role.READER}))
    with pytest.raises(NotPermitted, match="it needs the permission override, which the role platform has") as refused:
        demand(reader, Permission.OVERRIDE)
    assert "your roles: reader" in str(refused.value)


def test_every_role_reads_and_the_platform_alone_applies_projects() -> None:
    assert all(Permission.READ in PERMISSIONS[role] for role in Role)
    assert holders(Permission.APPLY) == (Role.PLATFORM,)


def test_a_former_name_of_a_role_gives_no_role() -> None:
    assert read_roles(("admin", "approver", "Slipway.Admin")) == frozenset()


@given(st.lists(st.text(max_size=20), max_size=5))
def test_an_unknown_name_of_a_role_gives_no_role(values: list[str]) -> None:
    role_names = {name for role in Role for name in (role.value, f"slipway.{role}")}
    assert read_roles(value for value in values if value.casefold() not in role_names) == frozenset()
