"""A ledger that was restored to an earlier state, in memory and on Azurite: every row is genuine, and still it is
noticed that the newest are missing, by the anchors and by the Lease in the cluster.

The test restores exactly what a restore of the account would: the rows of a table, with or without the blobs beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from slipway.domain.order import Order
from slipway.domain.release import Phase, VoteDecision
from slipway.ledger import Blobs, Table
from slipway.ledger.chain_anchors import AddedBlobs
from slipway.ledger.table import Act, Row, Write
from slipway.testing import Installation, MemoryAdded, MemoryBlobs, MemoryTable, write_application
from tests.azurite import fresh_name
from tests.unit.engine.test_fencing import deliver, lease, record

pytestmark = pytest.mark.sweep(keep=1)  # in memory; the rows themselves are compared in `test_table`

LAST = "~"


@dataclass
class Account:
    """The ledger's storage account; each new container for anchors is empty."""

    table: Table
    blobs: Blobs
    containers: Iterator[AddedBlobs]
    backup: list[Row] = field(default_factory=list)
    anchors: dict[str, bytes] = field(default_factory=dict)

    def keep(self, installation: Installation) -> None:
        """Take a backup."""
        self.backup = list(self.table.rows("shop", " ", LAST))
        self.anchors = dict(installation.added.listed(""))

    def restore(self, installation: Installation, *, anchors: bool) -> None:
        """Restore the rows of the backup, and the anchors too if `anchors`; the queues have forgotten everything."""
        for row in list(self.table.rows("shop", " ", LAST)):
            self.table.transact("shop", [Write(act=Act.DELETE, key=row.key)])
        for row in self.backup:
            self.table.transact("shop", [Write(act=Act.CREATE, key=row.key, values=row.values)])
        if anchors:
            installation.added = next(self.containers)
            for name, content in self.anchors.items():
                installation.added.add(name, content)
        installation.bus.forget_ids()
        installation.restart()


def in_azurite(connection: str) -> Iterator[AddedBlobs]:
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415 - slow

    from slipway.ledger.azure_blobs import AzureAdded  # noqa: PLC0415

    with BlobServiceClient.from_connection_string(connection) as service:
        while True:
            yield AzureAdded(service.get_container_client(fresh_name("added")), makes=True)


@pytest.fixture(params=["memory", "azurite"])
def account(request: pytest.FixtureRequest) -> Account:
    if request.param == "memory":
        return Account(MemoryTable(), MemoryBlobs(), (MemoryAdded() for _ in count()))
    of_azurite = request.getfixturevalue
    return Account(of_azurite("azure_table"), of_azurite("azure_blobs"), in_azurite(of_azurite("azurite")))


@pytest.fixture
def live(tmp_path: Path, account: Account) -> Installation:
    """Release 1 is live everywhere."""
    write_application(tmp_path)
    installation = Installation(tmp_path, table=account.table, blobs=account.blobs, added=next(account.containers))
    deliver(installation, 1)
    assert installation.phase(1) is Phase.COMPLETED
    return installation


def test_a_ledger_from_before_a_rejection_opens_nothing_while_its_anchors_are_there(
    live: Installation, account: Account
) -> None:
    live.push("1.2.0")
    live.settle()
    assert live.phase(2) is Phase.AWAITING_APPROVAL
    account.keep(live)
    live.vote(2, decision=VoteDecision.REJECT, reason="not today")
    live.settle()
    applied = live.production.applied
    account.restore(live, anchors=False)
    assert live.is_consistent()
    live.vote(2)
    live.settle()
    assert live.production.applied == applied
    assert live.phase(2) is Phase.FAILED
    assert "ledger.rewound" in live.actions()


def test_a_restored_ledger_is_detected_by_the_lease_in_production(live: Installation, account: Account) -> None:
    """The anchors are restored as well, so that only the Lease shows it."""
    account.keep(live)
    deliver(live, 2)
    assert lease(live.production, "production").order == Order(epoch=0, number=2)
    account.restore(live, anchors=True)
    applied = live.production.applied
    deliver(live, 3)
    assert live.production.applied == applied
    assert live.phase(2) is Phase.FAILED
    assert "which the Lease in the cluster names, is" in str(record(live, "ledger.rewound")["reason"])


@pytest.mark.parametrize("account", ["memory"], indirect=True)
def test_a_restored_ledger_of_class_test_lets_the_next_rollout_go_above_what_the_cluster_has(
    live: Installation, account: Account
) -> None:
    account.keep(live)
    for number in (2, 3, 4):
        live.push(f"1.{number}.0")
        live.settle()
    assert lease(live.staging, "staging").order == Order(epoch=0, number=4)
    account.restore(live, anchors=True)
    live.push("1.5.0")
    live.settle()
    assert live.phase(2) is Phase.SUPERSEDED
    assert "order 0.4 was taken, and this one has 0.2" in live.release(2).reason
    live.push("1.6.0")
    live.settle()
    assert lease(live.staging, "staging").order == Order(epoch=0, number=5)
    assert live.staging.digest("shop") == live.release(3).digest
