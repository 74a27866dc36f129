"""The token exchange of ACR, scopes, and what each principal may do."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import urllib3

from local.registry import Registry

from .support import (
    ANY_MANIFEST,
    ENTRA_TOKEN,
    PASSWORD,
    READER,
    READER_PASSWORD,
    USER,
    Client,
    basic,
    code_of,
    settings,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NIL_USER = "00000000-0000-0000-0000-000000000000"


def post(client: Client, path: str, **fields: str) -> urllib3.BaseHTTPResponse:
    return client.plain("POST", path, body=urlencode(fields).encode(), headers=FORM)


def service_of(client: Client) -> str:
    return client.url.removeprefix("http://")


def refresh_token(client: Client) -> str:
    response = post(
        client, "/oauth2/exchange", grant_type="access_token", service=service_of(client), access_token=ENTRA_TOKEN
    )
    return str(response.json()["refresh_token"])


def access_token(client: Client, scope: str) -> str:
    response = post(
        client,
        "/oauth2/token",
        grant_type="refresh_token",
        service=service_of(client),
        scope=scope,
        refresh_token=refresh_token(client),
    )
    return str(response.json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {**ANY_MANIFEST, "Authorization": f"Bearer {token}"}


def test_the_refusal_of_a_request_without_a_token_names_realm_service_and_scope(double: Client) -> None:
    response = double.plain("GET", "/v2/shop/manifests/1.0.0")
    assert (response.status, code_of(response)) == (401, "UNAUTHORIZED")
    assert response.headers["WWW-Authenticate"] == (
        f'Bearer realm="{double.url}/oauth2/token",service="{service_of(double)}",scope="repository:shop:pull"'
    )


def test_an_entra_token_is_exchanged_for_a_refresh_token_and_that_for_an_access_token(double: Client) -> None:
    image = double.push_image("shop", "1.0.0")
    token = access_token(double, "repository:shop:pull")
    assert double.plain("GET", "/v2/shop/manifests/1.0.0", headers=bearer(token)).data == image.data


def test_an_unknown_entra_token_is_refused(double: Client) -> None:
    response = post(
        double, "/oauth2/exchange", grant_type="access_token", service=service_of(double), access_token="unknown"
    )
    assert response.status == 401
    assert b"unknown" not in response.data


def test_a_token_serves_its_own_scope_only(double: Client) -> None:
    double.push_image("shop", "1.0.0")
    token = access_token(double, "repository:shop:pull")
    assert double.plain("GET", "/v2/other/manifests/1.0.0", headers=bearer(token)).status == 401
    refused = double.plain("POST", "/v2/shop/blobs/uploads/", headers=bearer(token))
    assert refused.status == 401
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_a_reader_gets_no_token_for_what_it_may_not_do_at_all(double: Client) -> None:
    query = urlencode({"service": service_of(double), "scope": "repository:other:pull"})
    response = double.plain("GET", f"/oauth2/token?{query}", headers=basic(READER, READER_PASSWORD))
    assert (response.status, code_of(response)) == (401, "UNAUTHORIZED")


def test_a_reader_can_pull_but_not_push(double: Client) -> None:
    image = double.push_image("shop", "1.0.0")
    reader = Client(double.url, READER, READER_PASSWORD)
    assert reader.send("GET", "/v2/shop/manifests/1.0.0", headers=ANY_MANIFEST).data == image.data
    assert reader.send("POST", "/v2/shop/blobs/uploads/").status == 401
    assert reader.send("DELETE", f"/v2/shop/manifests/{image.digest}").status == 401


def test_a_reader_may_not_list_the_catalog(double: Client) -> None:
    assert double.send("GET", "/v2/_catalog").status == 200
    assert Client(double.url, READER, READER_PASSWORD).send("GET", "/v2/_catalog").status == 401


def test_a_wrong_password_is_refused(double: Client) -> None:
    query = urlencode({"service": service_of(double), "scope": "repository:shop:pull"})
    assert double.plain("GET", f"/oauth2/token?{query}", headers=basic(USER, "wrong")).status == 401


def test_a_refresh_token_is_a_password_for_docker_login(double: Client) -> None:
    query = urlencode({"service": service_of(double), "scope": "repository:shop:pull"})
    headers = basic(NIL_USER, refresh_token(double))
    assert double.plain("GET", f"/oauth2/token?{query}", headers=headers).status == 200


def test_a_password_can_be_posted_too(double: Client) -> None:
    response = post(
        double,
        "/oauth2/token",
        grant_type="password",
        service=service_of(double),
        scope="repository:shop:pull",
        username=USER,
        password=PASSWORD,
    )
    assert response.status == 200


def test_tokens_expire() -> None:
    moments = [datetime(2026, 11, 23, 8, tzinfo=UTC)]
    with Registry(settings(), now=lambda: moments[-1]) as registry:
        client = Client(registry.url)
        client.push_image("shop", "1.0.0")
        token, refresh = access_token(client, "repository:shop:pull"), refresh_token(client)
        moments.append(moments[0] + timedelta(minutes=76))
        expired = client.plain("GET", "/v2/shop/manifests/1.0.0", headers=bearer(token))
        assert expired.status == 401
        assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
        moments.append(moments[0] + timedelta(minutes=181))
        fields = {"grant_type": "refresh_token", "service": service_of(client), "scope": "repository:shop:pull"}
        assert post(client, "/oauth2/token", **fields, refresh_token=refresh).status == 401


def test_a_token_of_another_registry_is_refused(double: Client) -> None:
    with Registry(settings()) as other_registry:
        token = access_token(Client(other_registry.url), "repository:shop:pull")
        assert double.plain("GET", "/v2/shop/manifests/1.0.0", headers=bearer(token)).status == 401


def test_anonymous_pull_is_possible_where_it_is_switched_on() -> None:
    with Registry(settings(anonymous_pull=True)) as registry:
        image = Client(registry.url).push_image("shop", "1.0.0")
        query = urlencode({"service": registry.login_server, "scope": "repository:shop:pull"})
        anonymous = Client(registry.url)
        token = anonymous.plain("GET", f"/oauth2/token?{query}").json()["access_token"]
        assert anonymous.plain("GET", "/v2/shop/manifests/1.0.0", headers=bearer(token)).data == image.data
