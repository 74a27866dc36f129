"""How a change of the catalogue is shown to people, line by line."""

from typing import Any

from slipway.catalogue.difference import describe_difference
from slipway.catalogue.stored import StoredDocument

SHOP: dict[str, Any] = {
    "application": "shop",
    "notify": ["inbox"],
    "environments": [
        {"name": "staging", "namespace": "shop-staging", "verification": {"http": [{"service": "shop", "path": "/"}]}}
    ],
}


def stored(manifest: str = "a: 1\nb: 2\n", **fields: Any) -> StoredDocument:
    return StoredDocument.model_validate(
        {"kind": "application", "value": SHOP | fields, "files": {"manifests/deployment.yaml": manifest}}
    )


def test_something_new_is_shown_by_its_values_as_they_are_written_and_not_compared_with_nothing() -> None:
    assert describe_difference(None, stored()) == (
        "application: shop",
        "notify: [inbox]",
        "environments.staging.namespace: shop-staging",
        "environments.staging.verification.http: [{service: shop, path: /}]",
        "environments (order): [staging]",
        "manifests/deployment.yaml: new, 2 lines",
    )


def test_a_change_is_shown_by_what_was_and_what_is_and_files_line_by_line() -> None:
    assert describe_difference(stored(), stored("a: 1\nb: 3\n", notify=["inbox", "team"])) == (
        "notify: [inbox] → [inbox, team]",
        "--- manifests/deployment.yaml",
        "+++ manifests/deployment.yaml",
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-b: 2",
        "+b: 3",
    )


def test_a_field_that_comes_or_goes_is_shown_as_nothing_on_the_other_side() -> None:
    assert describe_difference(stored(), stored(start="both")) == ("start: nothing → both",)
    assert describe_difference(stored(start=True), stored()) == ("start: true → nothing",)
