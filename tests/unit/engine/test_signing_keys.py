"""A rotation is in the installation's trail, whoever did it and wherever the keys are kept."""

from slipway.testing import Installation


def test_a_rotation_is_recorded_once_with_ids_only(installation: Installation) -> None:
    look = installation.app.installation.keys_seen
    assert look(("k1",), now=installation.now)
    assert not look(("k1",), now=installation.now)
    assert look(("k2", "k1"), now=installation.now)
    assert look(("k3", "k2"), now=installation.now)
    records = installation.trail("_installation")
    assert [(record.action, record.actor) for record in records] == [("keys.changed", "slipway")] * 3
    assert records[-1].details == {"signs": "k3", "verify": ["k2"], "added": ["k3"], "retired": ["k1"]}
    assert installation.verify("_installation").intact
