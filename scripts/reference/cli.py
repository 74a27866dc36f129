"""The reference page of the command, made of its own help: `python -m scripts.reference.cli`.

docs/reference/cli.md is the output of this module, and a test keeps it so.
"""

import sys
from collections.abc import Iterator

import click

from slipway.cli.root import root

WIDTH = 100
_INTRODUCTION = """\
# The command `slipway`

Made by `python -m scripts.reference.cli` from the help of the commands. After `make install` the command is
`.venv/bin/slipway`; elsewhere, in this folder: `pip install --require-hashes -r requirements-command.txt`, then
`pip install --no-deps --no-build-isolation .`.
"""


def page() -> str:
    """The whole of docs/reference/cli.md."""
    return _INTRODUCTION + "".join(
        f"\n## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n" for context in _contexts()
    )


def _contexts() -> Iterator[click.Context]:
    yield from _contexts_of(root, None, "slipway")


def _contexts_of(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.context_class(command, parent=parent, info_name=name, **settings)
    yield context
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            assert child is not None  # the group has listed it
            yield from _contexts_of(child, context, child_name)


if __name__ == "__main__":
    sys.stdout.write(page())
