"""One word means one thing: a reader who meets a class's name need not look which of two it is."""

import ast
from pathlib import Path

from scripts.structure.counts import repeated_classes
from scripts.structure.sources import modules_of, product

ROOT = Path(__file__).resolve().parents[2]


def test_no_two_modules_of_the_product_give_a_class_the_same_name() -> None:
    """Names that begin with an underscore are met in their own modules only."""
    repeated = repeated_classes(product(modules_of(ROOT)))
    assert {name: paths for name, paths in repeated.items() if not name.startswith("_")} == {}


def test_snapshots_are_made_in_one_place_for_the_ledger_and_for_tests_alike() -> None:
    """A field that was added would otherwise be loaded in one way, and tested in another."""
    calls = [
        str(module.path)
        for module in modules_of(ROOT)
        if "Snapshot(" in module.text
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Snapshot"
    ]
    assert calls == ["slipway/domain/snapshot.py"]
