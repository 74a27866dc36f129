"""Output formats of lists: a table for people; one JSON object, JSON Lines or CSV for scripts."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import wraps
from typing import Any

import click

from slipway.text import no_formula

from .console import CliConsole


class OutputFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def formed(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --json, --jsonl and --csv, and pass the chosen format as `form`."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the API's answer.")
    @click.option("--jsonl", "as_jsonl", is_flag=True, help="Print each entry as a line of JSON.")
    @click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header line.")
    @wraps(command)
    def choose(*args: Any, as_json: bool, as_jsonl: bool, as_csv: bool, **values: Any) -> None:
        chosen = [form for form, flag in zip(list(OutputFormat)[1:], (as_json, as_jsonl, as_csv), strict=True) if flag]
        if len(chosen) > 1:
            flags = " and ".join(f"--{form}" for form in chosen)
            raise click.UsageError(f"expected one of --json, --jsonl and --csv, got {flags}")
        command(*args, form=chosen[0] if chosen else OutputFormat.TABLE, **values)

    return choose


def write_lines(
    console: CliConsole, form: OutputFormat, columns: Sequence[str], entries: Iterable[Mapping[str, Any]]
) -> None:
    """Print the entries as JSON Lines, or as CSV with a header line."""
    if form is OutputFormat.CSV:
        write_headings(columns)
    for entry in entries:
        write_line(console, form, columns, entry)


def write_headings(columns: Sequence[str]) -> None:
    _csv_line(columns)


def write_line(console: CliConsole, form: OutputFormat, columns: Sequence[str], entry: Mapping[str, Any]) -> None:
    if form is OutputFormat.CSV:
        _csv_line([_cell(entry.get(name)) for name in columns])
    else:
        console.json_line(entry)


def _csv_line(cells: Sequence[str]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    sys.stdout.write(out.getvalue())


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json.dumps(value, sort_keys=True, separators=(",", ":"))
        case _:
            return no_formula(str(value))
