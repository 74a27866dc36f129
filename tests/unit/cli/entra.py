"""A double of Entra for the real `azure-identity`: a proxy that answers as login.microsoftonline.com, and a browser in
which somebody signs in at once. It checks the library's requests as Entra would."""

import base64
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.certificates import Certificates, make_certificates
from tests.serving import in_a_thread

HOST, TENANT = "login.microsoftonline.com", "11111111-1111-4111-8111-111111111111"
ISSUER = f"https://{HOST}/{TENANT}/v2.0"
_BROWSER = """
import sys, urllib.parse, urllib.request
query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sys.argv[1]).query))
code = " ".join(query[name] for name in ("client_id", "nonce", "code_challenge", "scope"))
form = urllib.parse.urlencode({"code": code, "state": query["state"]})
urllib.request.urlopen(query["redirect_uri"], form.encode())
"""
"""Signs in, and follows the redirect. The code holds what it was issued for, which Entra would remember."""


@dataclass
class Entra:
    certificates: Certificates
    folder: Path
    signed_in: list[dict[str, str]] = field(default_factory=list)
    """The client and the scope of each token that was issued."""
    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a machine with a browser and no Azure CLI, whose requests to Entra come here."""
        program = self.folder / "browser.py"
        program.write_text(_BROWSER)
        return {
            "AZURE_TENANT_ID": TENANT,
            "BROWSER": f"{sys.executable} {program} %s &",
            "HTTPS_PROXY": self.url,
            "REQUESTS_CA_BUNDLE": str(self.certificates.ca_file),
        }

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        if path == "/common/discovery/instance":
            return {"tenant_discovery_endpoint": f"{ISSUER}/.well-known/openid-configuration", "metadata": []}
        if path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            at = f"https://{HOST}/{TENANT}/oauth2/v2.0"
            return {"issuer": ISSUER, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token"}
        if path == f"/{TENANT}/oauth2/v2.0/token":
            return self._redeem(form)
        raise AssertionError(f"nobody asks Entra for {path}")

    def _redeem(self, form: dict[str, str]) -> dict[str, Any]:
        client, nonce, challenge, *scopes = form["code"].split(" ")
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(verifier).decode().rstrip("=") != challenge or form["client_id"] != client:
            return {"error": "invalid_grant"}
        self.signed_in.append({"client": client, "scope": " ".join(scopes)})
        claims = {"iss": ISSUER, "aud": client, "nonce": nonce, "sub": "ada", "tid": TENANT, "exp": time.time() + 3600}
        claims |= {"iat": time.time(), "preferred_username": "ada@example.com"}
        return {
            "token_type": "Bearer",
            "expires_in": 3600,
            "access_token": "a-token-of-entra",
            "id_token": f"{_encoded({'alg': 'none'})}.{_encoded(claims)}.",
        }


@contextmanager
def entra(folder: Path) -> Iterator[Entra]:
    double = Entra(certificates=make_certificates(folder, HOST), folder=folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.connection = double.certificates.for_server().wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            body = json.dumps(
                double.answer(urlsplit(self.path).path, {k: v[0] for k, v in parse_qs(text).items()})
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with in_a_thread(server):
        double.url = f"http://127.0.0.1:{server.server_port}"
        yield double


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
