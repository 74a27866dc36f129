"""YAML files as plain values, with the line of each value.

The reader is safe against hostile files: it limits size, depth, nodes and characters after aliases are expanded, and
refuses tags other than YAML's own and duplicate keys. It builds plain data from PyYAML's nodes (`composing.py`) and
records the position of every value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .composing import MAX_DEPTH, PLAIN, TAG, compose
from .problems import ConfigError, Findings, Problem, Steps, dotted_path, short_value
from .scalars import is_ambiguous, plain

MAX_BYTES = 1536 * 1024
"""The largest file: the limit that etcd has for one object by default. Real definitions can be large."""
MAX_NODES = 100_000
MAX_CHARACTERS = 2 * 1024 * 1024

SINGLE_NAME = re.compile(r"\$\{[A-Z][A-Z0-9_]{0,63}\}")


@dataclass(frozen=True, kw_only=True)
class TextPosition:
    """Line and column, counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, kw_only=True)
class Document:
    """One YAML document: its value, and information that only the text has."""

    file: str
    """The name of the file in messages."""
    value: Any
    positions: Mapping[Steps, TextPosition]
    """The position of each value; for a mapping's entry, that of its key."""
    open_names: frozenset[Steps] = frozenset()
    """Scalars that consist of an unquoted `${NAME}`: the type of the replacement follows from its text."""
    ambiguous: Mapping[Steps, str] = field(default_factory=dict)
    """Unquoted `yes`, `off` and the like, kept as text."""
    problems: tuple[Problem, ...] = ()
    """Problems of the text that need not stop the reader, such as a duplicate key, of which `value` has the first. See
    `read_with_problems`."""

    def position(self, steps: Steps) -> TextPosition:
        """The position of the value, or else of the nearest enclosing value."""
        for end in range(len(steps), -1, -1):
            if steps[:end] in self.positions:
                return self.positions[steps[:end]]
        return TextPosition()

    def problem(self, steps: Steps, message: str = "", *, expected: str = "", got: str = "") -> Problem:
        """A problem with the value at these steps."""
        position = self.position(steps)
        return Problem(
            file=self.file,
            line=position.line,
            column=position.column,
            field=dotted_path(steps),
            expected=expected,
            got=got,
            message=message,
        )


def read_file(path: Path, *, name: str) -> tuple[Document, ...]:
    """All non-empty documents of a YAML file. Raises ConfigError, with `name` for the file."""
    return read_text(bytes_of(path, name=name), name=name)


