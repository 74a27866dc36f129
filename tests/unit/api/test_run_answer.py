"""What the API says of a release's CI run."""

import json
from pathlib import Path

import pytest

from slipway.api.releases import ReleaseAnswer, ReleaseWithProgress
from slipway.domain.release import Phase
from slipway.testing import Installation, write_application


@pytest.fixture
def both(tmp_path: Path) -> Installation:
    write_application(tmp_path / "deliveries", start="both")
    return Installation(tmp_path / "deliveries")


def test_a_run_is_answered_with_what_is_known_of_it_and_an_address_made_from_its_ids(
    both: Installation,
) -> None:
    both.push("1.0")
    both.run("1.0", organization="contoso", project_id="an id", id=7)
    release = both.release(1)
    assert release.phase is not Phase.JOINING
    sent = json.loads(ReleaseAnswer.of(release).model_dump_json())["run"]
    assert sent["url"] == "https://dev.azure.com/contoso/an%20id/_build/results?buildId=7"
    assert {sent[fact]["trust"] for fact in ("proof", "built")} == {"proved"}
    assert sent["behind"]["trust"] == "not-proved"


def test_an_answer_is_read_again_as_it_was_sent(both: Installation) -> None:
    both.push("1.0")
    both.run("1.0")
    sent = ReleaseWithProgress.of_release(both.release(1), None)
    assert ReleaseWithProgress.model_validate_json(sent.model_dump_json()) == sent
