"""Search in the trail: an address shows the same to all, pages go on, wrong filters are named, downloads agree."""

import csv
import html
import io
import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from slipway.domain.actions import Action
from slipway.domain.audit_query import ActionClass, AuditQuery
from slipway.domain.export import ExportFormat
from slipway.inbound import BadInput
from slipway.testing import ADA
from slipway.testing.chains import signed_anew
from slipway.web.audit import PAGE, download, show_audit
from tests.unit.domain.records import record
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import SAMPLES, after_the_vote
from tests.unit.web.visitors import DORA


@pytest.fixture(scope="module")
def home() -> ScriptedInstallation:
    return after_the_vote()[0]


def page(home: ScriptedInstallation, **parameters: str) -> str:
    return show_audit(home.app.trail, home.app.catalogue, parameters, DORA).body.decode()


def sequences(body: str) -> list[int]:
    return [int(number) for number in re.findall(r'<span class="note">hello (\d+)</span>', body)]


def test_pages_lead_from_the_newest_record_to_the_first(home: ScriptedInstallation) -> None:
    shown_numbers, body = list[int](), page(home)
    while True:
        shown_numbers += sequences(body)
        older = re.search(r'class="older"><a class="button" href="([^"]+)"', body)
        if older is None:
            break
        body = page(home, **dict(parse_qsl(urlsplit(html.unescape(older[1])).query)))
    assert shown_numbers == list(range(home.app.ledger.head("hello").sequence, 0, -1))


def test_a_search_is_read_from_the_address_and_empty_fields_filter_nothing(home: ScriptedInstallation) -> None:
    body = page(home, actor=ADA, environment="production", release=" ", to="")
    assert "<code>vote.approved</code>" in body
    assert "<code>plan.made</code>" not in body
    assert f'value="{ADA}"' in body


WRONG = [
    ({"digest": "sha256:xyz"}, "digest"),
    ({"from": "yesterday"}, "from"),
    ({"from": "2026-11-23", "to": "2026-11-20"}, "from"),
    ({"from": "2001-01-01", "to": "2099-01-01"}, "from"),
    ({"application": "' or PartitionKey ne '"}, "application"),
    ({"after": "bm90IGEgdG9rZW4"}, "after"),
    ({"colour": "red"}, "'colour'"),
    ({"application": "shpo"}, "application"),
    ({"environment": "moon"}, "environment"),
    ({"release": "hello-99"}, "release"),
]


@pytest.mark.parametrize(("parameters", "field"), WRONG)
def test_a_wrong_filter_is_named_and_the_form_stays_filled(
    home: ScriptedInstallation, parameters: dict[str, str], field: str
) -> None:
    answer = show_audit(home.app.trail, home.app.catalogue, {**parameters, "actor": ADA}, DORA)
    body = answer.body.decode()
    assert answer.status == 400
    assert f"{field}: expected" in html.unescape(body)
    assert f'value="{ADA}"' in body
    with pytest.raises(BadInput) as refused:
        download(home.app.trail, parameters, ExportFormat.CSV)
    assert refused.value.field == field


def test_a_token_of_another_search_is_refused(home: ScriptedInstallation) -> None:
    token = home.app.trail.page(AuditQuery(), limit=3).next
    assert token is not None
    assert show_audit(home.app.trail, home.app.catalogue, {"actor": ADA, "after": token}, DORA).status == 400


def test_a_download_holds_the_records_that_the_page_shows(home: ScriptedInstallation) -> None:
    on_page = sequences(page(home))
    lines = [json.loads(line) for line in download(home.app.trail, {}, ExportFormat.JSONL).body.decode().splitlines()]
    rows = list(csv.DictReader(io.StringIO(download(home.app.trail, {}, ExportFormat.CSV).body.decode())))
    assert [line["sequence"] for line in lines] == on_page
    assert [int(row["sequence"]) for row in rows] == on_page
    assert len(on_page) == PAGE
    answer = download(home.app.trail, {}, ExportFormat.CSV)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="slipway-audit.csv"'


def test_every_action_and_every_class_is_offered_to_filter_by(home: ScriptedInstallation) -> None:
    offered = re.findall(r'<option value="([^"]+)"', page(home))
    assert {*Action, *ActionClass} <= set(offered)


@pytest.mark.parametrize(
    ("action", "look", "phrase"),
    [
        ("anchor.contradicted", "bad-word", "An anchor names a record that the chain does not hold"),
        ("gate.anchored", "quiet-word", "The gate's outcome was anchored where it cannot be changed"),
        ("canary.begun", "asks-word", "Unknown action 'canary.begun', written by a newer version"),
    ],
)
def test_tampering_and_unknown_actions_do_not_look_like_routine(action: str, look: str, phrase: str) -> None:
    home = ScriptedInstallation()
    home.app.index.write([signed_anew(record(1, 0, action))])
    body = html.unescape(page(home))
    assert f'<strong class="{look}">{phrase}' in body
    assert f"<code>{action}</code>" in body


def test_a_changed_record_is_marked_on_the_page_and_in_exports() -> None:
    home = ScriptedInstallation()
    genuine = signed_anew(record(1, 0, "gate.passed"))
    home.app.index.write([genuine.evolve(actor="mallory")])
    body = html.unescape(page(home))
    assert '<strong class="bad-word">This record proves nothing</strong>' in body
    assert "its content does not match its hash" in body
    assert "mallory" not in body
    (line,) = [json.loads(line) for line in download(home.app.trail, {}, ExportFormat.JSONL).body.decode().splitlines()]
    assert line["damaged"].startswith("its content does not match")
    (row,) = csv.DictReader(io.StringIO(download(home.app.trail, {}, ExportFormat.CSV).body.decode()))
    assert (row["action"], row["actor"]) == ("damaged", "")


def test_a_search_without_results_says_so_and_what_to_do() -> None:
    searched = SAMPLES["audit-nothing"]().body.decode()
    assert "No record matches" in searched
    assert "Clear a field to widen the search." in searched
    unsearched = page(ScriptedInstallation())
    assert "The trail begins with the first image that is pushed." in unsearched
    assert "Clear a field" not in unsearched
