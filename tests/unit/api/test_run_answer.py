"""What the API says of a release's CI run."""

import json
from pathlib import Path

import pytest

from slipway.api.releases import ReleaseAnswer, ReleaseWithProgress
from slipway.domain.release import Phase
from slipway.testing import Installation, write_application


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    write_application(tmp_path / "deliveries", start="both")
    return Installation(tmp_path / "deliveries")


def test_a_run_is_answered_with_what_is_known_of_it_and_an_address_made_from_its_ids(
    installation: Installation,
) -> None:
    installation.push("1.0")
    installation.run("1.0", organization="contoso", project_id="an id", id=7)
    release = installation.release(1)
    assert release.phase is not Phase.JOINING
    run = json.loads(ReleaseAnswer.of(release).model_dump_json())["run"]
    assert run["url"] == "https://dev.azure.com/contoso/an%20id/_build/results?buildId=7"
    assert {run[fact]["trust"] for fact in ("proof", "built")} == {"proved"}
    assert run["behind"]["trust"] == "not-proved"


def test_an_answer_is_read_again_as_it_was_sent(installation: Installation) -> None:
    installation.push("1.0")
    installation.run("1.0")
    release = ReleaseWithProgress.of_release(installation.release(1), None)
    assert ReleaseWithProgress.model_validate_json(release.model_dump_json()) == release
