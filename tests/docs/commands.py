"""The commands in the docs: where they are, what a reader needs for them, and whether they exist.

A block of commands is a fence with the language `sh`. What cannot be run here says so in its title, which the reader
sees too: `title="needs Azure"`. Each command of the other blocks has to exist.
"""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from slipway.cli.lazy import DefaultGroup
from slipway.cli.root import root

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
NEEDS = ("needs Azure", "needs Azure DevOps", "needs Docker", "needs a cluster")
FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^ *(?P=mark) *$", re.DOTALL | re.MULTILINE
)
TITLE = re.compile(r'title="([^"]*)"')
SPAN = re.compile(r"(?<!`)`(slipway [^`\n]+)`(?!`)")
SEPARATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<"}
SLIPWAY = ("slipway", ".venv/bin/slipway")
PYTHON = ("python3", "python", ".venv/bin/python")
APP = "$SLIPWAY_URL/"
ROUTE = re.compile(r'route="([^"]+)"')
API_ROUTE = re.compile(r"^### [A-Z]+ `/(\S+)`", re.MULTILINE)
"""A heading with an address of the JSON API, on the page that is generated from its description."""

TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fence of a page."""

    page: str
    line: int
    language: str
    title: str
    body: str

    @property
    def marked(self) -> bool:
        return self.title in NEEDS

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a block, without its redirections."""

    block: Block
    words: tuple[str, ...]

    @property
    def is_slipway(self) -> bool:
        return self.words[0] in SLIPWAY

    @property
    def path(self) -> str | None:
        """The path and query that `curl` asks the app for."""
        address = next((word for word in self.words[1:] if word.startswith(APP)), None)
        return address.removeprefix(APP) if address and self.words[0] == "curl" else None


def blocks() -> Iterator[Block]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        yield from blocks_of(path.relative_to(ROOT).as_posix(), text)


def blocks_of(page: str, text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        language, _, attributes = match["info"].strip().partition(" ")
        title = TITLE.search(attributes)
        yield Block(
            page=page,
            line=text.count("\n", 0, match.start()) + 1,
            language=language,
            title=title[1] if title else "",
            body=re.sub(f"^{match['indent']}", "", match["body"], flags=re.MULTILINE),
        )


def spans() -> Iterator[tuple[str, str]]:
    """`slipway …` within the prose: the page, and the words."""
    for path in PAGES:
        prose = FENCE.sub("", path.read_text(encoding="utf-8"))
        yield from ((path.relative_to(ROOT).as_posix(), match[1]) for match in SPAN.finditer(prose))


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block. Raises ValueError for a line that is not a command."""
    for line in block.body.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.commenters, lexer.whitespace_split = "#", True
        words: list[str] = []
        redirected = False
        for word in [*lexer, ";"]:
            if word in SEPARATORS:
                if words:
                    yield Command(block=block, words=tuple(words))
                words, redirected = [], word in (">", ">>", "<")
            elif redirected:
                redirected = False
            elif words or not re.fullmatch(r"[A-Z_]+=.*", word):
                words.append(word)


def mistake_in(command: Command) -> str | None:
    """What is wrong with the command, or None."""
    program, *arguments = command.words
    if command.is_slipway:
        return usage_error(arguments)
    if command.path is not None:
        path = command.path.partition("?")[0]
        return None if any(re.fullmatch(route, path) for route in routes()) else f"the app has no address {path!r}"
    if program == "make":
        target = next((word for word in arguments if "=" not in word), "help")
        return None if target in TARGETS else f"the Makefile has no target {target!r}"
    if program in PYTHON and arguments[:1] == ["-m"]:
        return None if _is_module(arguments[1]) else f"there is no module {arguments[1]!r}"
    if program in PYTHON:
        return None if (ROOT / arguments[0]).is_file() else f"there is no file {arguments[0]!r}"
    return f"{program!r} is run by no test: mark the block as one of {', '.join(NEEDS)}"


def routes() -> list[str]:
    """The app's addresses, as expressions."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "functions").glob("*.py")]
    addresses = [route for source in sources for route in ROUTE.findall(source)]
    addresses += API_ROUTE.findall((ROOT / "docs/reference/api.md").read_text(encoding="utf-8"))
    return ["[^/]+".join(map(re.escape, re.split(r"\{[^}]*\}", route))) for route in addresses]


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def usage_error(arguments: list[str]) -> str | None:
    """The error of the product's own command line for these words, which it parses but does not run; or None."""
    command, context, remaining = _command(root, arguments)
    if isinstance(command, click.Group) and remaining and not remaining[0].startswith("-"):
        return f"No such command {remaining[0]!r}"
    try:
        command.make_context(context.info_name or "slipway", remaining, parent=context.parent)
    except click.UsageError as error:
        return error.format_message()
    return None


def mistake_in_mention(words: str) -> str | None:
    """As `usage_error`, for prose, which may leave arguments out: the command and its options must exist."""
    command, _, remaining = _command(root, words.split()[1:])
    if isinstance(command, click.Group) and remaining and re.fullmatch(r"[a-z-]+", remaining[0]):
        return f"there is no command {remaining[0]!r}"
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [
        word for word in remaining if word.startswith("--") and word.partition("=")[0] not in options | {"--help"}
    ]
    return f"no option {unknown[0]!r}" if unknown else None


def _command(group: click.Group, arguments: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    """The command that the words name, as far as they name one, and the words that remain for it."""
    command: click.Command = group
    context = click.Context(group, info_name="slipway", **group.context_settings)
    remaining = list(arguments)
    while isinstance(command, click.Group):
        index = _past_options(command, remaining)
        subcommand = command.get_command(context, remaining[index]) if index < len(remaining) else None
        if subcommand is None and isinstance(command, DefaultGroup) and remaining:
            subcommand, remaining, index = (
                command.get_command(context, command.default),
                [command.default, *remaining],
                0,
            )
        if subcommand is None:
            break
        command, context = subcommand, click.Context(subcommand, info_name=remaining[index], parent=context)
        remaining = remaining[index + 1 :]
    return command, context, remaining


def _past_options(group: click.Group, words: list[str]) -> int:
    """The index of the first word that is neither an option of the group nor its value."""
    takes_value = {name for option in group.params if not getattr(option, "is_flag", False) for name in option.opts}
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in takes_value else 1
    return index
