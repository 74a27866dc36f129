"""The pipeline whose runs count for an application: ids decide where they are known, otherwise names."""

from typing import Any

import pytest

from slipway.domain.pipeline import Pipeline
from slipway.testing.runs import proved_run
from tests.unit.domain.samples import MORNING

ID, OTHER = "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79", "00000000-33f1-4b0c-8a1b-2f3d4c5b6a79"
RUN: dict[str, Any] = {
    "organization": "contoso",
    "project": "Shop",
    "project_id": ID,
    "pipeline": "build",
    "folder": "\\",
    "definition": 7,
    "id": 1,
    "number": "1",
    "result": "succeeded",
    "finished_at": MORNING,
}
BY_ID = Pipeline(organization="contoso", project="Shop", project_id=ID, name="build", definition=7)
BY_NAME = Pipeline(project="Shop", name="build")


def made(pipeline: Pipeline, /, **run: Any) -> bool:
    return pipeline.owns(proved_run(**(RUN | run)))


@pytest.mark.parametrize("pipeline", [BY_ID, BY_NAME])
def test_a_run_of_the_pipeline_counts_whatever_the_case_of_letters(pipeline: Pipeline) -> None:
    assert made(pipeline)
    assert made(pipeline, organization="Contoso", project="SHOP", project_id=ID.upper(), pipeline="Build")


@pytest.mark.parametrize(
    "changed",
    [{"organization": "fabrikam"}, {"project_id": OTHER}, {"definition": 8}],
    ids=["organization", "a project of the same name", "a pipeline of the same name"],
)
def test_where_ids_are_given_an_equal_name_is_not_enough(changed: dict[str, Any]) -> None:
    assert not made(BY_ID, **changed)


@pytest.mark.parametrize("renamed", [{"pipeline": "shop build"}, {"folder": "\\moved"}, {"project": "Web shop"}])
def test_a_renamed_pipeline_keeps_its_runs_where_ids_are_given(renamed: dict[str, Any]) -> None:
    assert made(BY_ID, **renamed)


@pytest.mark.parametrize(
    ("name", "folder", "counts"),
    [
        ("build", "\\", True),
        ("build", "\\team-b", False),
        ("team-b\\build", "\\team-b", True),
        ("team-b/build", "\\Team-B", True),
        ("\\team-b\\build", "\\team-b\\", True),
        ("team-b\\build", "\\", False),
        ("team-a\\team-b\\build", "\\team-b", False),
        ("team-b\\build", "", True),
    ],
)
def test_a_pipeline_name_counts_only_in_its_own_folder_where_the_folder_is_known(
    name: str, folder: str, counts: bool
) -> None:
    assert made(Pipeline(project="Shop", name=name), folder=folder) is counts


def test_a_run_without_ids_counts_by_its_names_for_a_pipeline_that_is_given_by_ids() -> None:
    assert made(BY_ID, project_id="", definition=None, folder="")
    assert made(BY_NAME, project=ID, project_id=ID) is False
    assert made(Pipeline(project=ID, name="build"), project="Shop")
