"""The page of the numbers: figures, charts that say what they show, the same in a table; and wrong parameters."""

import re

import pytest

from slipway.web.numbers import show_numbers
from tests.unit.web.fleet import Fleet
from tests.unit.web.history import numbers
from tests.unit.web.samples import SAMPLES
from tests.unit.web.visitors import DORA


def body(name: str) -> str:
    return SAMPLES[name]().body.decode()


def test_the_page_shows_the_four_dora_numbers_and_the_wait_for_approval() -> None:
    page = body("numbers")
    for expected in (
        "Deployment frequency",
        "Lead time for changes",
        "Change failure rate",
        "Time to restore",
        "Waiting for approval",
    ):
        assert f"<dt>{expected}</dt>" in page


def test_every_chart_says_in_words_what_it_shows_and_the_table_has_its_numbers() -> None:
    page = body("numbers")
    assert page.count('<svg viewBox="0 0 360 170" role="img"') == page.count("<desc ") == 5
    for ids in re.findall(r'aria-labelledby="([\w-]+) ([\w-]+)"', page):
        for id in ids:
            assert f'id="{id}"' in page
    assert re.search(r"<desc[^>]*>Weeks 2026-W37 to 2026-W48\. went live: \d+ in 2026-W48", page)
    assert page.count('<th scope="row">2026-W') == 12


def test_a_failure_is_hatched_and_not_only_red() -> None:
    assert 'fill="url(#deployments-hatch)"' in body("numbers")


def test_a_chart_has_no_style_of_its_own_which_the_policy_would_refuse() -> None:
    assert "style=" not in body("numbers")


def test_a_wrong_parameter_is_named_and_the_form_stays_filled() -> None:
    answer = SAMPLES["numbers-wrong"]()
    page = answer.body.decode()
    assert answer.status == 400
    assert "weeks: expected a whole number from 1 to 104" in page
    assert "<option selected>shop</option>" in page
    assert "many&lt;script&gt;</option>" in page
    assert "<script>" not in page


def test_all_applications_are_a_table_of_links() -> None:
    page = body("numbers-all")
    assert 'href="/numbers?application=shop&amp;environment=production&amp;weeks=12"' in page or (
        'href="/numbers?application=shop&environment=production&weeks=12"' in page
    )


def test_one_environment_can_be_compared_over_all_applications() -> None:
    page = show_numbers(numbers(Fleet(applications=3)), {"environment": "production"}, DORA).body.decode()
    assert "shop in production" in page
    assert "shop in staging" not in page


def test_an_application_whose_trail_is_not_read_to_its_end_says_so() -> None:
    page = show_numbers(numbers(Fleet(applications=1), caught_up=False), {"application": "shop"}, DORA).body.decode()
    assert "its numbers are incomplete" in page


@pytest.mark.parametrize("name", ["numbers", "numbers-all"])
def test_the_same_page_has_the_same_etag(name: str) -> None:
    assert SAMPLES[name]().headers["ETag"] == SAMPLES[name]().headers["ETag"]
