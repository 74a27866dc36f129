"""Mistakes in an application are reported where they are made, and harm no other application."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.situations.kit import Installation, check, shop

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]


@pytest.mark.parametrize(
    ("glob", "tag"), [("{main,dev}-*", "main-1"), ("v{1,2}.*", "v1.0"), ("release/**", "release-1")]
)
def test_a_glob_means_what_it_looks_like_or_is_refused(install: Install, tmp_path: Path, glob: str, tag: str) -> None:
    application = shop(approvers=(), tags={"glob": glob})
    result = check(application, tmp_path / "checked")
    if result.refused:
        assert "versions.tags" in result.text
        return
    installation = install(application)
    installation.push(tag)
    installation.settle()
    assert installation.live("production") == tag


@pytest.mark.parametrize("host", ["ci.azurecr.io", "ghcr.io", "nonprod.test"])
def test_a_repository_with_a_registrys_host_is_refused_where_it_is_written(tmp_path: Path, host: str) -> None:
    result = check(shop(repository=f"{host}/team/shop"), tmp_path)
    lines = [line for line in result.text.splitlines() if "image.repository" in line]
    assert lines
    assert host in lines[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("application: blog\n", "is missing"),
        ("application: [\n", "not valid YAML"),
        ("application: shop\nproject: team\n", "is missing"),
        ("", "expected"),
    ],
    ids=["incomplete", "no YAML", "another's name", "empty"],
)
def test_one_broken_application_leaves_the_other_applications_as_they_were(
    install: Install, text: str, problem: str
) -> None:
    installation = install(shop(approvers=()), broken={"blog": text})
    assert problem in installation.refused["blog"]
    installation.push("v1")
    installation.settle()
    assert installation.live("production") == "v1"
