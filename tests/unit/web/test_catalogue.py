"""The pages of the catalogue: what is in force, what is wrong with it, and who applied each version, when and why."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.commands.saying import StatementReceipt
from slipway.domain.errors import NotFound
from slipway.domain.inbox import Speaker, Via
from slipway.testing import MORNING, write_application
from slipway.testing.sign_in import person
from slipway.web import outcome
from slipway.web.catalogue import show_catalogue, show_versions
from tests.unit.commands.live import Live
from tests.unit.web.visitors import visitor

READER = visitor("ada@example.com")


@pytest.fixture
def live(tmp_path: Path) -> Live:
    folder = tmp_path / "team"
    write_application(folder)
    installation = Live(folder)
    installation.apply(reason="the <b>first</b>")
    return installation


def catalogue_html(live: Live) -> str:
    return show_catalogue(live.app.live_catalogue, live.app.proposals, READER).body.decode()


def versions(live: Live, kind: str = "application", name: str = "shop") -> str:
    return show_versions(live.app.live_catalogue, live.app.versions, kind, name, READER).body.decode()


def test_everything_in_force_is_listed_and_leads_to_its_versions(live: Live) -> None:
    page = catalogue_html(live)
    assert 'href="/catalogue/application/shop"' in page
    assert 'href="/catalogue/project/team"' in page
    assert "Stalled" not in page


def test_a_stalled_application_says_why(live: Live) -> None:
    live.without("channels", "inbox")
    for page in (catalogue_html(live), versions(live)):
        assert "Stalled" in page
        assert "notify[0]: expected a channel of this installation" in page


def test_a_version_shows_who_applied_it_when_and_why_and_what_it_changed_all_escaped(live: Live) -> None:
    live.wait(timedelta(hours=3))
    probe = {"service": "shop", "path": "/healthz", "contains": "<i>ok</i>"}
    verification = {"job": "verify/acceptance.yaml", "http": [probe], "within": "5m"}
    live.edit_environment("staging", rollout_within="7m", verification=verification)
    bold = Speaker(oid=person(8, "Otto").oid, name="<b>otto</b>@example.com", roles=("platform",), via=Via.CLI)
    live.apply(bold, reason="the nodes are slow")
    page = versions(live)
    second, first = page[page.index("Version 2, in force") :].split("Version 1", 1)
    for version, at, by, reason in (
        (second, MORNING + timedelta(hours=3), "&lt;b&gt;otto&lt;/b&gt;@example.com", "the nodes are slow"),
        (first, MORNING, "olga@example.com", "the &lt;b&gt;first&lt;/b&gt;"),
    ):
        assert f'datetime="{at:%Y-%m-%dT%H:%MZ}"' in version
        assert f"<dt>By</dt><dd><bdi>{by}</bdi></dd>" in version
        assert f"<dt>Why</dt><dd><bdi>{reason}</bdi></dd>" in version
    assert "environments.staging.rollout_within: 5m → 7m" in second
    assert "&lt;i&gt;ok&lt;/i&gt;" in second


def test_an_installation_without_anything_says_how_to_begin(tmp_path: Path) -> None:
    write_application(tmp_path)
    assert "Nothing is applied yet" in catalogue_html(Live(tmp_path))


@pytest.mark.parametrize(("kind", "name"), [("application", "cart"), ("other", "shop"), ("application", "../x")])
def test_an_unknown_document_is_not_found(live: Live, kind: str, name: str) -> None:
    with pytest.raises(NotFound):
        versions(live, kind, name)


def test_a_change_is_followed_until_it_is_made_or_refused_with_the_reason(live: Live) -> None:
    def page(receipt: object) -> str:
        assert isinstance(receipt, StatementReceipt)
        return outcome.show_outcome(live.app.answers, receipt.partition, receipt.id, READER).body.decode()

    live.edit_environment("staging", rollout_within="7m")
    first = live.say()
    live.edit_environment("staging", rollout_within="9m")
    second = live.say()
    assert "Received" in page(first)
    live.hear()
    assert "application:shop</bdi>: version 2 changed" in page(first)
    assert 'href="/catalogue"' in page(first)
    assert "It did not take effect" in page(second)
    assert "starts-from-what-is-in-force" in page(second)
