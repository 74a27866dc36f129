"""Every document beside the trail can be erased for a person's sake: the chain of records verifies without it."""

from slipway.domain.release import Phase
from slipway.testing import Installation, MemoryBlobs
from tests.security.test_kept_proofs import approve, blobs, home

__all__ = ["blobs", "home"]


def test_the_trail_verifies_without_any_document_that_its_records_name(home: Installation, blobs: MemoryBlobs) -> None:
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    proofs = [record.proof for record in home.trail() if record.proof]
    assert proofs
    assert all(proof in blobs.documents for proof in proofs)
    blobs.documents.clear()
    assert home.verify().intact
    assert [record.proof for record in home.trail() if record.proof] == proofs
