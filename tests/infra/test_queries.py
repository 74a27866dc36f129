"""Alerts and workbook ask only for what Azure has and what the app says: tables, columns, and the words of its logs.

The app's log lines are in AppTraces; the audit trail is not in Log Analytics.
"""

import json
import re

import pytest

from tests.infra.bicep import INFRA, ROOT
from tests.infra.kql import columns_named, tables_named, texts_named

TABLES = {
    "AppTraces": {"TimeGenerated", "Message"},
    "AppRequests": {"TimeGenerated", "Name", "Success", "DurationMs"},
    "AppExceptions": {"TimeGenerated", "ExceptionType", "OuterMessage", "OperationName"},
    "KubeEvents": {"TimeGenerated", "KubeEventType", "Namespace", "ObjectKind", "Name", "Reason"},
    "StorageTableLogs": {
        *("TimeGenerated", "Category", "OperationName", "RequesterObjectId", "CallerIpAddress", "StatusCode")
    },
}
"""Tables of Log Analytics that something here fills, with the columns that are used."""

ALERTS = json.loads((INFRA / "alerts.json").read_text(encoding="utf-8"))
WORKBOOK = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))
QUERIES = {alert["name"]: alert["query"] for alert in ALERTS} | {
    item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if "query" in item["content"]
}
EVALUATED = {"PT5M", "PT10M", "PT15M", "PT30M", "PT1H"}
WINDOWS = {"PT5M", "PT10M", "PT15M", "PT30M", "PT1H", "P1D", "P2D"}
"""Of what Azure Monitor takes; two days are the most."""

every_query = pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)


@every_query
def test_a_query_names_tables_and_columns_that_exist(query):
    [table] = tables_named(query)
    assert table in TABLES
    assert columns_named(query) <= TABLES[table]


def _said() -> str:
    """Everything that the app may log: the texts of its sources, with their placeholders."""
    sources = [*(ROOT / "slipway").rglob("*.py"), *(ROOT / "functions").glob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in sources)


@every_query
def test_what_a_query_looks_for_is_said_by_the_code(query):
    source = _said()
    for wanted in texts_named(query):
        assert wanted in source, f"nothing logs {wanted!r}"


def test_endings_that_the_workbook_counts_are_actions_of_the_audit_trail():
    [pattern] = re.findall(r"release\[\.\]\(([a-z|-]+)\)", json.dumps(WORKBOOK))
    source = _said()
    for ending in pattern.split("|"):
        assert f'"release.{ending}"' in source


def test_functions_are_watched_under_their_names():
    queries = " ".join(QUERIES.values())
    watched = set(re.findall(r'\bName == "(\w+)"', queries))
    watched |= {name for listed in re.findall(r"\bName in \(([^)]*)\)", queries) for name in re.findall(r"\w+", listed)}
    named = set(re.findall(r'function_name\("(\w+)"\)', _said()))
    assert {"sweep", "image_pushed", "azure_devops_hook"} <= watched <= named


def test_every_alert_says_what_to_do_and_how_bad_it_is():
    for alert in ALERTS:
        assert set(alert) == {"name", "title", "description", "severity", "every", "window", "query"}
        assert alert["severity"] in range(5)
        assert alert["every"] in EVALUATED
        assert alert["window"] in WINDOWS
        assert alert["description"].endswith(".")


def test_the_workbook_has_a_time_range_that_its_queries_follow():
    charts = [item for item in WORKBOOK["items"] if "query" in item["content"]]
    assert charts
    assert {item["content"]["timeContextFromParameter"] for item in charts} == {"range"}
