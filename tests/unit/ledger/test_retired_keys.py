"""A front holds no private key, and still knows which links were signed by a retired one."""

from collections.abc import Callable

import pytest

from slipway.domain.signing import NotRetired, PublicKeys
from slipway.ledger import LedgerUnavailable
from slipway.testing import Installation
from tests.links import public_of

OLD, NEW = {"20261001": b"o" * 32}, {"20261101": b"n" * 32}


def recorded(
    home: Installation, *, private: dict[str, bytes], public: dict[str, bytes]
) -> Callable[[], frozenset[str]]:
    home.app.installation.record_keys(tuple(private), public_of(public).by_id(), now=home.now)
    return home.app.installation.retired_keys


def test_no_key_is_retired_while_none_was_recorded(installation: Installation) -> None:
    assert installation.app.installation.retired_keys() == frozenset()


def test_a_key_is_retired_once_the_worker_recorded_that_it_no_longer_holds_it(installation: Installation) -> None:
    all_keys = OLD | NEW
    assert recorded(installation, private=all_keys, public=all_keys)() == frozenset()
    retired = recorded(installation, private=NEW, public=all_keys)
    assert NotRetired(public_of(all_keys), retired).ids() == tuple(NEW)


def test_a_key_that_is_newer_than_the_record_counts_at_once(installation: Installation) -> None:
    retired = recorded(installation, private=OLD, public=OLD)
    assert set(NotRetired(public_of(OLD | NEW), retired).live()) == {*OLD, *NEW}


def test_an_unreadable_record_lets_nothing_through() -> None:
    def away() -> frozenset[str]:
        raise LedgerUnavailable("the table does not answer")

    with pytest.raises(LedgerUnavailable):
        PublicKeys(NotRetired(public_of(OLD), away)).by_id()
