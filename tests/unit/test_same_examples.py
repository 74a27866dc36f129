"""A property is tried with the same examples wherever it runs: a red run can be repeated."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def examples() -> list[tuple[int, str]]:
    drawn = list[tuple[int, str]]()

    @settings(derandomize=True)
    @given(st.integers(), st.text())
    def draw(number: int, text: str) -> None:
        drawn.append((number, text))

    draw()
    return drawn


def test_importing_another_module_first_changes_no_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = examples()
    file = tmp_path / "constants.py"
    file.write_text(f"NUMBERS = {list(range(10_000, 10_400))}\nTEXTS = {[f'text {n}' for n in range(400)]}")
    spec = spec_from_file_location("constants_of_a_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert examples() == before
