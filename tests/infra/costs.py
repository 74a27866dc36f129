"""What an installation costs a month, counted from the snapshots: the table of `cost-of-an-installation.md`.

The amounts come from the templates; the prices are estimates in US dollars, which nobody has compared with a bill.
`python -m tests.infra.costs` prints the table; `--write` puts it into the page.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.infra.compiler import ROOT, Resources, stored
from tests.infra.installed import at, of_type

PAGE = ROOT / "docs/reference/cost-of-an-installation.md"
BEGIN, END = "<!-- table: made by tests/infra/costs.py -->", "<!-- end of the table -->"
SETS = {
    "trial": "`SLIPWAY_TIER=trial`",
    "existing-clusters": "existing clusters",
    "default": "default",
    "private": "private",
}
"""The option sets that the page compares, cheapest first."""

CLUSTER, REGISTRY = "Microsoft.ContainerService/managedClusters", "Microsoft.ContainerRegistry/registries"


def _nodes(resources: Resources) -> int:
    pools = [pool for cluster in of_type(resources, CLUSTER) for pool in at(cluster, "properties.agentPoolProfiles")]
    assert {pool["vmSize"] for pool in pools} <= {"Standard_D2s_v5"}, "the price is of another size"
    return sum(pool["count"] for pool in pools)


def _with_sku(kind: str, name: str, field: str = "sku.name") -> Callable[[Resources], int]:
    return lambda resources: sum(at(resource, field) == name for resource in of_type(resources, kind))


def _count(kind: str) -> Callable[[Resources], int]:
    return lambda resources: len(of_type(resources, kind))


def _test_runs(resources: Resources) -> int:
    """Runs of availability tests in a month of thirty days."""
    return sum(
        30 * 86_400 // at(test, "properties.Frequency") * len(at(test, "properties.Locations"))
        for test in of_type(resources, "Microsoft.Insights/webtests")
    )


@dataclass(frozen=True, kw_only=True)
class Line:
    """Something that is paid for by the month."""

    what: str
    dollars: float
    """An estimate for one of it."""
    amount: Callable[[Resources], int]


LINES = (
    Line(what="node `Standard_D2s_v5`, Linux", dollars=84, amount=_nodes),
    Line(what="its system disk, 128 GB", dollars=20, amount=_nodes),
    Line(what="cluster with the `Standard` tier", dollars=73, amount=_with_sku(CLUSTER, "Standard", "sku.tier")),
    Line(what="load balancer and public address of a cluster", dollars=22, amount=_count(CLUSTER)),
    Line(what="Service Bus `Standard`", dollars=10, amount=_with_sku("Microsoft.ServiceBus/namespaces", "Standard")),
    Line(
        what="Service Bus `Premium`, one unit",
        dollars=670,
        amount=_with_sku("Microsoft.ServiceBus/namespaces", "Premium"),
    ),
    Line(what="registry `Basic`", dollars=5, amount=_with_sku(REGISTRY, "Basic")),
    Line(what="registry `Standard`", dollars=20, amount=_with_sku(REGISTRY, "Standard")),
    Line(what="registry `Premium`", dollars=50, amount=_with_sku(REGISTRY, "Premium")),
    Line(what="private endpoint", dollars=7.3, amount=_count("Microsoft.Network/privateEndpoints")),
    Line(what="log alert", dollars=1, amount=_count("Microsoft.Insights/scheduledQueryRules")),
    Line(what="metric alert", dollars=0.1, amount=_count("Microsoft.Insights/metricAlerts")),
    Line(what="run of the availability test", dollars=0.0006, amount=_test_runs),
)


def table() -> str:
    resources = {name: stored(name) for name in SETS}
    rows = ["| what | $ each (estimate) | " + " | ".join(SETS.values()) + " |", "|---|---|" + "---|" * len(SETS)]
    for line in LINES:
        amounts = [f"{line.amount(resources[name]) or '–'}" for name in SETS]
        rows.append(f"| {line.what} | {line.dollars:g} | {' | '.join(amounts)} |")
    sums = [sum(line.dollars * line.amount(resources[name]) for line in LINES) for name in SETS]
    rows.append("| **together, a month** | | " + " | ".join(f"**~{round(total, -1):g}**" for total in sums) + " |")
    return "\n".join(rows)


def page() -> str:
    before, _, after = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{after.partition(END)[2]}"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(table() + "\n")
