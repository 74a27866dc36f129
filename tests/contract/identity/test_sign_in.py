"""The code flow, as the product's pages and votes use it, and each way in which it is refused."""

import time
from urllib.parse import urlsplit

import pytest
import urllib3

from local.identity import COMMAND, SIGN_IN, VOTES, Flow, Identity, Pkce, SignInStuck

from .support import BACK, BARE, GROUP, HOME, claims, keys


def test_the_discovery_document_has_entras_addresses(flow: Flow) -> None:
    document, base = flow.discovery, flow.identity.issuer.removesuffix("/v2.0")
    assert document["issuer"] == flow.identity.issuer
    assert urlsplit(document["issuer"]).path == f"/{flow.identity.settings.tenant}/v2.0"
    assert document["authorization_endpoint"] == f"{base}/oauth2/v2.0/authorize"
    assert document["token_endpoint"] == f"{base}/oauth2/v2.0/token"
    assert document["jwks_uri"] == flow.identity.keys_url == f"{base}/discovery/v2.0/keys"
    assert (document["response_types_supported"], document["id_token_signing_alg_values_supported"]) == (
        ["code"],
        ["RS256"],
    )


def test_the_provider_is_another_site_than_the_app(flow: Flow) -> None:
    assert urlsplit(flow.identity.issuer).hostname == "localhost"
    assert urlsplit(BACK).hostname == "127.0.0.1"


def test_keys_are_published_without_their_private_part(flow: Flow) -> None:
    [key] = urllib3.request("GET", flow.discovery["jwks_uri"], retries=False, timeout=10).json()["keys"]
    assert {"kty", "kid", "use", "n", "e"} <= set(key)
    assert set(key).isdisjoint({"d", "p", "q", "dp", "dq", "qi"})


def test_a_person_signs_in_and_the_nonce_comes_back(flow: Flow) -> None:
    tokens = flow.sign_in(VOTES, "Ada", nonce="the-hash-of-a-statement")
    person, votes = flow.identity.settings.person("Ada"), flow.registration(VOTES)
    id_claims = claims(flow, tokens.id_token, votes.client_id)
    assert id_claims["nonce"] == "the-hash-of-a-statement"
    assert (id_claims["oid"], id_claims["tid"], id_claims["ver"]) == (person.oid, flow.identity.settings.tenant, "2.0")
    assert (id_claims["name"], id_claims["preferred_username"], id_claims["acct"]) == ("Ada", "ada@example.com", 0)
    assert {"uti", "sub", "auth_time"} <= set(id_claims)


def test_the_answer_is_a_get_with_code_and_state_and_without_an_issuer(flow: Flow) -> None:
    redirect = flow.go(SIGN_IN, "Ada", Pkce(), state="a-state")
    assert set(redirect.parameters) == {"code", "state", "session_state"}
    assert redirect.parameters["state"] == "a-state"


def test_iat_and_nbf_are_five_minutes_behind_and_the_end_counts_from_now(flow: Flow) -> None:
    before = int(time.time())
    id_claims = claims(flow, flow.sign_in(SIGN_IN, "Ada").id_token, flow.registration(SIGN_IN).client_id)
    after = int(time.time())
    assert id_claims["iat"] == id_claims["nbf"]
    assert before <= id_claims["iat"] + 300 <= after
    assert id_claims["exp"] - id_claims["iat"] == 3900
    assert before - 1 <= id_claims["auth_time"] <= after, "the time of the sign-in itself is not back-dated"


def test_roles_are_those_of_the_registration_that_the_token_is_for(flow: Flow) -> None:
    for name, roles in ((VOTES, ["shop-approvers"]), (SIGN_IN, None)):
        id_claims = claims(flow, flow.sign_in(name, "Voter").id_token, flow.registration(name).client_id)
        assert id_claims.get("roles") == roles


def test_groups_are_reported_where_the_registration_asks_for_them(flow: Flow) -> None:
    assert claims(flow, flow.sign_in(VOTES, "Voter").id_token, flow.registration(VOTES).client_id)["groups"] == [GROUP]
    assert "groups" not in claims(flow, flow.sign_in(SIGN_IN, "Voter").id_token, flow.registration(SIGN_IN).client_id)


def test_a_token_for_a_person_in_very_many_groups_has_a_reference_instead_of_the_groups(flow: Flow) -> None:
    id_claims = claims(flow, flow.sign_in(VOTES, "Everywhere").id_token, flow.registration(VOTES).client_id)
    assert "groups" not in id_claims
    assert id_claims["_claim_names"] == {"groups": "src1"}


