"""The page docs/reference/guards.md, made from the table of guards: `python -m scripts.reference.guards`."""

from collections.abc import Iterable, Iterator

from scripts.guards.table import FINDINGS, Table, read_table

_START = """# Guards, by what they stop

Made by `python -m scripts.reference.guards` from `scripts/guards/guards.toml`. The numbers S- and I-
name ways in which an earlier Slipway was attacked and misread its input; A- names things that accounts with few rights
could do on the running system. `make prove` takes each guard out of a copy of the code, and shows that its test then
fails. Open weaknesses stand at the end.

"""


def page() -> str:
    return _START + "".join(_sections(read_table()))


def _sections(table: Table) -> Iterator[str]:
    yield "## Guards\n\n| guard | finding | what it stops | where | test |\n|---|---|---|---|---|\n"
    for guard in table.guard:
        where, finding = f"`{guard.file}`", ", ".join(guard.findings)
        yield f"| `{guard.name}` | {finding} | {guard.stops} | {where} | {_tests(guard.tests)} |\n"
    yield "\n## Mended, with nothing to take out\n\n| finding | how it is now | test |\n|---|---|---|\n"
    for row in table.tested:
        yield f"| {row.finding} | {row.now} | {_tests(row.tests)} |\n"
    yield "\n## Tried before, and held\n\n| what was tried | test |\n|---|---|\n"
    for attack in table.held:
        yield f"| {attack.tried} | {_tests(attack.tests)} |\n"
    yield "\n## Not mended, or not all of it\n\n| finding | what is left |\n|---|---|\n"
    for weakness in sorted(table.open, key=lambda row: FINDINGS.index(row.finding)):
        yield f"| {weakness.finding} | {weakness.left} |\n"


def _tests(names: Iterable[str]) -> str:
    return "<br>".join(_test_link(name) for name in names)


def _test_link(name: str) -> str:
    path, _, test = name.partition("::")
    return f"[`{test or path.rpartition('/')[2]}`](../../{path})"


if __name__ == "__main__":
    print(page(), end="")
