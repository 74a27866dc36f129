"""Files, folders and modules that docs, docstrings and comments name have to exist."""

import ast
import io
import posixpath
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.telemetry.names import Attribute, Metric

ROOT = Path(__file__).resolve().parents[2]
TOP_FOLDERS = "slipway|functions|local|tests|scripts|bench|infra|pipelines|docs|examples|tools|deliveries"
KINDS = "py|md|toml|bicep|yaml|yml|json|sh|html|css|in|txt|kql"
FILE_NAME = re.compile(
    r"(?<![\w./:@{}<>*…-])"
    rf"((?:[\w.-]+/)+[\w.-]+\.(?:{KINDS})|(?:{TOP_FOLDERS})/(?:[\w.-]+/)*|[a-z_]+\.(?:py|md))"
    r"(?![\w/{}<>*…$-])"
)
MODULE = re.compile(r"(?<![\w./-])((?:slipway|functions|local|scripts|bench)(?:\.[a-z_]+)+)(?![\w/(.-])")
SIGNALS = frozenset(str(name) for names in (Attribute, Metric) for name in names)
"""Metrics and attributes of telemetry, which are written like modules."""
NOT_OF_THE_REPOSITORY = {
    ".local/stack.json": "`make up` writes it",
    **dict.fromkeys(
        ("../cart/deploy/values.yaml", "../cart/deploy/environments/production/values.yaml"), "`slipway new` writes it"
    ),
    ".vscode/application.schema.json": "a user writes it",
    "bench/results.json": "`make bench` writes it",
    "deploy/application.yaml": "a user's file",
    "deploy/manifests/service.yaml": "a user's file",
    "environments/staging/service.yaml": "a file of a bundle",
    "staging/deployment.yaml": "a file of the guide's bundle",
    "staging/verification/acceptance.yaml": "a file of the guide's bundle",
    "production/deployment.yaml": "a file of the guide's bundle",
    **dict.fromkeys(
        ("before/01-backup.yaml", "before/02-migrate.yaml", "after/warm-cache.yaml"), "a file of the guide's bundle"
    ),
    **dict.fromkeys(
        ("production/patches/replicas.yaml", "production/quota.yaml"), "a file of a bundle that is rendered"
    ),
    "jobs/migrate.yaml": "a user's file",
    "local.settings.json": "Core Tools' file, which a user writes",
    "slipway.json": "`slipway bundle push` writes it",
    "PWD/slipway.json": "`slipway bundle push` writes it",
    "slipway.contoso.com": "an installation's name",
    "shop/application.yaml": "a user's file",
    "shop/manifests/service.yaml": "a user's file",
    "verifier.py": "the guide's reader writes it",
}


def tracked_files() -> frozenset[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return frozenset(name for name in names if (ROOT / name).exists())


FILES = tracked_files()
FOLDERS = frozenset(str(folder) for name in FILES for folder in Path(name).parents)
ENDS = frozenset(
    "/".join(parts[n:]) for parts in (name.split("/") for name in FILES | FOLDERS) for n in range(len(parts))
)
"""Endings of the paths of all files and folders."""


def exists(name: str, page: str) -> bool:
    """Whether it is a file or a folder: from the root, from a folder above the page, or by the end of its path."""
    path = name.rstrip("/")
    for folder in (*Path(page).parents, Path()):
        candidate = posixpath.normpath(f"{folder}/{path}")
        if candidate in FILES or candidate in FOLDERS:
            return True
    return path in ENDS


def is_module(dotted: str) -> bool:
    """A module, or something in one: `slipway.bootstrap.App` is named by its module."""
    parts = dotted.split(".")
    return any(
        f"{'/'.join(parts[:length])}{end}" in FILES
        for length in range(len(parts), max(len(parts) - 2, 1), -1)
        for end in (".py", "/__init__.py")
    )


def prose(page: str, source: str) -> Iterator[str]:
    """All of a page; of code its comments, its docstrings, and the strings below a name that document it."""
    if page.endswith(".md"):
        yield source
        return
    if "#" in source:  # looking for comments takes longer than everything else here
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def missing(page: str, source: str) -> list[str]:
    """The code is parsed only if a name is missing anywhere in its text: parsing takes twenty times as long."""
    if not _missing_in(page, source):
        return []
    return [name for text in prose(page, source) for name in _missing_in(page, text)]


def _missing_in(page: str, text: str) -> list[str]:
    names = [name for name in FILE_NAME.findall(text) if not exists(name, page)]
    names += [name for name in MODULE.findall(text) if name not in SIGNALS and not is_module(name)]
    return [name for name in names if name not in NOT_OF_THE_REPOSITORY]


def pages() -> list[str]:
    return sorted(
        name
        for name in FILES
        if name.endswith(".py") or (name.endswith(".md") and (name.startswith("docs/") or "/" not in name))
    )


@pytest.mark.parametrize(
    "text",
    [
        "see `decide/soaking.py`",
        "in slipway/nowhere/gate.py",
        "(../how-to/no-such.md)",
        "of `slipway/nowhere/`",
        "`slipway.nowhere.gate` has it",
    ],
)
def test_a_name_of_a_missing_file_is_found(text: str) -> None:
    assert missing("docs/explanation/page.md", text)
    assert missing("slipway/domain/gate.py", f'"""{text}"""')
    assert missing("slipway/domain/gate.py", f"x = 1  # {text}")


def test_every_named_file_folder_and_module_exists() -> None:
    assert len(pages()) > 300
    missing_names = {
        f"{page}: {name}"
        for page in pages()
        if page != "CHANGELOG.md"  # it names what there was
        for name in missing(page, (ROOT / page).read_text(encoding="utf-8"))
        if page != "tests/docs/test_named_files.py"
    }
    assert missing_names == set()


def test_names_listed_as_outside_the_repository_are_not_in_it() -> None:
    assert not NOT_OF_THE_REPOSITORY.keys() & FILES
