"""Runs of CI pipelines: which count, how they name their image, and what their messages hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.situations.kit import ADA, Installation, check, image, shop

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]
PARTIAL = "partiallySucceeded"


def test_a_partially_succeeded_run_counts_where_the_team_says_so_and_the_plan_shows_it(
    install: Install, tmp_path: Path
) -> None:
    application = shop(start="both", results=("succeeded", PARTIAL))
    result = check(application, tmp_path / "checked")
    assert not result.refused, result.text
    installation = install(application)
    installation.push("v1")
    installation.run_ended("v1", result=PARTIAL)
    installation.settle()
    assert installation.release().phase == "awaiting_approval"
    assert "partially" in installation.page(ADA).text.casefold()


@pytest.mark.parametrize("number", ["1.2.3+abc", "Release 1.2 (main)", "20261128.1 • fix", ".1", "main/20261128"])
def test_a_run_whose_name_is_not_a_tag_is_reported_in_plain_words(install: Install, number: str) -> None:
    installation = install(shop(start="run"))
    installation.run_ended(number)
    installation.settle()
    reasons = installation.reasons()
    assert not [reason for reason in reasons if "pydantic" in reason or "validation error" in reason]
    assert [reason for reason in reasons if number in reason and "tag" in reason]


def test_a_run_whose_name_is_too_long_for_a_tag_is_reported_in_plain_words(install: Install) -> None:
    installation = install(shop(start="run"))
    installation.run_ended("x" * 200)
    installation.settle()
    assert installation.parked_reasons() == []
    assert [reason for reason in installation.recorded_reasons() if "tag of at most 128 characters" in reason]


@pytest.mark.parametrize(
    "other_run",
    [{"folder": "\\team-b", "definition": 99}, {"organization": "fabrikam"}],
    ids=["another folder", "another organization"],
)
def test_a_run_of_another_pipeline_of_the_same_name_does_not_count(install: Install, other_run: dict[str, Any]) -> None:
    installation = install(shop(start="both"))
    installation.push("v1")
    installation.run_ended("v1")
    installation.settle()
    installation.push("v2")
    installation.run_ended("v2", **other_run)
    installation.settle()
    assert installation.release(2).phase == "joining"


def test_a_run_of_a_renamed_pipeline_counts_or_says_that_the_pipeline_was_renamed(install: Install) -> None:
    installation = install(shop(start="both"))
    installation.push("v1")
    installation.run_ended("v1")
    installation.settle()
    installation.push("v2")
    installation.run_ended("v2", pipeline="shop build")
    installation.settle()
    hints = [reason for reason in installation.reasons() if "rename" in reason or "calls itself" in reason]
    assert installation.release(2).phase == "awaiting_approval" or hints


@pytest.mark.parametrize("seconds", [2, 20, 300])
def test_a_run_that_names_its_image_by_digest_is_joined_when_the_push_comes_later(
    install: Install, seconds: int
) -> None:
    installation = install(shop(start="both"))
    artifact = image("A")
    installation.run_message("20261128.1", image={"digest": artifact.digest})
    installation.settle()
    installation.wait(seconds=seconds)
    installation.push("v1", artifact)
    installation.settle()
    assert installation.release().phase == "awaiting_approval"


@pytest.mark.parametrize("result", ["Succeeded", "SucceededWithIssues", "Failed", "Canceled"])
def test_the_value_of_agent_jobstatus_is_understood_as_a_result(install: Install, result: str) -> None:
    installation = install(shop(start="both"))
    installation.push("v1")
    installation.settle()
    installation.run_message("v1", result=result, image={"tag": "v1"})
    installation.settle()
    awaits_approval = installation.release().phase == "awaiting_approval"
    assert (installation.parked_reasons(), awaits_approval) == ([], result == "Succeeded")


@pytest.mark.parametrize("empty", ["digest", "tag"])
def test_an_empty_value_in_a_runs_message_counts_as_missing(install: Install, empty: str) -> None:
    installation = install(shop(start="both"))
    artifact = image("A")
    installation.push("v1", artifact)
    installation.settle()
    installation.run_message("v1", image={"digest": artifact.digest, "tag": "v1", empty: ""})
    installation.settle()
    assert installation.release().phase == "awaiting_approval"


@pytest.mark.parametrize(("field", "variable"), [("digest", "imageDigest"), ("tag", "imageTag")])
def test_a_variable_that_was_not_set_in_the_pipeline_is_named(install: Install, field: str, variable: str) -> None:
    installation = install(shop(start="both"))
    installation.run_message("v1", image={"tag": "v1", field: f"$({variable})"})
    installation.settle()
    assert [reason for reason in installation.reasons() if variable in reason and "not set" in reason]
