"""A group whose commands are imported when they are called, so that `slipway --help` is quick."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

import click

_LONGEST_SUMMARY: Final = 1000


@dataclass(frozen=True)
class Lazy:
    """The location of a command, and its line in `slipway --help`."""

    target: str
    """`module:attribute`."""
    summary: str


class Group(click.Group):
    """A group that lists its commands with their whole summaries: click cuts those that are longer than a line."""

    def summary(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(_LONGEST_SUMMARY) if command else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(ctx, name)) for name in self.list_commands(ctx)])


class LazyGroup(Group):
    """A group that imports a command when it is called."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **more: Any) -> None:
        super().__init__(*args, **more)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        command.short_help = self._lazy[cmd_name].summary
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests the command that may have been meant, as click does for options."""
        if args[0] not in self._lazy and (near := get_close_matches(args[0], self._lazy, n=1)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def summary(self, ctx: click.Context, name: str) -> str:  # noqa: ARG002
        return self._lazy[name].summary


class DefaultGroup(LazyGroup):
    """A group with a default command, which runs if the command line names none of the others."""

    def __init__(self, *args: Any, default: str, **more: Any) -> None:
        # An option before the first argument belongs to the default command.
        super().__init__(*args, context_settings={"ignore_unknown_options": True}, **more)
        self.default = default

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        exists = self.get_command(ctx, args[0]) is not None
        return super().resolve_command(ctx, args if exists else [self.default, *args])
