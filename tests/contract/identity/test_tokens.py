"""Access tokens for API and command line, tokens of applications, and the proof with which the front authenticates."""

import subprocess
from pathlib import Path

import jwt
import pytest
import urllib3
from azure.identity import ManagedIdentityCredential

from local.azuredevops import AzureDevOps, Organization
from local.identity import COMMAND, SIGN_IN, VOTES, Flow, Identity, Pkce, Registration, Settings
from local.identity.server import HERE
from local.process import PartFailed

from .support import BACK, PIPELINE, claims

AZURE_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
TOKEN_EXCHANGE = "api://AzureADTokenExchange"


def test_a_persons_access_token_is_for_the_registration_whose_scope_was_asked_for(flow: Flow) -> None:
    api = flow.registration(SIGN_IN)
    token_claims = claims(flow, flow.sign_in(COMMAND, "Ada").access_token, api.client_id)
    assert (token_claims["scp"], token_claims["azp"]) == ("user_impersonation", flow.registration(COMMAND).client_id)
    assert token_claims["roles"] == ["reader", "approvers", "shop-approvers"]
    assert token_claims["oid"] == flow.identity.settings.person("Ada").oid
    assert "idtyp" not in token_claims


def test_an_id_token_has_the_audience_of_an_access_token_and_no_scope(flow: Flow) -> None:
    tokens = flow.sign_in(SIGN_IN, "Ada")
    client = flow.registration(SIGN_IN).client_id
    assert "scp" in claims(flow, tokens.access_token, client)
    assert set(claims(flow, tokens.id_token, client)).isdisjoint({"scp", "idtyp"})


def test_the_access_token_of_the_votes_is_for_the_votes_alone(flow: Flow) -> None:
    token = flow.sign_in(VOTES, "Ada").access_token
    assert claims(flow, token, flow.registration(VOTES).client_id)["scp"] == "vote"
    with pytest.raises(jwt.InvalidAudienceError):
        claims(flow, token, flow.registration(SIGN_IN).client_id)


def test_an_access_token_without_a_scope_of_ours_is_opaque(flow: Flow) -> None:
    token = flow.sign_in(SIGN_IN, "Ada", scope="openid profile").access_token
    assert token.count(".") == 0


def test_an_applications_token_says_that_it_is_one_and_has_its_own_roles(flow: Flow) -> None:
    api = flow.registration(SIGN_IN)
    flow.managed = PIPELINE
    token_claims = claims(flow, flow.managed_token(f"api://{api.client_id}").content["access_token"], api.client_id)
    assert (token_claims["idtyp"], token_claims["roles"]) == ("app", ["operator"])
    assert token_claims["oid"] == flow.identity.settings.identity(PIPELINE).principal_id
    assert "scp" not in token_claims


def test_an_application_has_roles_only_where_they_were_given(flow: Flow) -> None:
    votes = flow.registration(VOTES)
    flow.managed = PIPELINE
    token_claims = claims(
        flow, flow.managed_token(f"api://{votes.client_id}/.default").content["access_token"], votes.client_id
    )
    assert "roles" not in token_claims


