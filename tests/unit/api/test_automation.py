"""An application starts a release without a person, if its project says so: by an access token of its own that the
worker verified, and never by the front's word."""

import json
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from functions import commands, guard, inbox
from slipway.commands.saying import CommandRequest
from slipway.domain.commands import OPENS, Verb
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.phases import Phase
from slipway.testing import ADA, BASE, write_application
from slipway.testing.sign_in import MemoryProvider, person
from tests.beginnings import begun
from tests.unit.api.in_process import use
from tests.unit.commands.live import Live

NIGHTLY, OTHER = "0a111111-1111-4111-8111-111111111111", "0b222222-2222-4222-8222-222222222222"
OLGA = person(4, "Olga", "operator")
CREATE = {"verb": "create", "application": "shop", "reason": "the nightly run"}


def live_everywhere(folder: Path) -> Live:
    """1.0 is live everywhere; the project lets one application start releases."""
    write_application(folder)
    live = Live(folder)
    live.edit_project(lambda value: value.update(automation={"create": [f"app:{NIGHTLY}", "role:releaser"]}))
    live.restart(api_access="roles", public_url=f"{BASE}/")
    live.apply()
    live.push("1.0")
    live.settle()
    live.vote(1, ADA)
    live.settle()
    assert live.phase(1) is Phase.COMPLETED
    return live


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    installation = begun(live_everywhere, tmp_path)
    use(monkeypatch, installation, commands, guard, inbox)
    return installation


def token(home: Live, client: str = NIGHTLY, *roles: str) -> str:
    provider = home.app.ports.provider()
    assert isinstance(provider, MemoryProvider)
    claims: dict[str, Any] = {"scp": None, "idtyp": "app", "roles": ["reader", *roles], "azp": client}
    access_token: str = provider.access_token(OLGA, at=home.now, **claims)
    return access_token


def give(home: Live, bearer: str, **body: Any) -> func.HttpResponse:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
    response = commands.command(func.HttpRequest("POST", BASE, headers=headers, body=json.dumps(body).encode()))
    home.hear()
    home.settle()
    return response


def started_releases(home: Live) -> list[dict[str, Any]]:
    """The releases that no push started."""
    records = (record for record in home.trail() if record.action == "release.created")
    return [record.details | {"actor": record.actor} for record in records if record.details["start"] != "push"]


@pytest.mark.parametrize(("client", "roles"), [(NIGHTLY, ()), (OTHER, ("releaser",))])
def test_an_application_that_the_project_names_starts_a_release_and_people_decide_about_it(
    home: Live, client: str, roles: tuple[str, ...]
) -> None:
    assert give(home, token(home, client, *roles), **CREATE).status_code == 202
    (record,) = started_releases(home)
    assert (record["actor"], record["start"], record["reason"]) == (f"app:{client}", "automation", "the nightly run")
    assert home.phase(2) is Phase.AWAITING_APPROVAL
    assert home.verify().intact


def remove_from_project(home: Live) -> None:
    """Another instance changes the project right after this one has read it."""
    old_app, home.app = home.app, home.another()
    assert old_app.catalogue.entries["shop"].application.automation
    home.edit_project(lambda value: value.update(automation={"create": ["role:releaser"]}))
    assert home.apply()["project:team"].outcome == "changed"
    home.app = old_app


def test_a_front_refuses_an_application_that_the_project_names_no_longer_since_a_moment_ago(home: Live) -> None:
    remove_from_project(home)
    assert give(home, token(home), **CREATE).status_code == 403
    assert started_releases(home) == []


def test_a_worker_refuses_an_application_that_the_project_names_no_longer_since_a_moment_ago(home: Live) -> None:
    request = CommandRequest(verb=Verb.CREATE, application="shop", reason="the nightly run")
    speaker = Speaker(name=f"app:{NIGHTLY}", roles=("reader",), via=Via.API)
    receipt = home.app.inbox_writer.command(request, speaker, token=token(home))
    home.bus.raw.clear()  # its hint is late
    remove_from_project(home)
    home.app.inbox_reader.take(receipt.partition, receipt.id)
    assert started_releases(home) == []
    assert home.trail()[-1].action == "command.refused"


def test_an_application_that_the_project_does_not_name_is_refused(home: Live) -> None:
    assert give(home, token(home, OTHER), **CREATE).status_code == 403
    response = give(home, token(home, OTHER, "operator"), **CREATE)
    assert "open" in json.loads(response.get_body()), "a person has to confirm what an operator's application asks for"
    assert started_releases(home) == []


def test_a_person_with_the_releaser_role_still_has_to_confirm_the_release(home: Live) -> None:
    provider = home.app.ports.provider()
    assert isinstance(provider, MemoryProvider)
    releaser = person(5, "Rita", "releaser", "operator")
    response = give(home, provider.access_token(releaser, at=home.now), **CREATE)
    assert json.loads(response.get_body())["open"]
    assert started_releases(home) == []


@pytest.mark.parametrize("verb", sorted(OPENS - {Verb.CREATE}))
def test_a_named_application_carries_out_no_other_command_that_needs_a_proof(home: Live, verb: Verb) -> None:
    body = CREATE | {"verb": verb, "environment": "production", "release": "shop-1", "rule": "built-by-run"}
    assert give(home, token(home), **body).status_code in (202, 400, 403, 409)
    assert not any(record.actor == f"app:{NIGHTLY}" for record in home.trail())


def add_row(home: Live, bearer: str | None, name: str = f"app:{NIGHTLY}") -> None:
    """The row as a lying front would add it."""
    statement = home.app.inbox_writer.statement(CommandRequest(verb=Verb.CREATE, application="shop", reason="a lie"))
    speaker = Speaker(name=name, roles=("platform",), via=Via.API)
    home.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.COMMAND, said=statement, token=bearer, speaker=speaker))
    home.hear()
    home.settle()


def refused_by(home: Live) -> list[str]:
    assert started_releases(home) == []
    record = home.trail()[-1]
    assert record.action == "command.refused"
    return list(record.details["rules"])


def test_the_front_starts_no_release_for_an_application_without_its_token(home: Live) -> None:
    add_row(home, None)
    assert refused_by(home) == ["proof-is-given"]


def test_the_token_of_another_application_starts_nothing_and_is_recorded_as_that_applications(home: Live) -> None:
    add_row(home, token(home, OTHER))
    assert refused_by(home) == ["may-order-it"]
    assert home.trail()[-1].actor == f"app:{OTHER}"


def test_a_persons_token_and_a_made_up_token_start_nothing(home: Live) -> None:
    provider = home.app.ports.provider()
    assert isinstance(provider, MemoryProvider)
    for bearer in (provider.access_token(OLGA, at=home.now), "made.up.token"):
        add_row(home, bearer)
        assert refused_by(home) == ["proof-holds"]


def test_a_token_is_kept_nowhere(home: Live) -> None:
    bearer = token(home, OTHER)
    add_row(home, bearer)
    home.app.inbox_writer.say(
        "shop",
        InboxRow(
            kind=InboxKind.COMMAND,
            said=home.app.inbox_writer.statement(CommandRequest(verb=Verb.CREATE, application="shop")).evolve(
                application="cart"
            ),
            token=bearer,
            speaker=Speaker(name="app:x", via=Via.API),
        ),
    )  # parked, because it is in the wrong partition
    home.hear()
    rows = str(vars(home.table))
    assert "command.refused" in rows
    assert "input.parked" in rows
    assert bearer not in rows
