"""A rotation is recorded in the installation's trail, whoever made it and wherever the keys are kept."""

import base64

from slipway.testing import Installation

OLD, NEW = {"k1": b"1" * 32}, {"k1": b"1" * 32, "k2": b"2" * 32}


def test_a_rotation_is_recorded_once_with_its_public_keys_and_no_private_one(installation: Installation) -> None:
    look = installation.app.installation.record_keys
    assert look(("k1",), OLD, now=installation.now)
    assert not look(("k1",), OLD, now=installation.now)
    assert look(("k2", "k1"), OLD, now=installation.now)
    assert look(("k2", "k1"), NEW, now=installation.now)
    assert look(("k3", "k2"), NEW, now=installation.now)
    records = installation.trail("_installation")
    assert [(record.action, record.actor) for record in records] == [("keys.changed", "slipway")] * 4
    assert (records[1].details["added"], records[1].details["public_added"]) == (["k2"], [])
    assert (records[2].details["added"], records[2].details["public_added"]) == ([], ["k2"])
    assert records[-1].details == {
        "private": ["k3", "k2"],
        "added": ["k3"],
        "retired": ["k1"],
        "public": {kid: base64.b64encode(key).decode() for kid, key in NEW.items()},
        "public_added": [],
        "public_removed": [],
    }
    assert installation.verify("_installation").intact


def test_a_public_key_that_was_exchanged_under_its_id_is_reported(installation: Installation) -> None:
    look = installation.app.installation.record_keys
    look(("k1",), OLD, now=installation.now)
    assert look(("k1",), {"k1": b"x" * 32}, now=installation.now)
    assert installation.trail("_installation")[-1].details["public_removed"] == ["k1"]
