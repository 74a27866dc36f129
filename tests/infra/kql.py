"""As much of KQL as the alerts and the workbook use: which tables, columns and texts a query names."""

import re

FUNCTIONS = frozenset(
    {
        "count",
        "countif",
        "percentile",
        "max",
        "bin",
        "extract",
        "isnotempty",
        "toint",
        "maxif",
        "isnotnull",
        "ago",
        "sum",
        "tostring",
    }
)
OPERATORS = frozenset({"where", "project", "order", "take", "summarize", "extend"})
WORDS = frozenset({"by", "desc", "asc", "and", "or", "not", "in", "contains", "startswith", "has", "true", "false"})
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


def texts_named(query: str) -> list[str]:
    """The texts that the query looks for in what was logged."""
    return re.findall(r'Message (?:contains|startswith) "([^"]*)"', query)


def dimensions_named(query: str) -> set[str]:
    """The keys of `Properties["…"]`: attributes of what OpenTelemetry sent."""
    return set(re.findall(r'Properties\["([^"]+)"\]', query))


def names_compared(query: str) -> set[str]:
    """The texts that `Name` is compared with: metrics in AppMetrics, spans (or how they begin) in AppDependencies."""
    return set(re.findall(r'\bName (?:==|!?startswith) "([^"]+)"', query)) | values_compared(query, "Name")


def values_compared(query: str, column: str) -> set[str]:
    """The texts that a column is compared with by `in (…)`."""
    lists = re.findall(rf"\b{column} in \(([^)]*)\)", query)
    return {text for found in lists for text in re.findall(r'"([^"]*)"', found)}


def tables_named(query: str) -> set[str]:
    source = query.split("|", maxsplit=1)[0].strip()
    return {table.strip() for table in source.removeprefix("union isfuzzy=true ").split(",")}


def made_here(query: str) -> set[str]:
    """Columns that the query makes itself: `Name = …`."""
    return set(re.findall(r"(\w+) = ", _TEXT.sub('""', query)))


def columns_named(query: str) -> set[str]:
    """Columns that must be in the table. Raises ValueError for an operator or function that is not known here."""
    _, *steps = _TEXT.sub('""', query).split("|")
    for step in steps:
        if step.split()[0] not in OPERATORS:
            raise ValueError(f"expected one of {', '.join(sorted(OPERATORS))}, got {step.split()[0]!r}")
    rest = "|".join(steps)
    called = set(re.findall(r"(\w+)\(", rest)) - {"in"}
    if not called <= FUNCTIONS:
        raise ValueError(f"functions that are not known here: {', '.join(sorted(called - FUNCTIONS))}")
    named = set(_NAME.findall(rest))
    return named - called - OPERATORS - WORDS - made_here(query)
