"""Projects and service-hook subscriptions of one organization, over HTTP, in memory."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MASK = "********"
NEEDED = ("publisherId", "eventType", "consumerId", "consumerActionId", "publisherInputs", "consumerInputs")
FILTERS = ("publisherId", "eventType", "consumerId", "consumerActionId")


@dataclass
class Organization:
    """What the double knows; a test changes it to play a fault."""

    name: str = "contoso"
    projects: dict[str, str] = field(default_factory=lambda: {"shop": str(uuid.UUID(int=1))})
    """Name → id."""
    pat: str = "a-personal-access-token"
    may_edit: bool = True
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As they are kept, with their passwords; what is answered has stars in their place."""
    asked: list[str] = field(default_factory=list)

    def authentic(self, header: str) -> bool:
        return header == "Basic " + base64.b64encode(f":{self.pat}".encode()).decode()

    def shown(self, kept: dict[str, Any]) -> dict[str, Any]:
        inputs = {**kept["consumerInputs"]}
        if inputs.get("basicAuthPassword"):
            inputs["basicAuthPassword"] = MASK
        return {**kept, "consumerInputs": inputs}

    def keep(self, given: dict[str, Any], id: str) -> dict[str, Any]:
        inputs = {**given["consumerInputs"]}
        if inputs.get("basicAuthPassword") == MASK:  # stars sent back leave the password as it was
            before = self.subscriptions.get(id, {"consumerInputs": {}})
            inputs["basicAuthPassword"] = before["consumerInputs"].get("basicAuthPassword", "")
        kept = {"resourceVersion": "1.0", "status": "enabled", **given, "consumerInputs": inputs, "id": id}
        self.subscriptions[id] = kept
        return kept


class Handler(BaseHTTPRequestHandler):
    organization: Organization
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        here, target = self.organization, urlsplit(self.path)
        here.asked.append(f"{self.command} {target.path}")
        if not here.authentic(self.headers.get("Authorization", "")):
            self._answer(401, None)
            return
        steps = [unquote(step) for step in target.path.strip("/").split("/")]
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if query.get("api-version") != "7.1":
            self._answer(400, {"message": "No api-version was supplied for the request."})
        elif steps[0] != here.name:
            self._answer(404, {"message": "The resource cannot be found."})
        else:
            self._answer(*self._found(steps[1:], query, body))

    def _found(self, steps: list[str], query: dict[str, str], body: bytes) -> tuple[int, Any]:
        here = self.organization
        match (self.command, *steps):
            case ("GET", "_apis", "projects", project):
                return self._project(project)
            case ("GET", "_apis", "hooks", "subscriptions"):
                every = here.subscriptions.values()
                fitting = [s for s in every if all(s.get(n) == query[n] for n in FILTERS if n in query)]
                return 200, {"count": len(fitting), "value": [here.shown(s) for s in fitting]}
            case ("GET", "_apis", "hooks", "subscriptions", id) if id in here.subscriptions:
                return 200, here.shown(here.subscriptions[id])
            case ("POST", "_apis", "hooks", "subscriptions"):
                return self._write(body, str(uuid.uuid4()))
            case ("PUT", "_apis", "hooks", "subscriptions", id) if id in here.subscriptions:
                return self._write(body, id)
        return 404, {"message": "The resource cannot be found."}

    def _project(self, wanted: str) -> tuple[int, Any]:
        for name, id in self.organization.projects.items():
            if wanted.casefold() in (name.casefold(), id):
                return 200, {"id": id, "name": name, "state": "wellFormed"}
        return 404, {"message": f"TF200016: The following project does not exist: {wanted}."}

    def _write(self, body: bytes, id: str) -> tuple[int, Any]:
        here = self.organization
        if not here.may_edit:
            return 403, {"message": "Access denied: the identity needs Edit Subscriptions permission."}
        given = json.loads(body)
        missing = [name for name in NEEDED if not given.get(name)]
        if missing or not given["consumerInputs"].get("url"):
            return 400, {"message": f"The subscription lacks {', '.join(missing) or 'the input url'}."}
        if given["publisherInputs"].get("projectId") not in here.projects.values():
            return 400, {"message": "The project of the subscription does not exist."}
        return 200, here.shown(here.keep(given, id))

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self, status: int, content: Any) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(organization: Organization, port: int = 0) -> ThreadingHTTPServer:
    """A server that listens; the caller runs and ends it."""
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), {"organization": organization}))
    server.daemon_threads = True
    return server
