"""How the app is put together: parts are built when first needed, once, whatever asks for them at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.bootstrap import App, Named, Settings, part
from slipway.bootstrap.azure import azure_ports
from slipway.domain.errors import UnknownName

EXAMPLE = Path(__file__).resolve().parents[2] / "local.settings.json.example"


def over_azure[T: App](kind: type[T]) -> T:
    settings = Settings.read(json.loads(EXAMPLE.read_text())["Values"])
    return kind(azure_ports(settings), settings)


def test_while_a_part_is_built_no_other_thread_builds() -> None:
    entered: list[bool] = []

    class Busy(App):
        @part
        def thing(self) -> object:
            with ThreadPoolExecutor(max_workers=1) as other:
                entered.append(other.submit(self.building.acquire, blocking=False).result())
            return object()

    parts = over_azure(Busy)
    with ThreadPoolExecutor(max_workers=8) as threads:
        found = set(threads.map(lambda _: parts.thing, range(64)))
    assert (len(found), entered) == (1, [False])


def test_a_part_that_could_not_be_built_is_tried_again() -> None:
    attempts: list[int] = []

    class Shaky(App):
        @part
        def thing(self) -> str:
            attempts.append(1)
            if len(attempts) == 1:
                raise OSError("not yet")
            return "built"

    parts = over_azure(Shaky)
    with pytest.raises(OSError, match="not yet"):
        _ = parts.thing
    assert (parts.thing, parts.thing, len(attempts)) == ("built", "built", 2)


def test_what_the_settings_do_not_name_is_refused_with_what_they_name() -> None:
    opened: list[str] = []

    def build(name: str) -> str:
        opened.append(name)
        return name.upper()

    named = Named("registry", frozenset({"prod", "nonprod"}), build)
    assert (named("prod"), named("prod"), opened) == ("PROD", "PROD", ["prod"])
    with pytest.raises(UnknownName, match=r"the settings know no registry 'other' \(known: nonprod, prod\)"):
        named("other")


def test_nothing_is_reached_over_the_network_before_it_is_needed() -> None:
    """The example names a storage and a Service Bus where nobody listens."""
    parts = over_azure(App)
    for name in ("catalogue", "keys", "links", "event_sources", "registry", "cluster", "channel", "bus", "gateway"):
        assert getattr(parts, name) is getattr(parts, name)
