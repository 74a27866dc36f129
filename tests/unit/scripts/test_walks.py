"""Following a trigger to its write, through a product of two files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from scripts.structure.walks import TRIGGERS, NothingWritten, Prepared, Walk, follow, walks_of

ROOT = Path(__file__).resolve().parents[3]
ONE = """
    from walked import other
    def trigger(write):
        helped()
        return sum(numbers()) and other.decide(write)
    def helped(): ...
    def numbers():
        yield from (1, 2, 3)
    def refuse(write): ...
    """
OTHER = """
    def decide(write):
        write()
        decide_more()
    def decide_more(): ...
    """


def write() -> None: ...


@pytest.fixture
def walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, ModuleType]]:
    product = tmp_path / "walked"
    product.mkdir()
    for name, text in (("__init__", ""), ("one", ONE), ("other", OTHER)):
        (product / f"{name}.py").write_text(dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    from walked import one  # type: ignore[import-not-found]  # noqa: PLC0415 - it was only just written

    yield product, one
    for name in ("walked", "walked.one", "walked.other"):
        sys.modules.pop(name, None)


def test_calls_are_followed_up_to_the_write(walked: tuple[Path, ModuleType]) -> None:
    product, module = walked
    # trigger, helped, numbers (once, though it is resumed), other.decide
    walk = follow(product, Prepared(lambda: module.trigger(write), write))
    assert walk == Walk(calls=4, files=2, switches=1, depth=2)


def test_a_trigger_that_writes_nothing_is_an_error_not_a_walk_of_no_length(walked: tuple[Path, ModuleType]) -> None:
    product, module = walked
    with pytest.raises(NothingWritten):
        follow(product, Prepared(lambda: module.refuse(write), write))


def test_the_triggers_of_this_checkout_lead_to_a_write_in_another_file() -> None:
    walks = walks_of(ROOT)
    assert walks.keys() == TRIGGERS.keys()
    assert all(walk.files > 1 and walk.switches >= walk.files - 1 for walk in walks.values())
