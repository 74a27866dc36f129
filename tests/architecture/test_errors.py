"""No code catches an exception that a bug raises as if it were an answer: it belongs in the log, with its traceback."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUGS = frozenset({"AssertionError", "KeyError", "LookupError", "IndexError", "AttributeError", "NameError"})
READERS_OF_FOREIGN_DATA = frozenset(
    {
        "slipway/cli/api.py",  # a problem that may come from a proxy
        "slipway/cli/azure_devops.py",  # Azure DevOps' error document
        "slipway/cli/vote_tokens.py",  # a token that a person pasted
        "slipway/catalogue/windows.py",  # dateutil, of a rule that somebody wrote
        "slipway/effects/registry/_answers.py",  # a registry's error document
        "slipway/effects/registry/_credentials.py",  # a registry's JWT
        "slipway/effects/registry/_manifest.py",  # a manifest of an unknown type
    }
)
"""Each of them parses foreign text on the spot, where these errors mean that the text is malformed."""


def caught_names(source: str) -> Iterator[str]:
    """The names in `except …` and `suppress(…)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            types = node.args
        else:
            continue
        yield from (ast.unparse(name) for name in types)


def product() -> list[Path]:
    return sorted([*(ROOT / "slipway").rglob("*.py"), *(ROOT / "functions").rglob("*.py"), ROOT / "function_app.py"])


@pytest.mark.parametrize(
    "source",
    [
        "try: f()\nexcept KeyError: pass",
        "try: f()\nexcept (ValueError, IndexError) as e: pass",
        "with suppress(LookupError): f()",
        "with contextlib.suppress(ValueError, AttributeError): f()",
    ],
)
def test_every_way_of_catching_a_bug_is_seen(source: str) -> None:
    assert BUGS & set(caught_names(source))


def test_only_readers_of_foreign_data_catch_errors_that_a_bug_could_raise() -> None:
    assert len(product()) > 100
    texts = {path: path.read_text(encoding="utf-8") for path in product()}
    catching = {
        str(path.relative_to(ROOT))
        for path, text in texts.items()
        if any(bug in text for bug in BUGS) and BUGS & set(caught_names(text))
    }
    assert catching == READERS_OF_FOREIGN_DATA
