"""How many examples a property test tries beside others: `tests/conftest.py` says how many these try."""

from hypothesis import settings


def times(factor: int) -> settings:
    """So many times as many, where a fault is rare among what is drawn."""
    return settings(max_examples=factor * settings().max_examples)
