"""A row of the ledger that cannot be read, of whatever kind and however damaged: work that does not need it goes on as
before, and everybody who reads it learns which row it is. Nobody gets a shorter answer without being told so."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import azure.functions as func
import pytest

import functions
from functions import timers
from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.engine.freezing import FreezeOrder
from slipway.engine.receiving import TRIES, QueueMessage
from slipway.ledger import keys
from slipway.ledger.table import Act, Row, UnreadableRow, Value, Write
from slipway.testing import ADA, BASE, write_application
from slipway.testing.sign_in import bearer, signed_in
from tests.beginnings import begun
from tests.registered import registered
from tests.security.test_every_door import WINDOWS
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import weaken
from tests.unit.web.visitors import token_person

OWN, OTHER = "shop", "till"
KINDS: Final = sorted(
    {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    - {keys.TABLE, keys.INSTALLATION, keys.DUE_INDEX, keys.NUMBERS, keys.AFTER}
)
"""Every kind of row that the code has a name for."""
OF_EVERYTHING: Final = {(keys.INSTALLATION, key) for key in (keys.FREEZE, keys.HEAD, keys.in_force("project:team"))}
"""Rows on which every rollout depends: while one of them is unknown, no rollout begins in class production."""

type Values = Mapping[str, Value]


def _json(change: Callable[[dict[str, Any]], dict[str, Any]], otherwise: Callable[[Values], Values]) -> Any:
    def damaged(values: Values) -> Values:
        try:
            content = json.loads(str(values["Data"]))
        except (KeyError, ValueError):
            return otherwise(values)
        return {**values, "Data": json.dumps(change(content))}

    return damaged


def _lengthened(content: Mapping[str, Any]) -> dict[str, Any]:
    name = next((name for name, value in content.items() if isinstance(value, str)), "text")
    return {**content, name: "x" * 16_000}


def _without_the_first(content: Mapping[str, Any]) -> dict[str, Any]:
    return dict(list(content.items())[1:])


DAMAGES: Final[Mapping[str, Callable[[Values], Values]]] = {
    "no JSON": lambda values: {name: "{" if isinstance(value, str) else value for name, value in values.items()},
    "a missing field": _json(_without_the_first, _without_the_first),
    "a wrong type": lambda values: {name: 7 if isinstance(value, str) else "seven" for name, value in values.items()},
    "a newer schema": _json(lambda content: content | {"since_v9": 1}, lambda values: dict(values) | {"SinceV9": 1}),
    "empty properties": lambda values: dict.fromkeys(values, ""),
    "a signature that does not fit": _json(
        lambda content: content | ({"sig": {"kid": "test", "value": "A" * 86}} if "sig" in content else {}),
        lambda values: dict(values) | ({"Sig": "{}"} if "Sig" in values else {}),
    ),
    "text without end": _json(_lengthened, _lengthened),
    "no properties": lambda values: {},
}


def story(folder: Path) -> Live:
    """Release 1 of two applications is live in staging and waits in production; a change waits for votes; something is
    parked, and everything was frozen once."""
    for name in (OWN, OTHER):
        write_application(folder, name)
    home = Live(folder)
    home.edit_gate(approvers=["role:shop-approvers"], required=2, level="signed", fresh="5m")
    home.apply()
    for name in (OWN, OTHER):
        home.push("1.0", app=name)
    home.settle()
    order = FreezeOrder(
        verb=Verb.FREEZE,
        actor="olga@example.com",
        reason="incident",
        until=home.now + timedelta(minutes=5),
        channel="cli",
        submission="freeze-of-all-1",
        received_at=home.now,
    )
    home.app.freezer.carry_out(order)
    home.wait(timedelta(minutes=10))
    weaken(home)
    home.app.installation.park(id="p1", source="runs", reason="x", body="{}", message_id="m", now=home.now)
    home.app.installation.record_keys(("test",), home.app.public_keys.by_id(), now=home.now)
    for _ in range(2):
        home.reconcile()
        home.app.anchoring.run()
        home.app.index_watch.run()
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    installation = begun(story, tmp_path)
    installation.restart(api_access="roles")
    for module in _modules():
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: installation.app)
    return installation


def _modules() -> list[ModuleType]:
    return [importlib.import_module(f"functions.{m.name}") for m in pkgutil.iter_modules(functions.__path__)]


def damage_row(home: Live, partition: str, kind: str, damage: Callable[[Values], Values]) -> Row:
    """Damage a row of this kind; if there is none, put a made-up one there."""
    rows = home.table.rows(partition, *keys.range_of(kind))
    made_up = Row(partition=partition, key=kind + ("0" * 12 if kind.endswith("!") else ""), values={"Data": "{}"})
    row = next((row for row in rows if OTHER not in row.key), made_up)
    home.table.transact(partition, [Write(act=Act.PUT, key=row.key, values=damage(row.values))])
    return row


# ---- who reads
def headers_of_somebody(home: Live) -> dict[str, str]:
    """The headers of a person with every role."""
    person = token_person(ADA, "platform", "operator", "shop-approvers")
    return signed_in(home.app, person).headers | bearer(home.app, person)


def read_endpoint(home: Live, name: str, application: str, headers: dict[str, str]) -> func.HttpResponse:
    """The response of an endpoint that only reads."""
    method, handler = WINDOWS[name]
    entry = home.app.catalogue.get(OTHER)
    assert entry is not None
    route = {
        "application": application,
        "release": f"{application}-1",
        "environment": "staging",
        "kind": "application",
        "name": application,
        "digest": str(entry.versions and entry.versions.application),
        "sequence": "1",
        **dict.fromkeys(("number", "id", "handle", "change", "address", "token"), "hello-2"),
    }
    return handler(func.HttpRequest(method, BASE, headers=headers, params={}, route_params=route, body=b""))


def responses(home: Live, application: str, headers: dict[str, str]) -> dict[str, tuple[int, str]]:
    by_name = {name: read_endpoint(home, name, application, headers) for name in WINDOWS}
    return {
        name: (response.status_code, response.get_body().decode("utf-8", "replace"))
        for name, response in by_name.items()
    }


def run_timers() -> None:
    for function in registered(timers):
        function.handler(SimpleNamespace(past_due=False))


def push(home: Live, application: str) -> None:
    """Deliver a push as the queue does, until it is handled or parked."""
    event = home.pushed("1.1", app=application)

    def take(_: bytes) -> None:
        home.app.door.take(event)

    for tries in range(TRIES):
        message = QueueMessage(queue="events", body=b"{}", id=f"push of {application}", tries=tries)
        home.app.receiver.receive(take, message)


READ_MOST: Final = (keys.HEAD, keys.LANE, keys.RELEASE, keys.IN_FORCE, keys.FREEZE, keys.LISTED, keys.PARKED, keys.OPEN)
PLACES: Final = [
    *((keys.numbers(OWN), kind) for kind in (keys.HEAD, keys.WEEK)),
    *((partition, kind) for partition in (OWN, keys.INSTALLATION) for kind in READ_MOST),
    *((partition, kind) for partition in (OWN, keys.INSTALLATION) for kind in KINDS if kind not in READ_MOST),
]


def settle(home: Live, row: Row) -> None:
    """Deliver all messages in the queues. One that needs the unreadable row is not delivered again: `Receiver` parks it
    in the end."""
    while True:
        try:
            home.settle()
        except UnreadableRow as unreadable:
            if (unreadable.partition, unreadable.key) != (row.partition, row.key):
                raise
        else:
            return


CASES: Final = [
    (*place, list(DAMAGES)[(number + turn) % len(DAMAGES)])
    for turn in range(len(DAMAGES))
    for number, place in enumerate(PLACES)
]


@pytest.mark.sweep(keep=18)
@pytest.mark.parametrize(("partition", "kind", "damage"), CASES, ids=lambda text: text.strip("!"))
def test_an_unreadable_row_affects_only_its_own_subject_and_is_reported(
    home: Live, partition: str, kind: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = headers_of_somebody(home)
    before, before_own = responses(home, OTHER, headers), responses(home, OWN, headers)
    row = damage_row(home, partition, kind, DAMAGES[damage])
    home.wait_a_moment()
    for name, (status, text) in responses(home, OTHER, headers).items():
        assert status == before[name][0], f"{name}: {text[:500]}"
        assert (f"{OTHER}-1" in text) is (f"{OTHER}-1" in before[name][1]), name
        if f"{OWN}-1" in before[name][1] and f"{OWN}-1" not in text:
            assert names_row(text, row), f"{name} is silent: {text[:2000]}"
    for name, (status, text) in responses(home, OWN, headers).items():
        assert status == before_own[name][0] or (status == 503 and names_row(text, row)), (
            f"{name}: {status} {text[:500]}"
        )
    home.wait(timedelta(hours=25))
    run_timers()
    assert "Traceback" not in caplog.text
    push(home, OTHER)
    settle(home, row)
    if (row.partition, row.key) not in OF_EVERYTHING:
        assert home.phase(2, OTHER) is Phase.AWAITING_APPROVAL
        home.vote(2, ADA, app=OTHER)
        settle(home, row)
        assert home.phase(2, OTHER) is Phase.COMPLETED


def names_row(text: str, row: Row) -> bool:
    return row.key in text and row.partition in text and "cannot be read" in text


def test_an_event_of_an_application_with_an_unreadable_row_is_parked_with_its_name_and_can_be_replayed(
    home: Live,
) -> None:
    row = damage_row(home, OWN, keys.LANE, DAMAGES["no JSON"])
    event = home.pushed("1.1", app=OWN)

    def take(_: bytes) -> None:
        home.app.door.take_turn(OWN, event)

    for tries in range(TRIES):
        home.app.receiver.receive(take, QueueMessage(queue="work", body=b"{}", id="turn", session=OWN, tries=tries))
    parked = next(item for item in home.app.parking.all() if item.source == "work")
    assert names_row(parked.reason, row)
    home.table.transact(OWN, [Write(act=Act.PUT, key=row.key, values=row.values)])
    take(b"")
    assert home.release(2, OWN).tag == "1.1"


def test_the_health_of_the_app_does_not_depend_on_one_unreadable_row(home: Live) -> None:
    damage_row(home, OWN, keys.HEAD, DAMAGES["no JSON"])
    home.wait(timedelta(minutes=1))
    assert home.app.health.reaches_ledger()


def test_a_project_whose_row_was_mended_is_shown_again(home: Live) -> None:
    """The catalogue rereads a broken row, though mending it changes no marker."""
    key = keys.in_force("project:team")
    original = next(row for row in home.table.rows(keys.INSTALLATION, key, key))
    for listed in (keys.listed("project:team"), key):
        home.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=listed, values={"Data": "{"})])
    home.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=keys.CATALOGUE, values={"Changed": "x"})])
    home.wait_a_moment()
    assert [entry.name for entry in home.app.catalogue.broken] == ["project:team"]
    home.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=key, values=original.values)])
    home.wait_a_moment()
    assert home.app.catalogue.broken == ()