def test_the_same_person_has_another_subject_in_each_registration(flow: Flow) -> None:
    subjects = {
        claims(flow, flow.sign_in(name, "Ada").id_token, flow.registration(name).client_id)["sub"]
        for name in (VOTES, SIGN_IN)
    }
    assert len(subjects) == 2


def test_the_token_of_a_guest_names_their_home_tenant(flow: Flow) -> None:
    id_claims = claims(flow, flow.sign_in(VOTES, "Guest").id_token, flow.registration(VOTES).client_id)
    assert (id_claims["acct"], id_claims["idp"]) == (1, f"https://sts.windows.net/{HOME}/")
    assert (id_claims["tid"], id_claims.get("roles")) == (flow.identity.settings.tenant, None)


def test_a_token_without_the_scope_profile_names_no_person(flow: Flow) -> None:
    id_claims = claims(
        flow, flow.sign_in(SIGN_IN, "Ada", scope="openid").id_token, flow.registration(SIGN_IN).client_id
    )
    assert set(id_claims).isdisjoint({"oid", "name", "preferred_username"})


def test_a_registration_without_optional_claims_gets_neither_auth_time_nor_acct(flow: Flow) -> None:
    id_claims = claims(flow, flow.sign_in(BARE, "Ada", max_age=300).id_token, flow.registration(BARE).client_id)
    assert set(id_claims).isdisjoint({"auth_time", "acct"})


# ---- sessions
def test_within_a_session_the_person_is_not_asked_again(flow: Flow) -> None:
    first = flow.sign_in(SIGN_IN, "Ada")
    second = flow.sign_in(VOTES, None, max_age=300)
    assert (first.pages, second.pages) == (1, 0)
    client = flow.registration(VOTES).client_id
    assert claims(flow, second.id_token, client)["oid"] == flow.identity.settings.person("Ada").oid


def test_a_fresh_sign_in_can_be_demanded_and_renews_its_time(flow: Flow) -> None:
    client = flow.registration(VOTES).client_id
    first = claims(flow, flow.sign_in(VOTES, "Ada").id_token, client)
    while int(time.time()) <= first["auth_time"]:
        time.sleep(0.05)
    again = flow.sign_in(VOTES, "Ada", prompt="login")
    assert again.pages == 1
    assert claims(flow, again.id_token, client)["auth_time"] > first["auth_time"]


def test_a_session_that_is_older_than_it_may_be_is_not_enough(flow: Flow) -> None:
    first = claims(flow, flow.sign_in(VOTES, "Ada").id_token, flow.registration(VOTES).client_id)
    while int(time.time()) <= first["auth_time"] + 1:
        time.sleep(0.05)
    assert flow.sign_in(VOTES, "Ada", max_age=1).pages == 1


def test_prompt_none_without_a_session_is_answered_with_login_required(flow: Flow) -> None:
    redirect = flow.go(SIGN_IN, None, Pkce(), prompt="none", state="s")
    assert (redirect.parameters["error"], redirect.parameters["state"], redirect.pages) == ("login_required", "s", 0)


def test_prompt_none_within_a_session_shows_no_page(flow: Flow) -> None:
    flow.sign_in(SIGN_IN, "Ada")
    assert flow.sign_in(SIGN_IN, None, prompt="none").pages == 0


def test_another_person_can_sign_in_in_the_same_browser(flow: Flow) -> None:
    flow.sign_in(SIGN_IN, "Ada")
    bens_claims = claims(
        flow, flow.sign_in(SIGN_IN, "Ben", prompt="login").id_token, flow.registration(SIGN_IN).client_id
    )
    assert bens_claims["oid"] == flow.identity.settings.person("Ben").oid


def test_two_tabs_can_sign_in_at_once(flow: Flow) -> None:
    pkces = Pkce(), Pkce()
    addresses = [flow.request(VOTES, pkce, nonce=str(number)) for number, pkce in enumerate(pkces)]
    assert "Sign in as Ada" in flow.browser.page(addresses[0])
    ada = flow.identity.settings.person("Ada").oid
    for number, (address, pkce) in reversed([*enumerate(zip(addresses, pkces, strict=True))]):
        redirect = flow.browser.go(address, back_to=BACK, who=ada)
        token = flow.redeem(VOTES, redirect.parameters["code"], pkce).content["id_token"]
        assert claims(flow, token, flow.registration(VOTES).client_id)["nonce"] == str(number)


