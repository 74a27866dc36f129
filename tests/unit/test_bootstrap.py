"""How the app is put together: parts are built when first needed, once, whatever asks for them at the same time."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.bootstrap import App, LazyRegistry, Settings, azure, lazy
from slipway.bootstrap.azure import azure_ports
from slipway.bootstrap.ports import Ports
from slipway.domain.errors import UnknownName
from slipway.ledger import LedgerUnavailable

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "local.settings.json.example"


def over_azure[T: App](kind: type[T]) -> T:
    settings = Settings.read(json.loads(EXAMPLE.read_text())["Values"])
    return kind(azure_ports(settings), settings)


def test_while_a_part_is_built_no_other_thread_builds() -> None:
    entered: list[bool] = []

    class Busy(App):
        @lazy
        def thing(self) -> object:
            with ThreadPoolExecutor(max_workers=1) as pool:
                entered.append(pool.submit(self.building.acquire, blocking=False).result())
            return object()

    parts = over_azure(Busy)
    with ThreadPoolExecutor(max_workers=8) as threads:
        instances = set(threads.map(lambda _: parts.thing, range(64)))
    assert (len(instances), entered) == (1, [False])


def test_a_part_that_could_not_be_built_is_tried_again() -> None:
    attempts: list[int] = []

    class Shaky(App):
        @lazy
        def thing(self) -> str:
            attempts.append(1)
            if len(attempts) == 1:
                raise OSError("not yet")
            return "built"

    parts = over_azure(Shaky)
    with pytest.raises(OSError, match="not yet"):
        _ = parts.thing
    assert (parts.thing, parts.thing, len(attempts)) == ("built", "built", 2)


def test_a_name_that_the_settings_do_not_know_is_refused_with_the_known_names() -> None:
    opened: list[str] = []

    def build(name: str) -> str:
        opened.append(name)
        return name.upper()

    registry = LazyRegistry("registry", frozenset({"prod", "nonprod"}), build)
    assert (registry("prod"), registry("prod"), opened) == ("PROD", "PROD", ["prod"])
    with pytest.raises(UnknownName, match=r"the settings know no registry 'other' \(known: nonprod, prod\)"):
        registry("other")


def test_nothing_is_reached_over_the_network_before_it_is_needed() -> None:
    """The example names a storage and a Service Bus where nobody listens."""
    parts = over_azure(App)
    for name in (
        "catalogue",
        "link_keys",
        "links",
        "event_sources",
        "registry",
        "cluster",
        "channel",
        "bus",
        "webhooks",
        *("table", "blobs", "added_blobs", "ledger", "inbox", "parking", "receiver", "door", "session_worker"),
        *("step_runner", "reconciler", "private_keys"),
    ):
        assert getattr(parts, name) is getattr(parts, name)


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """A storage that takes connections and never answers: its address, and the connections so far."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    connections.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/devstoreaccount1", connections
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()


ASKED: dict[str, Callable[[Ports], object]] = {
    "table": lambda ports: ports.table().get("shop", "head"),
    "blobs": lambda ports: ports.blobs().get("sha256:" + "0" * 64),
}


@pytest.mark.parametrize("read", ASKED.values(), ids=ASKED.keys())
def test_a_storage_that_never_answers_is_given_up_after_a_few_requests(
    silent: tuple[str, list[socket.socket]], read: Callable[[Ports], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for limits in (azure.TABLES, azure.BLOBS):
        monkeypatch.setitem(limits, "read_timeout", 0.1)
    monkeypatch.setitem(azure.BLOBS, "initial_backoff", 0)
    monkeypatch.setitem(azure.BLOBS, "increment_base", 0)
    monkeypatch.setitem(azure.BLOBS, "random_jitter_range", 0)
    address, connections = silent
    endpoints = f"TableEndpoint={address};BlobEndpoint={address};AccountName=devstoreaccount1;AccountKey=a2V5;"
    settings = Settings.read(json.loads(EXAMPLE.read_text())["Values"] | {"SLIPWAY_STORAGE_CONNECTION": endpoints})
    with pytest.raises(LedgerUnavailable):
        read(azure_ports(settings))
    assert 1 <= len(connections) <= 1 + azure.TABLES["retry_total"], "more requests than the limits allow"


def test_a_request_to_storage_ends_well_within_the_lock_of_a_message() -> None:
    """This matters most for the queue `work`: the host's client never takes a session again whose lock it lost."""
    bicep = (ROOT / "infra/modules/service-bus.bicep").read_text(encoding="utf-8")
    (minutes,) = re.findall(r"lockDuration: 'PT(\d+)M'", bicep)
    for limits in (azure.TABLES, azure.BLOBS):
        retries = limits["retry_total"]
        pauses = sum(
            limits["retry_backoff_factor"] * 2**number
            if limits is azure.TABLES
            else limits["initial_backoff"] + limits["increment_base"] ** number + limits["random_jitter_range"]
            for number in range(1, retries + 1)
        )
        assert (1 + retries) * limits["read_timeout"] + pauses < 0.75 * 60 * int(minutes)
