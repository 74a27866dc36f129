"""The rows that hold the progress of copies."""

from datetime import UTC, datetime

from slipway.domain.promotion import CopyProgress, StepState
from slipway.ledger.under_way import ProgressRows
from slipway.testing import MemoryTable

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
STATE = StepState(
    step="shop-1/production/1/copy",
    progress=CopyProgress(environment="production", blobs=3, of_blobs=12, bytes=5, of_bytes=7, at=NOW),
    operation="https://management.azure.com/operations/1?s=signature",
)


def test_progress_is_written_read_replaced_and_forgotten() -> None:
    rows = ProgressRows(MemoryTable())
    rows.write("shop", 1, "production", STATE)
    assert rows.read("shop", 1, "production") == STATE
    rows.write("shop", 1, "production", STATE.evolve(operation=""))
    assert rows.read("shop", 1, "production") == STATE.evolve(operation="")
    rows.forget("shop", 1, "production")
    assert rows.read("shop", 1, "production") is None
    rows.forget("shop", 1, "production")


def test_releases_environments_and_applications_are_kept_apart() -> None:
    rows = ProgressRows(MemoryTable())
    rows.write("shop", 1, "production", STATE)
    for place in (("shop", 2, "production"), ("shop", 1, "staging"), ("blog", 1, "production")):
        assert rows.read(*place) is None


def test_the_address_of_an_import_is_not_shown() -> None:
    assert "signature" not in repr(STATE)
    assert "signature" not in str(STATE)


def test_sizes_are_shown_in_the_unit_of_the_whole() -> None:
    def size_text(done: int, share: int) -> str:
        return CopyProgress(
            environment="production", blobs=1, of_blobs=2, bytes=done, of_bytes=share, at=NOW
        ).text.partition(", ")[2]

    assert size_text(5, 999) == "5 of 999 bytes"
    assert size_text(500, 1_000) == "0.5 of 1.0 kB"
    assert size_text(1_240_000_000, 5_020_000_000) == "1.2 of 5.0 GB"
    assert size_text(0, 3 * 10**15) == "0.0 of 3000.0 TB"
