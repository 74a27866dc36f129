"""A small HTTP server that answers as `functions/api.py` does, from worlds of the domain. Each answer that no test has
replaced is checked against the API's own description (`described.py`).

The trail that it serves is a list of plain JSON that a test may tamper with, as somebody with access to the storage
account could.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from slipway.api.audit import ReindexAnswer
from slipway.api.inbox import ReceivedAnswer, SaidOutcome
from slipway.api.looks import LookRequest
from slipway.api.releases import ReleaseAnswer
from slipway.domain.commands import Verb
from slipway.domain.inbox import LookKind
from slipway.domain.keyring import format_keys
from slipway.domain.model import sha256
from slipway.domain.reports import Compared
from slipway.domain.snapshot import Lookups
from slipway.queries.reading import overview
from slipway.testing.chains import PUBLIC_KEYS
from tests.serving import in_a_thread
from tests.unit.cli.described import faults
from tests.unit.domain.world import World

KEY = "the-key-of-the-app"
WAITING: dict[str, Any] = {"application": "", "id": ""}
BASE = "/api/v1/"


@dataclass
class Trail:
    """One chain, as the table holds it."""

    records: list[dict[str, Any]]
    sequence: int
    hash: str

    def page(self, *, after: int, limit: int, release: str | None) -> list[dict[str, Any]]:
        follow = self.records[after:] if release is None else [r for r in self.records if r["sequence"] > after]
        return [r for r in follow if release is None or "damaged" in r or r["release"] == release][:limit]


@dataclass(frozen=True)
class Reply:
    """A response that is sent instead of the usual one."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the server received."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class MissingError(LookupError):
    """A 404."""


