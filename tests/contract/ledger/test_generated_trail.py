"""The benchmark's trails are those that the app would have written: complete chains, and an index without gaps."""

from azure.data.tables import TableServiceClient

from bench.trail import shape, write
from slipway.domain.audit import AuditRecord, ChainCheck
from slipway.testing.chains import PUBLIC_KEYS
from tests.azurite import fresh_name

RECORDS = 250


def test_a_generated_trail_is_intact_and_its_index_has_no_differences(azurite: str) -> None:
    with TableServiceClient.from_connection_string(azurite) as service:
        name, lines = fresh_name("made"), list[str]()
        generated = write(service, name, shape(RECORDS), progress=lines.append)
        ledger, work, compared_records = generated.app.ledger, generated.app.reindexing, 0
        for application in generated.applications:
            head, check = ledger.head(application), ChainCheck(application, keys=PUBLIC_KEYS)
            for record in ledger.audit(application):
                assert isinstance(record, AuditRecord)
                assert check.feed(record) is None
            assert check.count == head.sequence
            compared = work.compare(application, head=head.sequence, repair=False, limit=RECORDS)
            assert (compared.missing, compared.wrong, compared.extra) == (0, 0, 0)
            compared_records += compared.records
        assert compared_records == RECORDS
        assert f"{RECORDS} of {RECORDS}" in lines[-1]
