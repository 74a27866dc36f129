"""A release that waits for its run says on its page, and through the API, which reported runs were not taken."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.testing import Installation, write_application
from slipway.testing.runs import run_info
from slipway.web.release import show_release
from tests.unit.engine.test_proving_runs import published_run, report_run
from tests.unit.web.visitors import DORA


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    """shop-1 waits for its run."""
    write_application(tmp_path, start="both")
    installation = Installation(tmp_path)
    installation.push("v1")
    assert installation.phase(1) is Phase.JOINING
    return installation


def test_a_run_that_nobody_knows_and_one_of_another_image_stand_on_the_page(home: Installation) -> None:
    report_run(home, run_info(id=99, number="20261128.9"))
    home.wait(timedelta(seconds=1))
    report_run(home, published_run(home, "other", id=7, number="20261128.7"))
    page = show_release(home.app.reader, "shop-1", visitor=DORA).body.decode()
    assert "Reported meanwhile, and ignored" in page
    first, second = home.explain(1).later_reports
    assert (first.what, second.what) == ("run 20261128.7", "run 20261128.9")
    assert first.why.startswith("it began shop-2: ")
    assert second.why.startswith("run-is-proved: ")
    assert "knows no" in second.why
    for report in (first, second):
        assert f"<bdi>{report.what}</bdi>" in page


def test_a_release_that_has_both_triggers_mentions_no_later_report(home: Installation) -> None:
    report_run(home, run_info(id=99, number="20261128.9"))
    report_run(home, published_run(home))
    home.settle()
    assert home.phase(1) is not Phase.JOINING
    assert home.explain(1).later_reports == ()
    assert "Told of meanwhile" not in show_release(home.app.reader, "shop-1", visitor=DORA).body.decode()
