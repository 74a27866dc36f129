"""`slipway audit reindex`: compare the audit index with the trail, and repair it, while the app runs."""

from typing import Any

import click

from slipway.api.audit import ReindexAnswer
from slipway.domain.inbox import LookKind
from slipway.domain.reports import MOST_NAMED

from ..api import Api, read_answer
from ..console import BAD, GOOD, CliConsole, TextCell, progress_bar
from ..errors import Exit
from ..options import as_json as json_option
from ..options import connected
from ..waiting import take_look

INSTALLATION = "_installation"
_COUNTS = ("records", "damaged", "missing", "wrong", "extra")


@click.command("reindex")
@click.argument("applications", nargs=-1, metavar="[APPLICATION]...")
@click.option("--repair", is_flag=True, help="Repair the differences. Without it nothing is changed.")
@json_option
@connected
def reindex(api: Api, *, applications: tuple[str, ...], repair: bool, as_json: bool) -> None:
    """Compare the audit index with the trail, and repair it, while the app runs.

    The trail is authoritative: missing or different rows of the index are rewritten, and extra ones are deleted.
    Without APPLICATION every trail is compared, including the installation's own. You need the role `platform`, which
    has the permission `reindex`.

    Exit codes: 0 no differences remain, 1 there are differences, 7 records of the trail are damaged; all others as for
    every command.

    \b
    Examples:
      slipway audit reindex
      slipway audit reindex shop --repair
    """
    names = list(dict.fromkeys(applications)) or [*api.applications(), INSTALLATION]
    comparisons = []
    with progress_bar() as steps:
        for name in names:
            total, lacking = dict.fromkeys(_COUNTS, 0), list[int]()
            after: int | None = 0
            while after is not None:
                options = {"after": str(after), "repair": "yes" if repair else "no"}
                part = read_answer(ReindexAnswer, take_look(api, LookKind.REINDEX, name, **options))
                for count in _COUNTS:
                    total[count] += getattr(part, count)
                lacking += part.lacking
                after = part.next if part.next is None or part.next > after else None
                steps.update(name, after or part.head, max(part.head, 1))
            comparisons.append({"application": name, **total, "lacking": lacking[:MOST_NAMED], "repaired": repair})
    _show(comparisons, as_json=as_json, repair=repair)
    if any(comparison["damaged"] for comparison in comparisons):
        raise SystemExit(Exit.BROKEN)
    if not repair and any(_differences(comparison) for comparison in comparisons):
        raise SystemExit(Exit.REFUSED)


def _show(comparisons: list[dict[str, Any]], *, as_json: bool, repair: bool) -> None:
    console = CliConsole()
    if as_json:
        console.json({"applications": comparisons})
        return
    for comparison in comparisons:
        count = _differences(comparison)
        text = "the index is complete"
        if count:
            kinds = ", ".join(
                f"{comparison[name]} {name}" for name in ("missing", "wrong", "extra") if comparison[name]
            )
            numbers = f" of records {', '.join(map(str, comparison['lacking']))}" if comparison["lacking"] else ""
            text = f"{kinds}{numbers}: {'repaired' if repair else 'repair with --repair'}"
        good = not count or repair
        console.line(TextCell("✓ " if good else "✗ ", GOOD if good else BAD), f"{comparison['application']}  {text}")
        if comparison["damaged"]:
            damaged = f"  {comparison['damaged']} records of the trail are damaged: `slipway audit verify`"
            console.line(TextCell(damaged, BAD))


def _differences(comparison: dict[str, Any]) -> int:
    return int(comparison["missing"] + comparison["wrong"] + comparison["extra"])
