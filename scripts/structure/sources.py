"""The Python files of a checkout, parsed once."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

PRODUCT = ("slipway", "functions")
"""The code that runs in Azure. The figures of names, words and tables are about these folders."""
FOLDERS = (*PRODUCT, "local", "bench", "scripts", "tests")
NOT_OURS = {"node_modules", "__pycache__"}


@dataclass(frozen=True)
class Module:
    """One file. `path` is relative to the checkout, with slashes."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @cached_property
    def comments(self) -> list[str]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [token.string for token in tokens if token.type == tokenize.COMMENT]

    @property
    def top(self) -> str:
        return self.path.parts[0]

    @property
    def folder(self) -> str:
        return folder_of(self.path)


def folder_of(path: PurePosixPath) -> str:
    """The package that a file counts for: two levels deep in `slipway`, the first level everywhere else."""
    if len(path.parts) == 1:
        return "."
    return "/".join(path.parts[:-1][:2]) if path.parts[0] == "slipway" else path.parts[0]


def modules_of(root: Path) -> list[Module]:
    return sorted(_modules_of(root), key=lambda module: module.path)


def _modules_of(root: Path) -> Iterator[Module]:
    files = [*root.glob("*.py"), *(file for folder in FOLDERS for file in (root / folder).rglob("*.py"))]
    for file in files:
        path = PurePosixPath(file.relative_to(root).as_posix())
        if NOT_OURS.isdisjoint(path.parts):
            yield Module(path, file.read_text(encoding="utf-8"))


def product(modules: list[Module]) -> list[Module]:
    return [module for module in modules if module.top in PRODUCT]
