"""The connection: tokens, limits, and what bad and missing responses lead to."""

import base64
import datetime as dt
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.cluster.certificates import make_certificates
from slipway.effects.cluster import (
    AccessDenied,
    Cluster,
    ClusterAccess,
    ClusterError,
    ClusterUnreachable,
    ProgressState,
    connect_cluster,
)
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.kinds import BUILT_IN
from slipway.effects.cluster.objects import MOST_LISTED, Objects
from tests.serving import in_a_thread

from .scripted import Reply, Server

JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "t"}}
JOB_DONE = {
    "kind": "Job",
    "metadata": {"name": "t"},
    "status": {"conditions": [{"type": "Complete", "status": "True"}]},
}


def test_certificates_are_loaded_once_and_not_again_by_each_connection(tmp_path: Path) -> None:
    """Several threads open connections at once, and OpenSSL's context may crash when two of them load into it."""
    files = make_certificates(tmp_path / "certificates")
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": str(files.authority)}
    user = {"client-certificate": str(files.certificate("admin")), "client-key": str(files.key("admin"))}
    kubeconfig = tmp_path / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    kubeconfig.write_text(json.dumps(content))
    arguments = Connection(ClusterAccess(kubeconfig=kubeconfig))._api.rest_client.pool_manager.connection_pool_kw
    assert [arguments[name] for name in ("ca_certs", "ca_cert_data", "cert_file", "key_file")] == [None] * 4
    assert len(arguments["ssl_context"].get_ca_certs()) == 1


def test_each_request_carries_the_current_token(server: Server, connect: Callable[..., Cluster]) -> None:
    server.reply.body = json.dumps(JOB_DONE).encode()
    tokens = iter(["first", "second"])
    cluster = connect(lambda: next(tokens))
    cluster.rollout([JOB], "shop")
    cluster.rollout([JOB], "shop")
    assert server.authorizations == ["Bearer first", "Bearer second"]


def test_a_token_that_is_not_accepted_is_replaced_by_a_new_one(server: Server, connect: Callable[..., Cluster]) -> None:
    """This happens after a rotation of the cluster's keys, long before the token expires."""
    server.first, server.reply.body = [Reply(status=401)], json.dumps(JOB_DONE).encode()
    tokens = iter(["old", "new"])
    assert connect(lambda: next(tokens)).rollout([JOB], "shop").state is ProgressState.DONE
    assert server.authorizations == ["Bearer old", "Bearer new"]


def test_a_new_token_is_asked_for_once_for_each_request(server: Server, connect: Callable[..., Cluster]) -> None:
    server.reply.status = 401
    with pytest.raises(AccessDenied):
        connect(lambda: "t").rollout([JOB], "shop")
    assert len(server.requests) == 2


def write_kubeconfig(path: Path, *, token: str, **cluster: str) -> None:
    user, context = {"name": "u", "user": {"token": token}}, {"name": "x", "context": {"cluster": "c", "user": "u"}}
    parts = {"clusters": [{"name": "c", "cluster": cluster}], "users": [user], "contexts": [context]}
    path.write_text(json.dumps({**parts, "current-context": "x"}))


def test_a_kubeconfig_is_read_again_when_its_token_is_not_accepted(server: Server, tmp_path: Path) -> None:
    server.first, server.reply.body = [Reply(status=401)], json.dumps(JOB_DONE).encode()
    path = tmp_path / "kubeconfig"

    write_kubeconfig(path, token="old", server=server.url)
    with connect_cluster(ClusterAccess(kubeconfig=path)) as cluster:
        write_kubeconfig(path, token="new", server=server.url)
        assert cluster.rollout([JOB], "shop").state is ProgressState.DONE
    assert server.authorizations == ["Bearer old", "Bearer new"]


def test_no_request_is_spent_on_discovery(server: Server, cluster: Cluster) -> None:
    server.reply.body = json.dumps(JOB_DONE).encode()
    cluster.rollout([JOB], "shop")
    assert server.requests == [("GET", "/apis/batch/v1/namespaces/shop/jobs/t")]


def test_a_credential_that_fails_is_worth_another_try_and_nothing_is_sent(
    server: Server, connect: Callable[..., Cluster]
) -> None:
    def broken() -> str:
        raise RuntimeError("IMDS is away")

    with pytest.raises(ClusterUnreachable, match="could not get a token for the cluster: RuntimeError"):
        connect(broken).rollout([JOB], "shop")
    assert server.requests == []


@pytest.mark.parametrize("token", ["", "two\nlines", "ümlaut"])
def test_a_malformed_token_is_neither_sent_nor_shown(
    token: str, server: Server, connect: Callable[..., Cluster]
) -> None:
    with pytest.raises(AccessDenied) as error:
        connect(lambda: token).rollout([JOB], "shop")
    assert not token or token not in str(error.value)
    assert server.requests == []


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_no_error_holds_the_token(status: int, server: Server, cluster: Cluster) -> None:
    server.reply = Reply(status=status, body=b'{"kind": "Status", "message": "no"}', headers={"Location": "/elsewhere"})
    with pytest.raises(ClusterError) as error:
        cluster.rollout([JOB], "shop")
    assert "t0ken-of-a-test" not in repr(error.value) + str(error.value)
    assert len(server.requests) == (2 if status == 401 else 1)


