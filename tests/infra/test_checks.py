"""The checks themselves: each finds the mistake that it is there for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra import roles
from tests.infra.bicep import Bicep
from tests.infra.kql import columns_named, tables_named

GOOD = """param name string
var tags = { application: 'slipway' }

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  tags: tags
}
"""


type Written = Callable[[str], Bicep]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(content: str) -> Bicep:
        path = tmp_path / "some.bicep"
        path.write_text(content, encoding="utf-8")
        return Bicep(path)

    return write


def test_a_good_file_has_nothing_wrong_with_it(written: Written) -> None:
    file = written(GOOD)
    assert (file.syntax_errors(), file.undeclared(), file.unused()) == ([], [], [])


def test_a_mistake_in_syntax_is_found_with_its_line(written: Written) -> None:
    assert written(GOOD.replace("  name: name\n", "  name = name\n")).syntax_errors()


def test_a_name_that_is_not_declared_is_found_with_its_line(written: Written) -> None:
    assert written(GOOD.replace("tags: tags", "tags: labels")).undeclared() == [("labels", 6)]


def test_a_name_in_an_interpolation_counts_as_used(written: Written) -> None:
    assert written(GOOD.replace("name: name", "name: 'st${name}'")).unused() == []


def test_a_parameter_that_is_not_used_is_found(written: Written) -> None:
    assert written("param spare string\n" + GOOD).unused() == ["spare"]


ASSIGNMENT = """
resource given 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(name)
  SCOPE
  properties: {
    principalId: name
  }
}
"""


@pytest.mark.parametrize("scope", ["", "scope: resourceGroup()", "scope: subscription()", "scope: elsewhere"])
def test_a_right_on_more_than_one_resource_is_found(written: Written, scope: str) -> None:
    file = written(GOOD + ASSIGNMENT.replace("SCOPE", scope))
    assert roles._right(file, file.resources["given"]).scope is None


def test_a_right_on_one_resource_is_recognised(written: Written) -> None:
    file = written(GOOD + ASSIGNMENT.replace("SCOPE", "scope: account"))
    found = roles._right(file, file.resources["given"]).scope
    assert found is not None
    assert found.type == "Microsoft.Storage/storageAccounts"


def test_tables_and_columns_of_a_query_are_found() -> None:
    query = (
        'AppTraces | where Mesage contains "x" | summarize Times = count() by bin(TimeGenerated, 5m) | order by Times'
    )
    assert tables_named(query) == {"AppTraces"}
    assert columns_named(query) == {"Mesage", "TimeGenerated"}
