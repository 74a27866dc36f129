"""How a script talks to Azure Pipelines: lines on standard output that the machine running the job reads.

The scripts here need nothing but the Python of a Microsoft-hosted machine. Values are quoted, because a line such as
`##vso[task.setvariable variable=PATH]` inside a branch's name would otherwise be a command too.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

_IN_VALUES = {"%": "%AZP25", "\r": "%0D", "\n": "%0A"}


def set_output(name: str, value: str) -> None:
    """A variable that later steps, jobs and stages read as `step.name`."""
    _say(f"task.setvariable variable={name};isOutput=true", value)


def add_build_tag(tag: str) -> None:
    """A tag on the run. Characters that an address may not hold, such as a colon, are refused by the service."""
    _say("build.addbuildtag", tag)


def attach(kind: str, file: Path) -> None:
    """Attach a file to the record of this step, under a type by which others ask for it."""
    _say(f"task.addattachment type={kind};name={file.name}", str(file.resolve()))


def fail(text: str) -> NoReturn:
    """End the step with an error that the run's summary shows."""
    _say("task.logissue type=error", text)
    sys.exit(1)


def show_command(line: str) -> None:
    """What is run, in the log."""
    sys.stdout.write(f"##[command]{_in_one_line(line)}\n")
    sys.stdout.flush()


def setting(name: str, default: str | None = None) -> str:
    """A value from the environment. What the service could not fill in arrives as `$(name)`, and is not a value."""
    value = os.environ.get(name, "").strip()
    if value.startswith("$(") and value.endswith(")"):
        value = ""
    if value:
        return value
    if default is None:
        fail(f"{name}: expected a value, got none")
    return default


def _say(command: str, value: str) -> None:
    sys.stdout.write(f"##vso[{command}]{_in_one_line(value)}\n")
    sys.stdout.flush()


def _in_one_line(value: str) -> str:
    return "".join(_IN_VALUES.get(character, character) for character in value)