# ---- the client's proof
def test_azures_own_library_fetches_the_fronts_proof(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in flow.identity.environment("front").items():
        monkeypatch.setenv(name, value)
    credential = ManagedIdentityCredential(client_id=flow.identity.settings.identity("front").client_id)
    with credential:
        token = credential.get_token(f"{TOKEN_EXCHANGE}/.default").token
    pkce = Pkce()
    code = flow.go(VOTES, "Ada", pkce).parameters["code"]
    assert flow.redeem(VOTES, code, pkce, client_assertion=token).status == 200


def _worker(flow: Flow) -> str:
    return str(Flow(flow.identity, managed="worker").managed_token(TOKEN_EXCHANGE).content["access_token"])


def _for_azure_devops(flow: Flow) -> str:
    return str(flow.managed_token(AZURE_DEVOPS).content["access_token"])


def _for_our_api(flow: Flow) -> str:
    """A token of the same identity and issuer, meant for our API."""
    return str(flow.managed_token(f"api://{flow.registration(SIGN_IN).client_id}").content["access_token"])


def _forged(flow: Flow) -> str:
    token = str(flow.managed_token(TOKEN_EXCHANGE).content["access_token"])
    return token[:-8] + ("A" * 8 if not token.endswith("A" * 8) else "B" * 8)


def _persons(flow: Flow) -> str:
    return Flow(flow.identity, back=BACK).sign_in(SIGN_IN, "Ada").id_token


@pytest.mark.parametrize(
    "proof", [_worker, _for_azure_devops, _for_our_api, _forged, _persons], ids=lambda maker: maker.__name__
)
def test_a_client_assertion_that_is_not_the_fronts_for_this_exchange_is_refused(proof: object, flow: Flow) -> None:
    assert callable(proof)
    pkce = Pkce()
    code = flow.go(VOTES, "Ada", pkce).parameters["code"]
    refused = flow.redeem(VOTES, code, pkce, client_assertion=proof(flow))
    assert (refused.status, refused.content["error"]) == (401, "invalid_client")


def test_without_a_proof_there_are_no_tokens(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.go(VOTES, "Ada", pkce).parameters["code"]
    refused = flow.redeem(VOTES, code, pkce, client_assertion=None, client_assertion_type=None)
    assert refused.status in (400, 401)
    assert refused.content["error"] == "invalid_client"


# ---- the endpoint of managed identities
@pytest.mark.parametrize(
    ("replaced", "status"),
    [
        ({"secret": "guessed"}, 403),
        ({"client_id": "dddddddd-0000-4000-8000-000000000002"}, 400),
        ({"api-version": "2017-09-01"}, 501),
    ],
)
def test_a_request_for_a_managed_identitys_token_with_a_wrong_parameter_is_refused(
    replaced: dict[str, str], status: int, flow: Flow
) -> None:
    assert flow.managed_token(TOKEN_EXCHANGE, **replaced).status == status


def test_a_resource_that_is_not_known_is_refused_by_name(flow: Flow) -> None:
    refused = flow.managed_token("https://vault.azure.net")
    assert refused.status == 501
    assert "vault.azure.net" in refused.content["message"]


def test_the_double_of_azure_devops_takes_the_workers_token(flow: Flow) -> None:
    worker = flow.identity.settings.identity("worker")
    organization = Organization(tenant=flow.identity.settings.tenant)
    organization.admit("slipway-worker", oid=worker.principal_id)
    run = organization.project().pipeline("ci", organization.project().repository("shop"))
    ada = organization.person("Ada", "ada@example.com")
    number = run.run(run.repository.commit("Begin", by=ada), requested_for=ada).id
    fetched = jwt.PyJWKClient(flow.identity.keys_url)
    token = Flow(flow.identity, managed="worker").managed_token(AZURE_DEVOPS).content["access_token"]
    with AzureDevOps(organization, keys=fetched.get_signing_key) as azure:
        address = f"{azure.url}/contoso/shop/_apis/build/builds/{number}?api-version=7.1"
        response = urllib3.request("GET", address, headers={"Authorization": f"Bearer {token}"}, retries=False)
        assert (response.status, response.json()["id"]) == (200, number)


# ---- the process
def test_the_private_keys_lie_in_no_file(identity: Identity) -> None:
    folder = identity.part.log.parent
    texts = [file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file()]
    assert texts
    for text in texts:
        assert '"d":' not in text
        assert "PRIVATE KEY" not in text


def test_a_registration_that_is_not_there_is_refused_before_the_start() -> None:
    registration = Registration(name="one", client_id="cccccccc-0000-4000-8000-000000000001", calls="two")
    with pytest.raises(ValueError, match="no registration two"):
        Settings(registrations=(registration,), people=())


def test_redirects_of_an_unknown_registration_are_refused(identity: Identity) -> None:
    with pytest.raises(ValueError, match="no registration nobody"):
        identity.set_redirect_uris({"nobody": [BACK]})


def test_a_taken_port_is_reported(identity: Identity, tmp_path: Path) -> None:
    port = int(identity.issuer.split(":")[2].split("/")[0])
    with pytest.raises(PartFailed, match="EADDRINUSE"):
        Identity.start(identity.settings.model_copy(update={"port": port}), tmp_path)


def test_the_lock_file_of_the_provider_has_a_hash_for_each_package_and_no_registry_address() -> None:
    """No address of a registry, and a hash for each package."""
    text = (HERE / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert text.count('"integrity"') == text.count('"node_modules/')
    tracked = subprocess.run(["git", "ls-files", str(HERE)], capture_output=True, text=True, check=True).stdout
    assert "node_modules" not in tracked
