"""Import contracts that list modules one by one have to list all of them: one that is left out may import anything."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"approvals", "changes", "health", "operate", "pages", "saying", "shared", "signing_in"}
"""The triggers that answer with pages, and the parts that all triggers share."""
WORKER = {"queues", "timers"}
"""The triggers of the worker, which reaches the clusters."""
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


@pytest.mark.parametrize(
    ("contract", "exceptions"),
    [("The API imports nothing of the pages", PAGES), ("What answers people and hooks knows no way", WORKER)],
)
def test_every_trigger_is_in_the_contract_or_named_as_an_exception(contract: str, exceptions: set[str]) -> None:
    (modules,) = (entry["source_modules"] for entry in CONTRACTS if entry["name"].startswith(contract))
    triggers = {path.stem for path in (ROOT / "functions").glob("*.py")} - {"__init__"}
    bound = {name.removeprefix("functions.") for name in modules if name.startswith("functions.")}
    assert bound == triggers - exceptions


def test_every_effect_is_forbidden_to_the_command_or_named_as_allowed() -> None:
    (forbidden,) = (entry["forbidden_modules"] for entry in CONTRACTS if entry["name"].startswith("The command knows"))
    effects = {path.name for path in (ROOT / "slipway" / "effects").iterdir() if (path / "__init__.py").exists()}
    denied = {name.removeprefix("slipway.effects.") for name in forbidden if name.startswith("slipway.effects.")}
    assert denied == effects - {"identity", "registry"}


def imported_libraries(source: str) -> set[str]:
    """The top modules of the absolute imports that are not of the standard library."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


def test_the_domain_imports_no_library_but_pydantic_and_rfc8785() -> None:
    assert imported_libraries("import jwt.api\nfrom ..text import x\nfrom httpx import get\nimport re") == {
        "jwt",
        "httpx",
    }
    modules = (ROOT / "slipway" / "domain").rglob("*.py")
    libraries = set[str]().union(*(imported_libraries(module.read_text(encoding="utf-8")) for module in modules))
    assert libraries == {"pydantic", "pydantic_core", "rfc8785"}
