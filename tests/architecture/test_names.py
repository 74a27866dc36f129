"""A class's name is used once in the product, so that nobody has to look up which of two classes is meant."""

import ast
from pathlib import Path

from scripts.structure.counts import repeated_classes
from scripts.structure.sources import modules_of, product

ROOT = Path(__file__).resolve().parents[2]


def test_no_two_modules_of_the_product_give_a_class_the_same_name() -> None:
    """Names that begin with an underscore are not used outside their modules."""
    repeated = repeated_classes(product(modules_of(ROOT)))
    assert {name: paths for name, paths in repeated.items() if not name.startswith("_")} == {}


def test_snapshots_are_made_in_one_place_for_the_ledger_and_for_tests_alike() -> None:
    """Otherwise a new field could be loaded in one way and tested in another."""
    calls = [
        str(module.path)
        for module in modules_of(ROOT)
        if "Snapshot(" in module.text
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Snapshot"
    ]
    assert calls == ["slipway/domain/snapshot.py"]
