"""Names of failing tests, read from the output of the usual test runners."""

import pytest

from slipway.domain.failing_tests import failing_tests, first_names


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("FAILED tests/test_cart.py::test_total - assert 1 == 2", "tests/test_cart.py::test_total"),
        ("FAIL: test_total (shop.CartTest)", "test_total (shop.CartTest)"),
        ("--- FAIL: TestTotal (0.00s)", "TestTotal"),
        ("    --- FAIL: TestTotal/empty (0.00s)", "TestTotal/empty"),
        ("test cart::total ... FAILED", "cart::total"),
        ("not ok 3 - total is the sum # time=2ms", "total is the sum"),
        ("  ✕ total is the sum (2 ms)", "total is the sum (2 ms)"),
        ("  ● cart › total is the sum", "cart › total is the sum"),
        ("[ERROR] shop.CartTest.total  Time elapsed: 0.01 s  <<< FAILURE!", "shop.CartTest.total"),
        ("  Failed Shop.CartTests.Total [12 ms]", "Shop.CartTests.Total"),
    ],
)
def test_the_name_of_a_failing_test_is_found_in_the_log(line: str, name: str) -> None:
    assert failing_tests(f"running\n{line}\ndone\n") == (name,)


@pytest.mark.parametrize("log", ["", "1 test\n1 passed\n", "ok 1 - total\n", "Failed to connect to the database\n"])
def test_a_log_without_a_failing_test_names_none(log: str) -> None:
    assert failing_tests(log) == ()


def test_each_name_is_shown_once_and_only_the_first_three_are_listed() -> None:
    names = failing_tests("".join(f"FAILED t.py::test_{n}\n" for n in (1, 1, 2, 3, 4, 5)))
    assert first_names(names) == "failed: t.py::test_1, t.py::test_2, t.py::test_3 (and 2 more)"


@pytest.mark.parametrize("line", ["[ERROR] " + "a." * 2**17, "\n" * 2**18, "Failed " + "a." * 2**17])
@pytest.mark.usefixtures("fails_after_a_minute")
def test_long_output_is_searched_within_a_moment(line: str) -> None:
    """A pattern that backtracks would take hours for this output and block all other work."""
    assert failing_tests(f"{line}\n--- FAIL: TestTotal") == ("TestTotal",)
