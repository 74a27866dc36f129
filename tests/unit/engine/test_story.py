"""A whole delivery through the real flow, with doubles of everything outside."""

from slipway.domain.release import Phase
from slipway.testing import ADA, Installation


def test_a_push_goes_to_staging_by_itself_and_to_production_after_an_approval(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert installation.staging.digest("shop") == installation.release(1).digest
    assert installation.production.digest("shop") is None
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert installation.production.digest("shop") == installation.release(1).digest
    assert installation.prod.held.tags["team/shop", "1.0"] == installation.release(1).digest
    assert installation.verify().intact
