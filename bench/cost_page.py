"""The page docs/reference/cost-per-release.md, from counted figures: `python -m bench.cost_page`.

`--take` copies the newest figures of bench/results.json into bench/costs.json, which is kept with the code.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results.json"
FIGURES: Final = Path(__file__).parent / "costs.json"
METERS: Final = {
    "table-writes": ("transactions that write to a table", "table transactions"),
    "table-reads": ("reads of a table", "table transactions"),
    "blob-requests": ("requests to blob storage", "blob operations, writes and reads"),
    "messages": ("messages of Service Bus", "operations: each message is one to send and about two to receive"),
    "executions": ("executions of functions", "executions, and GB-seconds"),
}
START: Final = """# Cost per release

A release costs what its events, steps and rows cost. Waiting costs nothing: a gate that is open for a week is one row.
The figures are counts, taken on a laptop by `make bench ARGS=costs`, from the push to the last notice: two
environments, one vote, acceptance tests, a copy into a second registry. Polls of a rollout are among them, and
what the timers ask of the table meanwhile, so on a slow machine they are higher.

"""
HEAD: Final = "| per release | release {early} | release {late} | billed as |\n|---|---|---|---|\n"
END: Final = """
The two columns are of one run: the {early}th release of an application and the {late}th. They must be the same, because
nothing reads more than its own rows; the benchmark fails its aim when they differ by more than a tenth.

Some 15 decisions are made on the way of a release. Each is one transaction, and one more copies its records into the
audit index; of the other writes most are leases of steps
([where the requests go](../decisions/0039-requests-of-a-release.md)). The aim is a hundred requests to tables, reads
and writes together.

## What that comes to
Multiply by the prices of your region: [Functions](https://azure.microsoft.com/pricing/details/functions/) (Flex
Consumption, on demand), [Tables](https://azure.microsoft.com/pricing/details/storage/tables/),
[Blobs](https://azure.microsoft.com/pricing/details/storage/blobs/),
[Service Bus](https://azure.microsoft.com/pricing/details/service-bus/). Prices are not repeated here: they differ by
region and contract, and change. Three things to know:

- Table transactions are priced by ten thousands, messages and executions by millions: all the counts above together
  are a fraction of a cent for a release.
- The time that functions run is the larger part of it, and the copy most of that: bytes pass through the app. With
  [`how: import`](../how-to/promotion.md#have-large-images-imported) they do not.
- The timers run whether or not anything is delivered: `reconcile` 1,440 times a day, `reconcile_sources` 288 times.
  A minute in which nothing happens takes some 40 requests to tables, with ten applications and with a thousand
  ([how](../decisions/0037-index-of-what-is-due.md)).

## What costs more than releases do
What stands there costs by the hour, used or not: the clusters by far, then the base charge of Service Bus (duplicate
detection and scheduled messages need its Standard tier), the two registries, logs by the gigabyte, and
`SLIPWAY_ALWAYS_READY` instances if you choose any.
[Private networking](../how-to/install-into-azure.md#private-networking-untried) needs Premium tiers.
"""


def page() -> str:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    rows = "".join(
        f"| {meaning} | {figures[name]['early']:g} | {figures[name]['late']:g} | {meter} |\n"
        for name, (meaning, meter) in METERS.items()
    )
    numbers = {"early": figures["early"], "late": figures["late"]}
    return START + HEAD.format(**numbers) + rows + END.format(**numbers)


def counted_figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The counted figures among the rows. Raises KeyError if one is missing."""
    from .costs import EARLY, LATE  # noqa: PLC0415 - it imports the local stack, which the page does not need

    by_name = {row["name"]: row for row in rows}
    counts = {
        name: {"early": by_name[f"costs.{name}"]["peer"], "late": by_name[f"costs.{name}"]["ours"]} for name in METERS
    }
    return {"early": EARLY, "late": LATE, **counts}


if __name__ == "__main__":
    if "--take" in sys.argv[1:]:
        rows = json.loads(RESULTS.read_text(encoding="utf-8"))
        FIGURES.write_text(json.dumps(counted_figures(rows), indent=2) + "\n", encoding="utf-8")
    else:
        sys.stdout.write(page())
