"""The rows that a benchmark returns, as they are printed and stored."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

RESULTS: Final = Path(__file__).parent / "results.json"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of ours compared with one of a peer."""

    name: str
    ours: float
    peer: float | None
    """None if the peer could not be measured; `note` says why."""
    peer_name: str
    unit: str
    ratio: float | None = None
    """The median of the rounds' ratios where rounds were interleaved; else `ours` divided by `peer`."""
    aim: float | None = None
    """The largest acceptable ratio."""
    most: float | None = None
    """The largest acceptable value of `ours`, regardless of the peer."""
    spread: tuple[float, float] | None = None
    """The smallest and the largest of our values."""
    note: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether this row meets every aim; None if it has none, or its ratio could not be measured."""
        reached = []
        if self.aim is not None and self.ratio is not None:
            reached.append(self.ratio <= self.aim)
        if self.most is not None:
            reached.append(self.ours <= self.most)
        return all(reached) if reached else None

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": self.name,
            "ours": _four_digits(self.ours),
            "peer": _four_digits(self.peer),
            "peer_name": self.peer_name,
            "ratio": _four_digits(self.ratio),
            "unit": self.unit,
            "aim": self.aim,
            "most": self.most,
            "met": self.met,
        }
        if self.spread:
            document["spread"] = [_four_digits(value) for value in self.spread]
        if self.note:
            document["note"] = self.note
        return document | self.more


def compared_row(
    name: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    peer_name: str,
    unit: str = "s",
    aim: float | None = None,
    most: float | None = None,
    note: str = "",
    more: dict[str, Any] | None = None,
) -> Row:
    """A row of interleaved rounds: medians, and the median of the rounds' ratios, which is robust to a busy moment."""
    ratios = [our_value / peer_value for our_value, peer_value in zip(ours, peer, strict=True)]
    return Row(
        name=name,
        ours=median(ours),
        peer=median(peer),
        peer_name=peer_name,
        unit=unit,
        ratio=median(ratios),
        aim=aim,
        most=most,
        spread=(min(ours), max(ours)),
        note=note,
        more={"runs": len(ours), "peer_spread": [_four_digits(min(peer)), _four_digits(max(peer))], **(more or {})},
    )


def missing(name: str, ours: Sequence[float], *, peer_name: str, unit: str, why: str) -> Row:
    """A row whose peer could not be measured on this machine."""
    spread = (min(ours), max(ours))
    return Row(name=name, ours=median(ours), peer=None, peer_name=peer_name, unit=unit, spread=spread, note=why)


def write(rows: Sequence[Row], path: Path = RESULTS) -> None:
    """Write the rows to the results file; those of benchmarks that did not run this time are kept."""
    previous = json.loads(path.read_text()) if path.exists() else []
    benchmarks = {row.name.partition(".")[0] for row in rows}
    kept_rows = [row for row in previous if row["name"].partition(".")[0] not in benchmarks]
    path.write_text(json.dumps(kept_rows + [row.as_json() for row in rows], indent=2) + "\n")


def show(rows: Sequence[Row], console: Console) -> None:
    table = Table(title="A ratio below 1 is in our favour", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("what", "ours", "peer", "ratio", "aim", "", "compared with"):
        table.add_column(heading, justify="left" if heading in ("what", "compared with") else "right", no_wrap=True)
    previous_name = ""
    for row in rows:
        table.add_row(
            row.name if row.name != previous_name else "",
            _figure(row.ours, row.unit) + _spread(row),
            _figure(row.peer, row.unit),
            "–" if row.ratio is None else f"{row.ratio:.2f}",
            _aim(row),
            {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row.met],
            row.peer_name,
        )
        previous_name = row.name
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"[bold]{row.name}[/]: {row.note}", highlight=False)


def _aim(row: Row) -> str:
    parts = [f"≤ {row.aim:g}"] if row.aim is not None else []
    parts += [f"≤ {row.most:g} {row.unit}"] if row.most is not None else []
    return ", ".join(parts)


def _spread(row: Row) -> str:
    return f" ({_number(row.spread[0])}–{_number(row.spread[1])})" if row.spread else ""


def _figure(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{_number(value)} {unit}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _four_digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
