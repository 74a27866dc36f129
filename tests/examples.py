"""How many examples a property test tries beside others: `tests/conftest.py` says how many these try."""

from hypothesis import settings


def times(factor: int) -> settings:
    """So many times as many examples, for a fault that is rare among them."""
    return settings(max_examples=factor * settings().max_examples)
