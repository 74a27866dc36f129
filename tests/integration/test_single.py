"""Front and worker in one app, as a small installation runs them: the same protocol, the same way to production."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.person import Approver, PageRefused
from local.stack import Stack, StackOptions, azurite
from slipway.bootstrap.roles import AppRole
from tests.integration.system import APPLICATIONS, PROJECT, System, write_application

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("single")]
NAME = "votes"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("single")
    write_application(folder / "team", NAME, APPLICATIONS[NAME])
    (folder / "team" / "project.yaml").write_text(PROJECT)
    with Stack(StackOptions(folder=folder / "stack", apply=folder / "team", single=True)) as stack:
        system = System(stack)
        yield system
        system.close()


def test_the_single_host_has_the_settings_of_front_and_worker(system: System) -> None:
    assert [host.name for host in system.stack.hosts] == ["single-0"]
    assert system.stack.workers == []
    settings = json.loads(Path(system.stack.folder, "single-0.settings.json").read_bytes())["Values"]
    assert "SLIPWAY_SIGNING_KEYS" in settings
    assert "SLIPWAY_HOOK_SECRETS" in settings
    assert AppRole(settings.get("SLIPWAY_ROLE", "single")) is AppRole.SINGLE


def test_a_vote_by_link_goes_by_the_inbox_and_brings_the_release_to_production(system: System) -> None:
    application = system.application(NAME)
    release = application.waiting("1.0.0")
    link = system.approval_link(release)
    Approver().decide(link, "approve", "seen in staging")
    application.reached("release.completed", tag="1.0.0")
    (vote,) = [record for record in application.records() if record["action"].startswith("vote.")]
    assert (vote["action"], vote["actor"], vote["details"]["channel"]) == ("vote.approved", "ada@example.com", "link")
    assert vote["inbox"]
    with pytest.raises(PageRefused, match="no form"):
        Approver().decide(link, "approve")
