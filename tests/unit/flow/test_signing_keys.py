"""A rotation is in the installation's trail, whoever did it and wherever the keys are kept."""

from tests.unit.flow.house import House


def test_a_rotation_is_recorded_once_with_ids_only(house: House) -> None:
    look = house.installation.keys_seen
    assert look(("k1",), now=house.time.now)
    assert not look(("k1",), now=house.time.now)
    assert look(("k2", "k1"), now=house.time.now)
    assert look(("k3", "k2"), now=house.time.now)
    records = list(house.ledger.audit("_installation"))
    assert [(record.action, record.actor) for record in records] == [("keys.changed", "slipway")] * 3
    assert records[-1].details == {"signs": "k3", "verify": ["k2"], "added": ["k3"], "retired": ["k1"]}
    assert house.reader.verify("_installation").intact
