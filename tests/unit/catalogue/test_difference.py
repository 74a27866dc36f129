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


def test_a_new_application_is_shown_by_its_values_without_a_comparison() -> None:
    assert describe_difference(None, stored()) == (
        "application: shop",
        "notify: [inbox]",
        "environments.staging.namespace: shop-staging",
        "environments.staging.verification.http: [{service: shop, path: /}]",
        "environments (order): [staging]",
        "manifests/deployment.yaml: new, 2 lines",
    )


def test_a_changed_field_is_shown_with_both_values_and_a_changed_file_line_by_line() -> None:
    assert describe_difference(stored(), stored("a: 1\nb: 3\n", notify=["inbox", "team"])) == (
        "notify: [inbox] → [inbox, team]",
        "--- manifests/deployment.yaml",
        "+++ manifests/deployment.yaml",
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-b: 2",
        "+b: 3",
    )


def test_an_added_or_removed_field_is_shown_as_nothing_on_the_other_side() -> None:
    assert describe_difference(stored(), stored(start="both")) == ("start: nothing → both",)
    assert describe_difference(stored(start=True), stored()) == ("start: true → nothing",)
