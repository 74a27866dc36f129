"""A whole delivery through the real flow, on doubles of everything outside."""

from slipway.domain.release import Phase
from tests.unit.flow.deliveries import ADA
from tests.unit.flow.house import House


def test_a_push_goes_to_staging_by_itself_and_to_production_after_an_approval(house: House) -> None:
    house.push("1.0")
    house.settle()
    assert house.phase(1) is Phase.AWAITING_APPROVAL
    assert house.staging.digest("shop") == house.release(1).digest
    assert house.production.digest("shop") is None
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.COMPLETED
    assert house.production.digest("shop") == house.release(1).digest
    assert house.prod.held.tags["team/shop", "1.0"] == house.release(1).digest
    assert house.reader.verify("shop").intact
