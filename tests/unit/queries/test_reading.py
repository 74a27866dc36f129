"""What pages, API and command line read, and clear messages about what does not exist."""

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.errors import NotFound
from slipway.domain.model import sha256
from slipway.ledger import LedgerUnavailable
from slipway.ledger.table import Row
from slipway.testing import Installation, MemoryTable

STRANGE = ["", "Shop", "../shop", "shop/1", "a#b", "a?b", "_other", "ж", "x" * 600, "shop\n"]


class Strict(MemoryTable):
    """Refuses keys as Table Storage does."""

    def get(self, partition: str, key: str) -> Row | None:
        if any(letter in partition + key for letter in "/\\#?\n"):
            raise LedgerUnavailable("OutOfRangeInput")
        return super().get(partition, key)


@pytest.fixture
def story(installation: Installation) -> Installation:
    installation.table = Strict()
    installation.restart()
    installation.push("1.0")
    installation.settle()
    return installation


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_are_not_found_and_never_part_of_a_key(story: Installation, name: str) -> None:
    for ask in (
        lambda: story.app.reader.head(name),
        lambda: list(story.app.reader.audit(name)),
        lambda: story.app.reader.release(f"{name}-1"),
    ):
        with pytest.raises(NotFound):
            ask()


@pytest.mark.parametrize("release_id", ["shop-2", "shop-0", "other-1", "shop", "", "-1", "shop--1", "shop-1x"])
def test_a_release_that_is_not_there_is_not_found(story: Installation, release_id: str) -> None:
    with pytest.raises(NotFound):
        story.app.reader.release(release_id)


def test_documents_that_are_not_there_are_not_found(story: Installation) -> None:
    for name in (sha256(b"none"), "", "nonsense"):
        with pytest.raises(NotFound):
            story.app.reader.evidence(name)
        with pytest.raises(NotFound):
            story.app.reader.plan(name)


def test_the_trail_of_one_release_holds_its_records_and_no_others(story: Installation) -> None:
    story.push("2.0")
    story.settle()
    first, second = story.app.reader.release("shop-1"), story.app.reader.release("shop-2")
    for release in (first, second):
        records = list(story.app.reader.audit("shop", release=release))
        assert all(isinstance(record, AuditRecord) and record.release == release.id for record in records)
    assert second.first_sequence > first.first_sequence == 1
    all_records = list(story.app.reader.audit("shop"))
    assert [r.sequence for r in all_records] == list(range(1, story.app.reader.head("shop").sequence + 1))


def test_pages_of_the_trail_follow_on_each_other(story: Installation) -> None:
    all_records = list(story.app.reader.audit("shop"))
    pages, after = [], 0
    while page := list(story.app.reader.audit("shop", after=after, limit=4)):
        pages += page
        after = page[-1].sequence
    assert pages == all_records


def test_releases_are_listed_newest_first_and_page_by_page(story: Installation) -> None:
    for number in range(5):
        story.push(f"3.{number}")
    assert [r.number for r in story.app.reader.releases("shop", limit=4)] == [6, 5, 4, 3]
    assert [r.number for r in story.app.reader.releases("shop", limit=4, before=3)] == [2, 1]
    assert [r.number for r in story.app.reader.releases("shop", limit=4, before=1)] == []
    assert len(story.app.reader.newest_releases(limit=3).read) == 3


def test_a_chain_is_said_to_be_intact_while_the_table_grows(story: Installation) -> None:
    verdict = story.verify()
    assert verdict.intact
    assert verdict.records == story.app.reader.head("shop").sequence
