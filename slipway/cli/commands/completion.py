"""`slipway completion`: print the shell completion script."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SLIPWAY_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print the completion script of `slipway` for SHELL.

    \b
    Examples:
      bash:  eval "$(slipway completion bash)"                     in ~/.bashrc
      zsh:   eval "$(slipway completion zsh)"                      in ~/.zshrc
      fish:  slipway completion fish > ~/.config/fish/completions/slipway.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, "slipway", VARIABLE).source())
