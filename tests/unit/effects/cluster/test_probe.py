"""HTTP probes through the API server's proxy: every response is a result."""

import json
from typing import Any

import pytest

from slipway.domain.environment import HttpProbe
from slipway.effects.cluster import AccessDenied, Cluster, ProbeResult
from slipway.effects.cluster.probe import MAX_BODY

from .scripted import Reply, Server

ROOT = "/api/v1/namespaces/shop/services/web:8080/proxy"


def a_probe(**fields: Any) -> HttpProbe:
    return HttpProbe.model_validate({"service": "web", "port": 8080, **fields})


def test_a_probe_goes_through_the_api_servers_proxy(server: Server, cluster: Cluster) -> None:
    result = cluster.probe(a_probe(path="/health?deep=1&x=a%20b"), "shop")
    assert result == ProbeResult(passed=True, status=200, reason="status 200, as expected")
    assert server.requests == [("GET", ROOT + "/health?deep=1&x=a%20b")]


@pytest.mark.parametrize(
    ("fields", "reply", "reason"),
    [
        ({}, Reply(status=500, body=b"oops"), "expected status 200, got 500"),
        ({"status": 404}, Reply(status=200), "expected status 404, got 200"),
        ({"contains": "1.4.2"}, Reply(body=b"version 1.4.1"), "expected '1.4.2' in the answer of 13 bytes"),
        ({}, Reply(status=302, headers={"Location": "/login"}), "expected status 200, got 302"),
    ],
)
def test_a_bad_answer_is_a_failed_probe(
    fields: dict[str, Any], reply: Reply, reason: str, server: Server, cluster: Cluster
) -> None:
    server.reply = reply
    assert cluster.probe(a_probe(**fields), "shop") == ProbeResult(passed=False, status=reply.status, reason=reason)


@pytest.mark.parametrize(
    ("fields", "reply"),
    [
        ({"status": 302}, Reply(status=302, headers={"Location": "/login"})),
        ({"status": 403}, Reply(status=403, body=b"no entry")),
        ({"contains": "héllo"}, Reply(body="say héllo".encode())),
    ],
)
def test_an_expected_answer_passes_even_if_it_is_a_redirect_or_an_error(
    fields: dict[str, Any], reply: Reply, server: Server, cluster: Cluster
) -> None:
    server.reply = reply
    assert cluster.probe(a_probe(**fields), "shop").passed


def test_only_the_beginning_of_a_large_answer_is_read(server: Server, cluster: Cluster) -> None:
    server.reply.body = b"x" * MAX_BODY + b"needle"
    result = cluster.probe(a_probe(contains="needle"), "shop")
    assert not result.passed
    assert f"the first {MAX_BODY} bytes" in result.reason


def test_a_service_without_endpoints_is_a_failed_probe_in_the_api_servers_words(
    server: Server, cluster: Cluster
) -> None:
    message = 'no endpoints available for service "web"'
    server.reply = Reply(status=503, body=json.dumps({"kind": "Status", "message": message}).encode())
    result = cluster.probe(a_probe(), "shop")
    assert (result.passed, result.status) == (False, 503)
    assert message in result.reason


def test_a_missing_permission_to_probe_is_an_error_not_a_result(server: Server, cluster: Cluster) -> None:
    message = (
        'services "web" is forbidden: User "x" cannot get resource "services/proxy" '
        'in API group "" in the namespace "shop"'
    )
    server.reply = Reply(status=403, body=json.dumps({"kind": "Status", "message": message}).encode())
    with pytest.raises(AccessDenied, match='may not get services/proxy in namespace "shop"'):
        cluster.probe(a_probe(), "shop")


@pytest.mark.parametrize(
    "path", ["/../../../secrets", "/a/../../..", "/.", "/%2e%2e/%2e%2e/x", "/%252e%252e/x", "/..%2fx", "/..\\x"]
)
def test_a_path_cannot_climb_from_the_service_to_the_rest_of_the_api(
    path: str, server: Server, cluster: Cluster
) -> None:
    result = cluster.probe(a_probe(path=path), "shop")
    assert not result.passed
    assert "below the service" in result.reason
    assert server.requests == []


def test_a_fragment_stays_part_of_the_path(server: Server, cluster: Cluster) -> None:
    cluster.probe(a_probe(path="/a#b"), "shop")
    assert server.requests == [("GET", ROOT + "/a%23b")]
