"""The release's page marks each record that the worker did not sign as one that proves nothing."""

import pytest

from slipway.domain.audit import AuditRecord
from slipway.ledger import keys
from slipway.ledger.rows import pack_audit
from slipway.ledger.table import Act, Write
from slipway.testing import Installation
from slipway.testing.chains import signed_anew
from slipway.web import release
from tests.unit.web.visitors import DORA

NOTHING = "This record proves nothing"


@pytest.fixture
def delivered(installation: Installation) -> Installation:
    installation.push("1.0.0")
    installation.settle()
    installation.vote(1)
    installation.settle()
    return installation


def page(installation: Installation) -> str:
    body = release.show_release(installation.app.reader, "shop-1", visitor=DORA).body
    return body.decode() if isinstance(body, bytes) else body


def put(installation: Installation, record: AuditRecord) -> None:
    row = Write(act=Act.PUT, key=keys.audit(record.sequence), values=pack_audit(record))
    installation.app.table.transact("shop", [row])


def vote(installation: Installation) -> AuditRecord:
    return next(record for record in installation.trail() if record.action == "vote.approved")


def test_each_record_names_the_key_that_it_is_signed_with(delivered: Installation) -> None:
    html = page(delivered)
    assert NOTHING not in html
    assert html.count("<dt>signed with</dt><dd><code>test</code>") == len(delivered.trail())


def test_a_changed_record_is_shown_as_one_that_proves_nothing(delivered: Installation) -> None:
    put(delivered, vote(delivered).evolve(actor="mallory@example.com"))
    html = page(delivered)
    assert NOTHING in html
    assert "its content does not match its hash" in html
    assert "mallory@example.com" not in html


def test_a_record_with_a_foreign_signature_is_shown_as_one_that_proves_nothing(delivered: Installation) -> None:
    own_vote = vote(delivered)
    changed = signed_anew(own_vote.evolve(actor="mallory@example.com"))
    put(delivered, changed.evolve(sig=own_vote.sig))
    html = page(delivered)
    assert "its signature with the key test is wrong" in html
    assert "mallory@example.com" not in html