def test_a_busy_server_is_not_waited_for_inside_a_step(server: Server, cluster: Cluster) -> None:
    server.reply = Reply(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(ClusterUnreachable) as error:
        cluster.rollout([JOB], "shop")
    assert error.value.retryable
    assert len(server.requests) == 1


def test_a_list_is_read_to_its_end_page_by_page(server: Server, cluster: Cluster) -> None:
    """A workload may have more pods than one page has, and all of them are compared with the plan."""
    pages = [{"metadata": {"continue": "next 2"}, "items": [{"n": 1}]}, {"metadata": {}, "items": [{"n": 2}]}]
    server.first = [Reply(body=json.dumps(page).encode()) for page in pages]
    pods = Objects(cluster.connection).list(BUILT_IN["v1", "Pod"], "shop", selector="app=web")
    assert pods == [{"n": 1}, {"n": 2}]
    first, second = (path for _, path in server.requests)
    assert second == f"{first}&continue=next%202"


def test_a_list_that_never_ends_is_given_up_on(server: Server, cluster: Cluster) -> None:
    page = {"metadata": {"continue": "more"}, "items": [{}] * 4000}
    server.reply = Reply(body=json.dumps(page).encode())
    assert len(Objects(cluster.connection).list(BUILT_IN["v1", "Pod"], "shop", selector="")) >= MOST_LISTED
    assert len(server.requests) == 3


def test_an_empty_page_after_a_full_one_means_that_there_is_no_more(server: Server, cluster: Cluster) -> None:
    """A server answers like this when the next object is not one of those requested."""
    pages = [{"metadata": {"continue": "more"}, "items": [{"n": 1}]}, {"metadata": {}, "items": list[int]()}]
    server.first = [Reply(body=json.dumps(page).encode()) for page in pages]
    page = Objects(cluster.connection).page(BUILT_IN["v1", "ConfigMap"], "shop", selector="a=b")
    assert (len(page.items), page.more) == (1, False)


def test_an_answer_that_is_not_json_is_not_taken_for_the_api_server(server: Server, cluster: Cluster) -> None:
    server.reply.body = b"<html>log in</html>"
    with pytest.raises(ClusterUnreachable, match="expected JSON from 127"):
        cluster.rollout([JOB], "shop")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_read_up_to_a_limit_and_the_connection_serves_again(chunked: bool, server: Server) -> None:
    connection = Connection(ClusterAccess(server=server.url, token=lambda: "t"))
    for size, more in ((1_000_000, True), (10, False), (5, False)):
        server.reply = Reply(body=b"x" * size, chunked=chunked)
        with connection.stream("GET", "/x", what="test") as stream:
            assert stream.head(10) == (b"x" * min(size, 10), more)
    connection.close()


def test_an_api_server_that_is_not_there_is_worth_another_try() -> None:
    with socket.socket() as unused_port:
        unused_port.bind(("127.0.0.1", 0))  # bound, but not listening
        access = ClusterAccess(server=f"http://127.0.0.1:{unused_port.getsockname()[1]}", token=lambda: "t")
        with (
            connect_cluster(access) as cluster,
            pytest.raises(ClusterUnreachable, match="could not be reached") as error,
        ):
            cluster.rollout([JOB], "shop")
    assert error.value.retryable


def test_an_answer_that_does_not_come_is_given_up_on(server: Server) -> None:
    server.reply.hangs = True
    connection = Connection(ClusterAccess(server=server.url, token=lambda: "t"))
    with (
        pytest.raises(ClusterUnreachable, match="did not answer in time"),
        connection.stream("GET", "/", what="w", timeout=(1, 0.2)),
    ):
        pass
    connection.close()


def a_certificate(folder: Path) -> tuple[Path, str]:
    """A certificate for 127.0.0.1 as old clusters have: without key identifiers, of an authority without key usage.

    Returns the file with certificate and key, and the authority's certificate as base64.
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority, name = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("ca", "test"))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    vouching = x509.BasicConstraints(ca=True, path_length=None)
    issuer = _signed(authority, authority, authority_key, vouching, by=authority_key)
    certificate = _signed(name, authority, key, address, by=authority_key)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path, base64.b64encode(issuer.public_bytes(serialization.Encoding.PEM)).decode()


def _signed(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    *,
    by: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(extension, critical=True)
        .sign(by, hashes.SHA256())
    )


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address and CA of an HTTPS server that reports a finished Job."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(JOB_DONE).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust the certificate hangs up."""

    path, ca = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    listening = Quiet(("127.0.0.1", 0), Handler)
    listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    with in_a_thread(listening):
        yield f"https://127.0.0.1:{listening.server_port}", ca


def test_the_configured_authority_is_trusted_from_memory_also_without_key_usage(tls_server: tuple[str, str]) -> None:
    server, ca = tls_server
    with connect_cluster(ClusterAccess(server=server, ca_data=ca, token=lambda: "t")) as cluster:
        assert cluster.rollout([JOB], "shop").state == "done"


def test_a_certificate_of_another_authority_is_an_error_that_a_retry_does_not_help(
    tls_server: tuple[str, str], tmp_path: Path
) -> None:
    server, _ = tls_server
    _, other_authority = a_certificate(tmp_path)
    with (
        connect_cluster(ClusterAccess(server=server, ca_data=other_authority, token=lambda: "t")) as cluster,
        pytest.raises(AccessDenied, match=r"could not be trusted.*certificates are rotated") as error,
    ):
        cluster.rollout([JOB], "shop")
    assert not error.value.retryable


def test_a_kubeconfig_is_read_again_after_the_clusters_authority_changed(
    tls_server: tuple[str, str], tmp_path: Path
) -> None:
    server, ca = tls_server
    _, former_authority = a_certificate(tmp_path)
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, token="t", server=server, **{"certificate-authority-data": former_authority})
    with connect_cluster(ClusterAccess(kubeconfig=path)) as cluster:
        with pytest.raises(AccessDenied, match="could not be trusted"):
            cluster.rollout([JOB], "shop")
        write_kubeconfig(path, token="t", server=server, **{"certificate-authority-data": ca})
        assert cluster.rollout([JOB], "shop").state == "done"
