"""The site: it is built without a warning, it loads nothing from elsewhere, and it holds the files that it links to."""

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from scripts.docs_site import MERMAID, ROOT, as_python_markdown, links_outside, source_page, with_links

LOADED = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="((?:https?:)?//[^"]+)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not MERMAID.exists():
        pytest.skip("the library for diagrams is not installed; `make docs-site` does it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert LOADED.findall(page.read_text(encoding="utf-8")) == [], page.name


def test_files_of_the_repository_are_pages_of_the_site(site: Path) -> None:
    assert "targetScope" in (site / "source/infra/main.bicep.html").read_text(encoding="utf-8")
    assert (site / "reference/application.schema.json").is_file()


def test_a_link_out_of_the_docs_leads_to_the_page_of_the_file() -> None:
    text = "[all of it](../../infra/main.bicep), [here](settings.md#x), [nowhere](../../no/such)"
    assert [link for link, _ in links_outside("how-to/page.md", text)] == ["../../infra/main.bicep"]
    assert with_links("how-to/page.md", text).startswith(
        "[all of it](../source/infra/main.bicep.md), [here](settings.md#x)"
    )


def test_a_file_with_fences_is_shown_whole() -> None:
    page = source_page(PurePosixPath("examples/hello-aks/README.md"))
    opening = next(line for line in page.splitlines() if line.startswith("````"))
    assert page.rstrip().endswith(opening.strip("abcdefghijklmnopqrstuvwxyz"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Three:\n- one\n- two\n", "Three:\n\n- one\n- two\n"),
        ("1. one\n   more\n", "1. one\n    more\n"),
        ("1. run\n   ```sh\n   make x\n     deep\n   ```\n", "1. run\n    ```sh\n    make x\n      deep\n    ```\n"),
        ("```text\na:\n- b\n   c\n```\n", "```text\na:\n- b\n   c\n```\n"),
        ("plain\ntext\n", "plain\ntext\n"),
    ],
)
def test_markdown_is_read_as_github_does(source: str, expected: str) -> None:
    assert as_python_markdown(source) == expected
