"""The pages of the catalogue: what is in force, what is wrong with it, and who applied each version, when and why."""

from pathlib import Path

import pytest

from slipway.commands.saying import StatementReceipt
from slipway.domain.errors import NotFound
from slipway.testing import write_application
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


def test_a_version_shows_its_reason_and_changes_and_escapes_them(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    live.apply(reason="the nodes are slow")
    page = versions(live)
    assert page.index("Version 2, in force") < page.index("Version 1")
    assert "the nodes are slow" in page
    assert "environments.staging.rollout_within: 5m → 7m" in page
    assert "the &lt;b&gt;first&lt;/b&gt;" in page


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
