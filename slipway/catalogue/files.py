"""The files that lie beside an application's document and belong to it: manifests, Jobs, keys, holidays.

They are kept in memory. On a laptop `finding.py` collects them from a folder; in the app they come from the stored
version. So their readers cannot leave the folder, whatever path a document names.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..manifests.documents import Document, read_with_problems
from ..manifests.problems import ConfigError, Problem

MOST_FILES: Final = 500
LARGEST: Final = 2 * 1024 * 1024
"""Bytes of all files of one application together."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """Text files by their path, relative to the document that names them."""

    document: str
    """Name of that document in messages, such as `shop/application.yaml`."""
    contents: Mapping[str, str] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    """Files that exist but could not be read; their problems are reported elsewhere."""

    def shown(self, path: str) -> str:
        """The path as problems name it: `shop/manifests/service.yaml`."""
        return posixpath.join(posixpath.dirname(self.document), path)

    def text(self, path: str) -> str | None:
        """The content of a file; None if there is none, or if the path leads out of the folder."""
        inside_path = path_inside(path)
        return self.contents.get(inside_path) if inside_path else None

    def below(self, folder: str) -> tuple[str, ...]:
        """Paths of all files in the folder and in the folders inside it, in order."""
        prefix = f"{path_inside(folder)}/"
        return tuple(sorted(path for path in self.contents if prefix == "./" or path.startswith(prefix)))

    def read(self, path: str) -> tuple[Document, ...]:
        """All non-empty documents of a YAML file, each with its problems. Raises ConfigError if there is no such
        file."""
        text = self.text(path)
        if text is None:
            raise ConfigError([Problem(file=self.shown(path), message="there is no such file")])
        return read_with_problems(text.encode(), name=self.shown(path))


def path_inside(path: str) -> str | None:
    """The path in its shortest form; None if it leads out of the folder that it is relative to."""
    if path.startswith("/") or "\\" in path or "\0" in path:
        return None
    normal = posixpath.normpath(path)
    return None if normal == ".." or normal.startswith("../") else normal