def bytes_of(path: Path, *, name: str) -> bytes:
    """The content of a file, up to one byte more than the limit. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([Problem(file=name, message="there is no such file")]) from None
    except OSError as error:
        raise ConfigError([Problem(file=name, message=f"the file cannot be read: {error.strerror}")]) from None


def read_text(data: bytes, *, name: str) -> tuple[Document, ...]:
    """Like `read_file`, from bytes."""
    documents = read_with_problems(data, name=name)
    if problems := [problem for document in documents for problem in document.problems]:
        raise ConfigError(problems)
    return documents


def read_with_problems(data: bytes, *, name: str) -> tuple[Document, ...]:
    """The documents, each with its problems. Raises ConfigError only if the text cannot be divided into values."""
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(file=name, expected=f"at most {MAX_BYTES // 1024} KiB", got="a larger file")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = f"the byte 0x{data[error.start]:02x}"
        raise ConfigError([Problem(file=name, line=line, expected="text in UTF-8", got=byte)]) from None
    roots = compose(text, name=name)
    documents = [_Builder(name, Findings()).build(root) for root in roots]
    return tuple(document for document in documents if document.value is not None or document.problems)


class _Builder:
    """Turns one tree of nodes into a Document. For the limits, aliased nodes count each time they are used."""

    def __init__(self, name: str, findings: Findings, *, merges: int = 0) -> None:
        self._merges = merges
        self._name = name
        self._findings = findings
        self._places: dict[Steps, TextPosition] = {}
        self._open_names: set[Steps] = set()
        self._ambiguous: dict[Steps, str] = {}
        self._nodes = 0
        self._characters = 0

    def build(self, root: Node) -> Document:
        self._places[()] = _position(root)
        value = self._value(root, ())
        return Document(
            file=self._name,
            value=value,
            positions=self._places,
            open_names=frozenset(self._open_names),
            ambiguous=self._ambiguous,
            problems=tuple(self._findings.problems),
        )

    def _report(self, node: Node, steps: Steps, message: str = "", *, expected: str = "", got: str = "") -> None:
        position = _position(node)
        self._findings.add(
            Problem(
                file=self._name,
                line=position.line,
                column=position.column,
                field=dotted_path(steps),
                expected=expected,
                got=got,
                message=message,
            )
        )

    def _spend(self, node: Node, steps: Steps, characters: int = 0) -> None:
        # Raises at once, unlike other findings: nested aliases could take for ever to expand.
        self._nodes += 1
        self._characters += characters
        expected = ""
        if len(steps) + self._merges > MAX_DEPTH:
            expected = f"at most {MAX_DEPTH} levels of nesting once aliases are put in"
        elif self._nodes > MAX_NODES:
            expected = f"at most {MAX_NODES} values once aliases are put in"
        elif self._characters > MAX_CHARACTERS:
            expected = f"at most {MAX_CHARACTERS // 1024} KiB of text once aliases are put in"
        if expected:
            self._report(node, steps[:6], expected=expected, got="more")
            self._findings.raise_any()

    def _value(self, node: Node, steps: Steps) -> Any:
        if isinstance(node, ScalarNode):
            self._spend(node, steps, len(node.value))
            return self._scalar(node, steps)
        self._spend(node, steps)
        if isinstance(node, SequenceNode) and node.tag == TAG + "seq":
            return [self._item(item, (*steps, index)) for index, item in enumerate(node.value)]
        if isinstance(node, MappingNode) and node.tag == TAG + "map":
            return self._mapping(node, steps)
        self._report(node, steps, expected="plain YAML without a tag", got=f"!<{node.tag}>")
        return None

    def _item(self, node: Node, steps: Steps) -> Any:
        self._places[steps] = _position(node)
        return self._value(node, steps)

    def _mapping(self, node: MappingNode, steps: Steps) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        first: dict[str, Node] = {}
        merges: list[Node] = []
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode) and key_node.tag == PLAIN and key_node.value == "<<":
                merges.append(value_node)
                continue
            key = self._key(key_node, steps)
            if key is None:
                continue
            if key in first:
                line = first[key].start_mark.line + 1
                self._report(key_node, (*steps, key), f"duplicate key, first used on line {line}")
                continue
            first[key] = key_node
            self._places[*steps, key] = _position(key_node)
            entries[key] = self._value(value_node, (*steps, key))
        for merge in merges:
            self._merge(merge, steps, entries)
        return entries

    def _merge(self, node: Node, steps: Steps, entries: dict[str, Any]) -> None:
        """YAML 1.1's `<<`: adds the entries of other mappings whose keys are not in this one."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, MappingNode):
                self._report(source, steps, expected="a mapping, or a list of mappings, after <<", got="something else")
                continue
            self._spend(source, steps)
            # In a separate builder, so that keys of this mapping keep their positions.
            apart = _Builder(self._name, self._findings, merges=self._merges + 1)
            apart._nodes, apart._characters = self._nodes, self._characters
            merged = apart._mapping(source, steps)
            self._nodes, self._characters = apart._nodes, apart._characters
            new = merged.keys() - entries.keys()
            entries.update((key, value) for key, value in merged.items() if key in new)
            depth = len(steps)
            self._places.update((at, p) for at, p in apart._places.items() if at[depth] in new)
            self._open_names.update(at for at in apart._open_names if at[depth] in new)
            self._ambiguous.update((at, t) for at, t in apart._ambiguous.items() if at[depth] in new)

    def _key(self, node: Node, steps: Steps) -> str | None:
        """A key, always as text, since JSON has no other keys."""
        if isinstance(node, ScalarNode) and node.tag in (PLAIN, TAG + "str"):
            self._spend(node, steps, len(node.value))
            return str(node.value)
        self._report(node, steps, expected="a key that is text", got="something else")
        return None

    def _scalar(self, node: ScalarNode, steps: Steps) -> Any:
        text: str = node.value
        kind = node.tag.removeprefix(TAG)
        if kind == "str":
            return text
        if node.tag != PLAIN and kind not in ("int", "float", "bool", "null"):
            self._report(node, steps, expected="plain YAML without a tag", got=f"!<{node.tag}>")
            return None
        if node.tag == PLAIN and is_ambiguous(text):
            self._ambiguous[steps] = text
        if node.tag == PLAIN and SINGLE_NAME.fullmatch(text):
            self._open_names.add(steps)
        try:
            return plain(text)
        except ValueError as error:
            self._report(node, steps, expected=str(error), got=short_value(text))
            return None


def _position(node: Node) -> TextPosition:
    return TextPosition(line=node.start_mark.line + 1, column=node.start_mark.column + 1)
