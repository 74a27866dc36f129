"""Settings for property tests that need more examples than others, for which `tests/conftest.py` sets the number."""

from hypothesis import settings


def times(factor: int) -> settings:
    """Settings with `factor` times as many examples, for a fault that is rare among them."""
    return settings(max_examples=factor * settings().max_examples)
