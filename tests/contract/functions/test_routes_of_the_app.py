"""The app's own routes under the rules of the real host, where the first that fits by name takes a request."""

import itertools
import json
from typing import Any

import pytest

from local.functions import host_json
from local.functions.launch import ROOT
from local.functions.routes import Literal, Parameter, Route, Segment, compile_route
from tests.integration.test_function_app import list_functions


@pytest.fixture(scope="module")
def routes() -> dict[str, tuple[Route, frozenset[str]]]:
    """Template and methods of each HTTP function. A template that cannot be read would have stopped the start
    (W-02)."""
    process = list_functions()
    assert process.returncode == 0, process.stderr
    host = host_json.load(ROOT)
    triggers: dict[str, dict[str, Any]] = {
        function["name"]: function["config"]["bindings"][0] for function in json.loads(process.stdout)
    }
    return {
        name: (compile_route(host.template(trigger["route"])), frozenset(trigger["methods"]))
        for name, trigger in triggers.items()
        if trigger["type"] == "httpTrigger"
    }


def overlap(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> bool:
    """Whether a path can fit both. What a constraint would keep apart counts as fitting."""
    if not first or not second:
        return all(_may_be_missing(segment) for segment in first + second)
    if _takes_all(first[0]) or _takes_all(second[0]):
        return True
    if _may_be_missing(first[0]) and overlap(first[1:], second):
        return True
    if _may_be_missing(second[0]) and overlap(first, second[1:]):
        return True
    return _may_be_equal(first[0], second[0]) and overlap(first[1:], second[1:])


def _may_be_missing(segment: Segment) -> bool:
    return len(segment) == 1 and isinstance(segment[0], Parameter) and segment[0].may_be_missing


def _takes_all(segment: Segment) -> bool:
    return isinstance(segment[0], Parameter) and segment[0].catch_all


def _may_be_equal(first: Segment, second: Segment) -> bool:
    texts = [
        segment[0].text.lower() for segment in (first, second) if isinstance(segment[0], Literal) and len(segment) == 1
    ]
    return len(texts) < 2 or texts[0] == texts[1]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("items/{id}", "items/recent", True),
        ("items/{id}", "items/{id}/parts", False),
        ("items/{id?}", "items", True),
        ("{*rest}", "api/health", True),
        ("audit.csv", "audit.jsonl", False),
        ("a/{b}/c", "a/b/{c}", True),
        ("", "items", False),
    ],
)
def test_two_templates_overlap_where_a_path_can_fit_both(first: str, second: str, expected: bool) -> None:
    segments = compile_route(first).segments, compile_route(second).segments
    assert overlap(*segments) is overlap(*reversed(segments)) is expected


TAKES_WHAT_IS_LEFT = "unknown_page"


def test_no_two_routes_of_the_app_take_the_same_request(routes: dict[str, tuple[Route, frozenset[str]]]) -> None:
    """W-01. In Azure the name of the function would decide which of them runs."""
    clashing = [
        (first, second)
        for first, second in itertools.combinations(routes.keys() - {TAKES_WHAT_IS_LEFT}, 2)
        if routes[first][1] & routes[second][1] and overlap(routes[first][0].segments, routes[second][0].segments)
    ]
    assert clashing == []


def test_the_catch_all_function_is_the_last_by_its_name(
    routes: dict[str, tuple[Route, frozenset[str]]],
) -> None:
    assert max(routes, key=str.lower) == TAKES_WHAT_IS_LEFT
