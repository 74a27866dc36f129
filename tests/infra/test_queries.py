"""Alerts and workbook ask only for what Azure has and what the app says: tables, columns, and the words of its logs.

The app's log lines are in AppTraces, its metrics in AppMetrics, its spans in AppDependencies, all under the names that
`slipway/telemetry/names.py` lists; the audit trail is not in Log Analytics.
"""

import json
import re
from typing import Any

import pytest

from slipway.domain.release import Phase
from slipway.domain.rights import Operation, Party, rights_of
from slipway.telemetry import Family, Metric
from slipway.telemetry.names import attribute_names
from tests.infra.compiler import INFRA, ROOT
from tests.infra.kql import (
    dimensions_named,
    faults,
    names_compared,
    tables_named,
    texts_named,
    values_compared,
)

STORAGE_LOG = """(TimeGenerated: datetime, Category: string, OperationName: string, RequesterObjectId: string,
    CallerIpAddress: string, StatusCode: string, AuthenticationType: string, Uri: string)"""
TABLES = {
    "AppTraces": "(TimeGenerated: datetime, Message: string)",
    "AppMetrics": """(TimeGenerated: datetime, Name: string, Sum: real, Max: real, ItemCount: int,
        Properties: dynamic)""",
    "AppDependencies": """(TimeGenerated: datetime, Name: string, Success: bool, DurationMs: real, ResultCode: string,
        OperationId: string, Properties: dynamic)""",
    "AppExceptions": "(TimeGenerated: datetime, ExceptionType: string, OuterMessage: string, OperationName: string)",
    "KubeEvents": """(TimeGenerated: datetime, KubeEventType: string, Namespace: string, ObjectKind: string,
        Name: string, Reason: string)""",
    "StorageTableLogs": STORAGE_LOG,
    "StorageBlobLogs": STORAGE_LOG,
}
"""Tables of Log Analytics that something here fills, with the columns that are used."""

ALERTS = json.loads((INFRA / "alerts.json").read_text(encoding="utf-8"))
WORKBOOK = json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))
QUERIES = {alert["name"]: alert["query"] for alert in ALERTS} | {
    item["name"]: item["content"]["query"] for item in WORKBOOK["items"] if "query" in item["content"]
}
EVALUATED = {"PT5M", "PT10M", "PT15M", "PT30M", "PT1H"}
WINDOWS = {"PT5M", "PT10M", "PT15M", "PT30M", "PT1H", "P1D", "P2D"}
"""Some of the windows that Azure Monitor accepts; two days are the longest."""

every_query = pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)


PLANTED = {
    "a column that is not there": ("AppTraces | where Mesage has 'x'", "KS142"),
    "a table that is not there": ("AppTrace | take 1", "KS204"),
    "an operator that is none": ("AppTraces | wher true", "KS176"),
    "types that do not go together": ("AppTraces | where Message > ago(1h)", "KS106"),
}


@pytest.fixture(scope="module")
def faults_by_query() -> dict[str, list[str]]:
    """One run of the parser over everything."""
    return faults(QUERIES | {name: query for name, (query, _) in PLANTED.items()}, TABLES)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_right_in_syntax_and_names_columns_that_exist(name: str, faults_by_query: Any) -> None:
    assert faults_by_query[name] == []


@pytest.mark.parametrize("name", PLANTED)
def test_the_parser_finds_every_planted_mistake(name: str, faults_by_query: Any) -> None:
    assert PLANTED[name][1] in " ".join(faults_by_query[name])


def _logged_texts() -> str:
    """Everything that the app may log: the texts of its sources, with their placeholders."""
    sources = [*(ROOT / "slipway").rglob("*.py"), *(ROOT / "functions").glob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in sources)


@every_query
def test_every_text_that_a_query_looks_for_is_logged_by_the_code(query: str) -> None:
    source = _logged_texts()
    for text in texts_named(query):
        assert text in source, f"nothing logs {text!r}"


@every_query
def test_a_query_asks_for_metrics_and_spans_that_the_code_emits(query: str) -> None:
    tables, names = tables_named(query), names_compared(query)
    if "AppMetrics" in tables:
        assert names
        assert names <= {str(metric) for metric in Metric}
    if "AppDependencies" in tables:
        assert {name.partition(" ")[0] for name in names} <= {str(family) for family in Family}


@every_query
def test_a_query_names_only_dimensions_that_the_code_emits_on_its_metric(query: str) -> None:
    if "AppMetrics" in tables_named(query):
        for metric in (metric for metric in Metric if metric in names_compared(query)):
            assert dimensions_named(query) <= {str(attribute) for attribute in metric.attributes}
    else:
        assert dimensions_named(query) <= attribute_names()


@every_query
def test_ends_that_a_query_looks_for_are_ends_of_a_release(query: str) -> None:
    assert values_compared(query, "End") <= {str(phase) for phase in Phase if phase.final}


NOT_WATCHED = {
    Metric.CREATED,  # a number without a right or wrong
    Metric.LASTED,
    Metric.OUTBOX_AGE,  # the reconcile timer mends it; where it does not run, that is the alert
    Metric.PARKED,  # the alert reads the log line, which holds the reason
    Metric.PARKED_NOW,
    Metric.EVENTS_DROPPED,  # of other repositories and pipelines
}


def test_every_metric_is_watched_or_is_said_not_to_be() -> None:
    watched = {name for query in QUERIES.values() if "AppMetrics" in query for name in names_compared(query)}
    assert watched | {str(metric) for metric in NOT_WATCHED} == {str(metric) for metric in Metric}


def test_every_alert_says_what_to_do_and_how_bad_it_is() -> None:
    for alert in ALERTS:
        assert set(alert) == {"name", "title", "description", "severity", "every", "window", "stateful", "query"}
        assert alert["severity"] in range(5)
        assert alert["every"] in EVALUATED
        assert alert["window"] in WINDOWS
        assert alert["description"].endswith(".")


def test_the_workbook_has_a_time_range_that_its_queries_follow() -> None:
    charts = [item for item in WORKBOOK["items"] if "query" in item["content"]]
    assert charts
    assert {item["content"]["timeContextFromParameter"] for item in charts} == {"range"}


MINUTES = {"PT5M": 5, "PT10M": 10, "PT15M": 15, "PT30M": 30, "PT1H": 60, "P1D": 1440, "P2D": 2880}


def test_an_alert_that_evaluates_an_entry_more_than_once_is_stateful() -> None:
    """A rule without a state fires at each evaluation for as long as the entry that it found lies in its window."""
    for alert in ALERTS:
        if MINUTES[alert["window"]] > MINUTES[alert["every"]] or "== 0" in alert["query"]:
            assert alert["stateful"], alert["name"]


def test_the_ledgers_alert_excludes_only_the_worker_and_what_the_front_may_add_and_no_access_by_key() -> None:
    (query,) = [alert["query"] for alert in ALERTS if alert["name"] == "ledger-touched"]
    assert tables_named(query) == {"StorageTableLogs", "StorageBlobLogs"}
    expected = (
        'RequesterObjectId == "{worker}" or '
        '(RequesterObjectId == "{front}" and Uri has_any ("inbox", "challenges", "incoming"))'
    )
    assert f'(AuthenticationType != "OAuth" or not({expected}))' in query
    added = {resource for resource, allowed in rights_of(Party.FRONT).items() if Operation.ADD in allowed}
    assert set(re.findall(r'has_any \("(\w+)", "(\w+)", "(\w+)"\)', query)[0]) == added
