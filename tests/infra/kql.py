"""Queries in KQL: the faults that Microsoft's parser finds in them, and the words of our logs for which they look."""

import json
import re
import subprocess
from collections.abc import Mapping

from local.node import node
from tests.infra.compiler import ROOT

CHECK = ROOT / "tools/kql/check.js"


def faults(queries: Mapping[str, str], tables: Mapping[str, str]) -> dict[str, list[str]]:
    """The faults of each query, in its syntax and in names and types of columns; tables as `(Name: type, …)`."""
    process = subprocess.run(
        [node(), str(CHECK)],
        input=json.dumps({"tables": tables, "queries": queries}),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    faults_by_query: dict[str, list[str]] = json.loads(process.stdout)
    return faults_by_query


def texts_named(query: str) -> list[str]:
    """The texts for which the query looks in the logs."""
    return re.findall(r'Message (?:contains|startswith) "([^"]*)"', query)


def dimensions_named(query: str) -> set[str]:
    """The keys of `Properties["…"]`: attributes that OpenTelemetry sent."""
    return set(re.findall(r'Properties\["([^"]+)"\]', query))


def names_compared(query: str) -> set[str]:
    """The texts that `Name` is compared with: metrics in AppMetrics, spans (or how they begin) in AppDependencies."""
    return set(re.findall(r'\bName (?:==|!?startswith) "([^"]+)"', query)) | values_compared(query, "Name")


def values_compared(query: str, column: str) -> set[str]:
    """The texts that a column is compared with by `in (…)`."""
    lists = re.findall(rf"\b{column} in \(([^)]*)\)", query)
    return {text for arguments in lists for text in re.findall(r'"([^"]*)"', arguments)}


def tables_named(query: str) -> set[str]:
    source = query.split("|", maxsplit=1)[0].strip()
    return {table.strip() for table in source.removeprefix("union isfuzzy=true ").split(",")}
