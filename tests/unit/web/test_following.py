"""A release's page that is followed: read again by itself while the release moves, and no longer."""

import pytest

from slipway.domain.release import Release
from slipway.web import release
from slipway.web.answer import Answer
from tests.unit.web.installation import Told
from tests.unit.web.samples import asked, cast_vote
from tests.unit.web.visitors import DORA


@pytest.fixture
def waiting() -> tuple[Told, Release]:
    return asked()


def page(waiting: tuple[Told, Release], *, follow: bool) -> Answer:
    home, subject = waiting
    return release.show(home.app.reader, subject.id, visitor=DORA, follow=follow)


def test_a_release_that_is_followed_is_read_again_until_it_has_ended(waiting: tuple[Told, Release]) -> None:
    followed = page(waiting, follow=True)
    assert followed.headers["Refresh"] == "5"
    assert ">Stop</a>" in followed.body.decode()
    home, subject = waiting
    cast_vote(home, subject)
    home.settle()
    ended = page(waiting, follow=True)
    assert "Refresh" not in ended.headers
    assert ">Stop</a>" not in ended.body.decode()


def test_nobody_else_is_interrupted_while_reading(waiting: tuple[Told, Release]) -> None:
    looked = page(waiting, follow=False)
    assert "Refresh" not in looked.headers
    assert '?follow=1">Follow</a>' in looked.body.decode()