# ---- refusals
def test_a_person_who_cancels_is_led_back_with_access_denied(flow: Flow) -> None:
    redirect = flow.cancel(VOTES, state="s")
    assert (redirect.parameters["error"], redirect.parameters["state"]) == ("access_denied", "s")
    assert "code" not in redirect.parameters


def test_a_code_is_good_once(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.go(VOTES, "Ada", pkce).parameters["code"]
    assert flow.redeem(VOTES, code, pkce).status == 200
    again = flow.redeem(VOTES, code, pkce)
    assert (again.status, again.content["error"]) == (400, "invalid_grant")


def test_a_code_needs_the_verifier_that_it_was_asked_with(flow: Flow) -> None:
    code = flow.go(VOTES, "Ada", Pkce()).parameters["code"]
    assert flow.redeem(VOTES, code, Pkce()).content["error"] == "invalid_grant"


def test_a_code_is_for_the_client_that_asked(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.go(VOTES, "Ada", pkce).parameters["code"]
    assert flow.redeem(SIGN_IN, code, pkce).content["error"] == "invalid_grant"


def test_a_code_is_for_the_address_that_it_was_sent_to(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.go(VOTES, "Ada", pkce).parameters["code"]
    assert flow.redeem(VOTES, code, pkce, redirect_uri=f"{BACK}/other").content["error"] == "invalid_grant"


@pytest.mark.parametrize("address", [f"{BACK}/other", "http://127.0.0.1:10/back", "https://evil.example/back"])
def test_nobody_is_led_to_an_address_that_was_not_registered(address: str, flow: Flow) -> None:
    with pytest.raises(SignInStuck, match=r"400 .*redirect_uri"):
        flow.go(VOTES, "Ada", Pkce(), redirect_uri=address)


@pytest.mark.parametrize(
    ("replaced", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "openid api://cccccccc-0000-4000-8000-000000000001/user_impersonation"}, "invalid_target"),
    ],
)
def test_a_request_that_is_not_the_code_flow_of_its_own_registration_is_refused(
    replaced: dict[str, str | None], error: str, flow: Flow
) -> None:
    redirect = flow.go(VOTES, "Ada", Pkce(), response_mode=None, **replaced)
    assert (redirect.parameters.get("error") or redirect.address.partition("#error=")[2].partition("&")[0]) == error


def test_a_page_of_an_unknown_sign_in_says_that_it_is_over(flow: Flow) -> None:
    stale = f"{flow.identity.issuer.removesuffix('/v2.0')}/login/nothing"
    response = urllib3.request("GET", stale, retries=False, timeout=10)
    assert response.status == 400
    assert b"over" in response.data


# ---- the page itself
def test_the_page_has_a_button_for_each_person_and_needs_no_script(flow: Flow) -> None:
    page = flow.browser.page(flow.request(SIGN_IN, Pkce()))
    for person in flow.identity.settings.people:
        assert f'value="{person.oid}">Sign in as {person.name}' in page
    assert 'value="">Cancel' in page
    assert "<script" not in page
    assert '<html lang="en">' in page
    assert "<h1>Sign in</h1>" in page


def test_the_hinted_person_comes_first_and_may_still_choose_another(flow: Flow) -> None:
    page = flow.browser.page(flow.request(SIGN_IN, Pkce(), login_hint="olu@example.com"))
    assert page.index("Sign in as Olu") < page.index("Sign in as Ada")


# ---- keys
def test_a_new_key_signs_and_the_old_one_is_published_until_it_is_forgotten(identity: Identity, flow: Flow) -> None:
    client = flow.registration(SIGN_IN).client_id
    old = flow.sign_in(SIGN_IN, "Ada").id_token
    kid = identity.rotate_keys()
    new = flow.sign_in(SIGN_IN, None).id_token
    assert kid in keys(flow)
    assert claims(flow, old, client)["oid"] == claims(flow, new, client)["oid"]
    identity.rotate_keys(forget=True)
    assert set(keys(flow)).isdisjoint({kid})
    with pytest.raises(KeyError):
        claims(flow, new, client)


def test_the_command_may_use_any_port_of_this_machine(flow: Flow) -> None:
    redirect = "http://localhost:43210/"
    tokens = flow.sign_in(COMMAND, "Ada", redirect_uri=redirect)
    assert claims(flow, tokens.id_token, flow.registration(COMMAND).client_id)["name"] == "Ada"