class Served:
    """One installation over HTTP. Use as a context manager."""

    def __init__(self, *worlds: World) -> None:
        self.worlds = {world.head.application: world for world in worlds}
        self.trails = {name: trail_of(world) for name, world in self.worlds.items()}
        self.anchors: dict[str, list[Any]] = {}
        """The newest anchors of each chain, newest first."""
        self.indexes: dict[str, Compared] = {}
        """What the audit index has of a trail, where it is not all of it."""
        self.drift: dict[str, Any] | None = None
        """When clusters were looked at for drift, and will be."""
        self.not_shown: list[dict[str, Any]] = []
        """Applications with a row that cannot be read."""
        self.parked: list[dict[str, Any]] = []
        self.more_parked = False
        self.documents: dict[str, bytes] = {}
        self.trust = {"issuer": "https://issuer.example", "tenant": "", "votes_client": "", "installation": "here"}
        """Whose tokens prove votes."""
        self.live: list[dict[str, Any]] = []
        self.compared: dict[str, dict[str, Any]] = {}
        """What comparing the index of an application finds."""
        self.looks: dict[str, dict[str, Any]] = {}
        """Kind and subject of a look → the worker's answer."""
        self.look_answers: dict[str, dict[str, Any]] = {}
        self.outcomes: dict[tuple[str, str], SaidOutcome] = {}
        """The outcomes of statements, by application and id."""
        self.replies: dict[str, Reply] = {}
        """Path below the API → a response instead of the usual one."""
        self.before_answer: Callable[[ReceivedRequest], None] = lambda asked: None
        """Called before each answer: a test lets something happen in between."""
        self.requests: list[ReceivedRequest] = []
        self.honest = True
        """Whether the app answers as it describes; one that somebody has broken into may send anything."""
        self.faults: list[str] = []
        """Where one of the usual responses differs from the description."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self._ends = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._ends.enter_context(in_a_thread(self._server))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()
        assert not (self.honest and self.faults), "\n".join(self.faults)

    def keep(self, document: bytes) -> str:
        digest = sha256(document)
        self.documents[digest] = document
        return digest

    # ---- answers
    def answer(self, request: ReceivedRequest) -> Reply:
        self.requests.append(request)
        self.before_answer(request)
        target = urlsplit(request.target)
        path = target.path.removeprefix(BASE)
        if path in self.replies:
            return self.replies[path]
        if request.headers.get("x-functions-key") != KEY:
            return Reply(status=401, body=b"")
        try:
            steps, query = tuple(map(unquote, path.split("/"))), dict(parse_qsl(target.query))
            content = self._content(request.method, steps, query, request.body)
        except MissingError as missing:
            return problem(404, "Not found", str(missing))
        reply = content if isinstance(content, Reply) else Reply(body=json.dumps({"v": 1, **content}).encode())
        self.faults += faults(request.method, path, reply.status, reply.body)
        return reply

    def _content(
        self, method: str, path: tuple[str, ...], query: dict[str, str], body: bytes
    ) -> dict[str, Any] | Reply:
        match (method, *path):
            case ("GET", "applications"):
                content: dict[str, Any] | Reply = {
                    "drift": self.drift,
                    "applications": [application_json(w) for w in self.worlds.values()],
                    "not_shown": self.not_shown,
                }
            case ("GET", "releases"):
                content = self._releases(query)
            case ("GET", "releases", id):
                content = {**release_json(*self._release(id)), "waits_for": "", "progress": None}
            case ("GET", "releases", id, "explain"):
                content = explained(*self._release(id))
            case ("GET", "audit", application):
                content = self._audit(application, query)
            case ("GET", "public-keys"):
                content = {"text": format_keys(PUBLIC_KEYS.by_id()), **self.trust}
            case ("GET", "anchors"):
                content = {"chains": list(self.anchors)}
            case ("GET", "evidence", digest) if digest in self.documents:
                content = Reply(body=self.documents[digest], headers={"Content-Type": "application/octet-stream"})
            case ("GET", "parked"):
                content = {"parked": self.parked, "more": self.more_parked}
            case ("POST", "parked", id, "replay"):
                content = self._replay(id)
            case ("POST", "looks"):
                content = self._look_reply(LookRequest.model_validate_json(body))
            case _:
                content = self._of_the_trail(method, path, query)
        return content

    def _of_the_trail(self, method: str, path: tuple[str, ...], query: dict[str, str]) -> dict[str, Any] | Reply:
        match (method, *path):
            case ("GET", "audit") if query.get("application", "_installation") not in (*self.trails, "_installation"):
                return self._unknown_application(query["application"])
            case ("GET", "audit"):
                return self._search(query)
            case ("GET", "looks", id) if id in self.look_answers:
                return {"id": id, "state": "counted", "look": self.look_answers[id]}
            case ("GET", "inbox", application, id) if (application, id) in self.outcomes:
                return self.outcomes[application, id].model_dump(mode="json")
            case ("GET", "verification", application, "index"):
                return {"compared": self._comparison(application).model_dump(mode="json")}
            case ("GET", "anchors", application):
                return {"anchors": self.anchors.get(application, [])}
            case ("GET", "environments", environment, "live"):
                return {"environment": environment, "live": self.live, "next": None}
            case _:
                raise MissingError(f"there is no {'/'.join(path)}")

    def _replay(self, id: str) -> Reply:
        item = next((item for item in self.parked if item["id"] == id), None)
        if item is None:
            raise MissingError(f"no parked input has the id {id!r}")
        return self._received_reply("_installation", SaidOutcome(**WAITING, state="counted", verb=Verb.REPLAY))

    def _look_reply(self, look: LookRequest) -> Reply:
        answer = self.answer_to_look(look)
        if answer is None:
            return self._received_reply(
                "_installation", SaidOutcome(**WAITING, state="parked", reason="there is no such thing")
            )
        reply = self._received_reply("_installation", SaidOutcome(**WAITING, state="counted"))
        (*_, (_, id)) = self.outcomes
        times = dict.fromkeys(("asked_at", "answered_at", "expires_at"), "2026-11-23T08:00:00Z")
        self.look_answers[id] = {
            "id": id,
            "asked_by": "ada",
            **look.model_dump(mode="json", exclude={"options"}),
            **times,
        }
        self.look_answers[id]["answer"] = answer
        return reply

    def answer_to_look(self, look: LookRequest) -> dict[str, Any] | None:
        """The worker's answer to a look; a test may replace this method."""
        if look.kind is LookKind.REINDEX:
            answer = {"application": look.subject, "records": 0, "head": 0, "repaired": False}
            answer |= self.compared.get(look.subject, {})
            return ReindexAnswer.model_validate(answer).model_dump(mode="json")
        return self.looks.get(f"{look.kind} {look.subject}")

    def _received_reply(self, application: str, outcome: SaidOutcome) -> Reply:
        """The response to a statement; `outcome` is what a later request for its outcome finds."""
        id = f"1764000000000-{len(self.outcomes):016x}"
        self.outcomes[application, id] = outcome.model_copy(update={"application": application, "id": id})
        received = ReceivedAnswer(application=application, id=id, address=f"{BASE}inbox/{application}/{id}")
        return Reply(202, received.model_dump_json().encode())

    def _release(self, id: str) -> tuple[World, int]:
        application, _, number = id.rpartition("-")
        world = self.worlds.get(application)
        if world is None or int(number) not in world.releases:
            raise MissingError(f"there is no release {id}")
        return world, int(number)

    def _unknown_application(self, application: str) -> Reply:
        names = ", ".join(self.worlds)
        return problem(404, "Not found", f"application: expected one of {names}, got {application!r}", "application")

    def _releases(self, query: dict[str, str]) -> dict[str, Any] | Reply:
        application = query.get("application")
        if application is not None and application not in self.worlds:
            return self._unknown_application(application)
        worlds = [self.worlds[application]] if application else list(self.worlds.values())
        releases = [release_json(world, number) for world in worlds for number in sorted(world.releases, reverse=True)]
        return {"releases": releases[: int(query["limit"])]}

    def _search(self, query: dict[str, str]) -> dict[str, Any]:
        """Newest first, by the filters that a test uses; `next` is a place that only this double understands."""
        filters = {name: query[name] for name in ("application", "release", "environment", "action") if name in query}
        records = [
            record
            for trail in self.trails.values()
            for record in reversed(trail.records)
            if "damaged" not in record and all(record[name] == value for name, value in filters.items())
        ]
        start, limit = int(query.get("after", "at-0").removeprefix("at-")), int(query["limit"])
        end = start + limit
        return {"records": records[start:end], "next": f"at-{end}" if end < len(records) else None}

    def _comparison(self, application: str) -> Compared:
        """The index holds the whole trail, unless a test says otherwise."""
        trail = self.trails.get(application, Trail(records=[], sequence=0, hash=""))
        complete = Compared(application=application, records=len(trail.records), repaired=False, head=trail.sequence)
        return self.indexes.get(application, complete)

    def _audit(self, application: str, query: dict[str, str]) -> dict[str, Any]:
        trail = self.trails.get(application, Trail(records=[], sequence=0, hash=""))
        limit = int(query["limit"])
        records = trail.page(after=int(query["after"]), limit=limit, release=query.get("release"))
        return {
            "application": application,
            "head": {"sequence": trail.sequence, "hash": trail.hash},
            "records": records,
            "next": records[-1]["sequence"] if len(records) == limit else None,
        }


def trail_of(world: World) -> Trail:
    records = [record.model_dump(mode="json") for record in world.audit]
    return Trail(records=records, sequence=world.head.sequence, hash=world.head.hash)


def release_json(world: World, number: int) -> dict[str, Any]:
    release = world.releases[number]
    return ReleaseAnswer.of(release).model_dump(mode="json")


def explained(world: World, number: int) -> dict[str, Any]:
    return world.explain(number).model_dump(mode="json")


def application_json(world: World) -> dict[str, Any]:
    return overview(world.snapshot(Lookups(in_lanes=False)))


def problem(status: int, title: str, detail: str, parameter: str | None = None) -> Reply:
    more = {"parameter": parameter} if parameter else {}
    kind = "urn:slipway:problem:" + title.lower().replace(" ", "-")
    body = json.dumps({"type": kind, "title": title, "status": status, "detail": detail, **more})
    return Reply(status, body.encode(), {"Content-Type": "application/problem+json"})


def handler_of(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length") or 0))
            reply = served.answer(ReceivedRequest(self.command, self.path, headers, body))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            with suppress(BrokenPipeError, ConnectionResetError):  # a command may end before it has read its answer
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    return Handler
