"""A project's demands on each environment, and its values for settings that the application leaves out."""

from typing import Any

import pytest

from slipway.domain.application import WrittenApplication
from slipway.domain.governing import breaches
from slipway.domain.project import Project

TESTED = {"http": [{"service": "shop"}]}


def application_with(verification: Any) -> WrittenApplication:
    environment = {"name": "live", "clusters": ["live"], "namespace": "shop", "verification": verification}
    return WrittenApplication.model_validate(
        {
            "application": "shop",
            "project": "team",
            "image": {"registry": "ci", "repository": "team/shop"},
            "environments": [environment],
        }
    )


def project(**fields: Any) -> Project:
    live = {"clusters": ["live"], "namespaces": ["shop"], **fields}
    return Project.model_validate({"project": "team", "repositories": ["team/*"], "environments": {"live": live}})


@pytest.mark.parametrize(
    ("fields", "verification", "refused"),
    [
        ({"class": "production"}, "none", True),
        ({"class": "production"}, {}, True),
        ({"class": "production"}, TESTED, False),
        ({"class": "production", "tests": "optional"}, "none", False),
        ({"class": "test"}, "none", False),
        ({"class": "test", "tests": "required"}, "none", True),
    ],
)
def test_an_environment_without_tests_is_refused_where_its_class_or_its_project_demands_some(
    fields: dict[str, Any], verification: Any, refused: bool
) -> None:
    on_verification = [
        breach
        for breach in breaches(application_with(verification), project(**fields))
        if "verification" in breach.field
    ]
    assert bool(on_verification) is refused
    assert all("`tests: optional`" in breach.expected for breach in on_verification)
