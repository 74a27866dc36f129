"""Who calls the API: whom it believes, and which roles they have."""

import base64
import hashlib
import json

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.roles import PERMISSIONS, Caller, NotPermitted, Permission, Role, demand, holders, read_roles
from slipway.http.callers import Access, NamedKey, Unknown
from slipway.inbound import BadInput

KEY = "the key of the auditors, which is long and random"
OID = "00000000-0000-0000-0000-0000000000a1"
KEYS = {"auditors": NamedKey(role=Role.READER, sha256=hashlib.sha256(KEY.encode()).hexdigest())}
HOST = Access(easy_auth=False, host_keys=True, keys=KEYS)
ROLES = Access(easy_auth=True, host_keys=False, keys=KEYS)


def signed_in(*roles: str, typ: str = "roles") -> dict[str, str]:
    claims = [{"typ": "oid", "val": OID}, {"typ": "upn", "val": "ada@example.com"}]
    text = json.dumps({"claims": claims + [{"typ": typ, "val": role} for role in roles]})
    return {"x-ms-client-principal": base64.b64encode(text.encode()).decode()}


def caller(access: Access, headers: dict[str, str] | None = None, parameters: dict[str, str] | None = None) -> Caller:
    request = func.HttpRequest("GET", "https://a.example", headers=headers or {}, body=b"")
    return access.caller(request.headers, parameters or {})


def test_a_host_key_without_a_name_is_an_operators() -> None:
    found = caller(HOST, {"x-functions-key": "some other key"})
    assert (found.name, found.roles) == ("api", frozenset({Role.OPERATOR}))


@pytest.mark.parametrize("access", [HOST, ROLES])
def test_a_named_key_has_its_own_role_and_name(access: Access) -> None:
    for found in (caller(access, {"X-Functions-Key": KEY}), caller(access, {}, {"code": KEY})):
        assert (found.name, found.roles) == ("key:auditors", frozenset({Role.READER}))


def test_where_roles_decide_a_key_that_is_not_named_opens_nothing() -> None:
    for headers in ({}, {"x-functions-key": "some other key"}, {"x-functions-key": ""}):
        with pytest.raises(Unknown):
            caller(ROLES, headers)


def test_a_person_is_a_reader_and_has_the_app_roles_of_the_sign_in() -> None:
    assert caller(ROLES, signed_in()).roles == frozenset({Role.READER})
    found = caller(ROLES, signed_in("Slipway.Operator", "approver", "Finance.Admin"))
    assert (found.name, found.roles) == ("ada@example.com", frozenset({Role.READER, Role.OPERATOR, Role.APPROVER}))
    long = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
    assert caller(ROLES, signed_in("admin", typ=long)).roles == frozenset({Role.READER, Role.ADMIN})


def test_the_header_of_a_person_is_not_believed_without_easy_auth() -> None:
    found = caller(HOST, signed_in("admin"))
    assert (found.name, found.roles) == ("api", frozenset({Role.OPERATOR}))
    with pytest.raises(Unknown):
        caller(Access(easy_auth=False, host_keys=False), signed_in("admin"))


def test_a_person_with_a_key_has_the_roles_of_both_and_their_own_name() -> None:
    access = Access(easy_auth=True, host_keys=True, host_key_role=Role.READER)
    found = caller(access, signed_in("approver") | {"x-functions-key": "any"})
    assert (found.name, found.roles) == ("ada@example.com", frozenset({Role.READER, Role.APPROVER}))


def test_a_principal_that_cannot_be_read_is_refused_without_repeating_it() -> None:
    with pytest.raises(BadInput) as refused:
        caller(ROLES, {"X-MS-CLIENT-PRINCIPAL": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_a_key_is_not_shown_by_its_record() -> None:
    assert "sha256" not in repr(KEYS["auditors"])


def test_every_permission_is_had_by_some_role_and_refusals_name_it() -> None:
    for permission in Permission:
        assert holders(permission)
    reader = caller(ROLES, signed_in())
    with pytest.raises(NotPermitted, match="it needs the permission override, which the role admin has") as refused:
        demand(reader, Permission.OVERRIDE)
    assert "your roles: reader" in str(refused.value)


def test_every_role_reads_and_only_an_approver_votes() -> None:
    assert all(Permission.READ in PERMISSIONS[role] for role in Role)
    assert holders(Permission.VOTE) == (Role.APPROVER,)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_what_is_no_role_of_ours_gives_nothing(values: list[str]) -> None:
    known = {name for role in Role for name in (role.value, f"slipway.{role}")}
    assert read_roles(value for value in values if value.casefold() not in known) == frozenset()
