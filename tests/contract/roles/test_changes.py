"""A change of the catalogue goes from front to worker with the rights that the table of rights gives each of them.

So does the way out of a gate that nobody can satisfy any more, until it takes effect a day later.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from azure.core.credentials import AzureSasCredential
from azure.data.tables import TableClient
from azure.servicebus import ServiceBusClient
from azure.storage.blob import ContainerClient

from local.servicebus import ServiceBus
from local.servicebus.server import key_connection
from local.stack.grants import storage_tokens
from slipway.bootstrap import Ports
from slipway.clock import utc_now
from slipway.commands.saying import StatementReceipt
from slipway.commands.submitting import ToConfirm
from slipway.domain.answers import StatementState
from slipway.domain.errors import present
from slipway.domain.identity import TokenPerson
from slipway.domain.inbox import Received, Via
from slipway.domain.proposing import ChangePhase, ProposedChange
from slipway.domain.rights import Container, Party, TableName
from slipway.domain.versions import Subject, SubjectKind
from slipway.effects.messaging.service_bus import ServiceBus as Bus
from slipway.ledger import LedgerUnavailable
from slipway.ledger.azure_blobs import AzureBlobs
from slipway.ledger.azure_table import AzureTable
from slipway.ledger.blobs import BLOB_LIMIT, INCOMING_LIMIT
from slipway.queries.answers import Reply
from slipway.testing import write_application
from slipway.testing.sign_in import person
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import confirm_pending, proof_of, say_proved
from tests.contract.roles.conftest import KEYS, Storage
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import statement


def no_signing_key() -> NoReturn:
    raise AssertionError("the front holds no key to sign a record, a message or a link")


def limited(storage: Storage, bus: ServiceBus, party: Party) -> Callable[[Ports], Ports]:
    """Limit the ports to the tokens and the key of one role."""
    tokens = storage_tokens(party)

    def table(name: TableName) -> AzureTable:
        client = TableClient(storage.tables.url, table_name=name, credential=AzureSasCredential(tokens[name]))
        return AzureTable(client)

    def blobs(name: Container, *, limit: int = BLOB_LIMIT) -> AzureBlobs:
        client = ContainerClient(storage.blobs.url, name, credential=AzureSasCredential(tokens[name]))
        return AzureBlobs(client, limit=limit)

    def connect() -> ServiceBusClient:
        connection = key_connection(f"127.0.0.1:{bus.port}", str(party), KEYS[party])
        return ServiceBusClient.from_connection_string(connection, retry_total=0)

    def wrapped(ports: Ports) -> Ports:
        limited_ports = replace(
            ports,
            table=lambda: table(TableName.LEDGER),
            index_table=lambda: table(TableName.INDEX),
            inbox_table=lambda: table(TableName.INBOX),
            incoming=lambda: blobs(Container.INCOMING, limit=INCOMING_LIMIT),
            blobs=lambda: blobs(Container.EVIDENCE),
            bus=lambda: Bus(connect, encode=lambda message: no_signing_key()),
        )
        if party is Party.WORKER:
            return limited_ports
        return replace(limited_ports, signer=no_signing_key, private_keys=no_signing_key)

    return wrapped


def test_the_front_applies_with_its_own_rights_alone_and_the_worker_makes_the_change(
    tmp_path: Path, storage: Storage, bus: ServiceBus
) -> None:
    write_application(tmp_path)
    front, worker = Live(tmp_path), Live(tmp_path)
    front.restart(wrap=limited(storage, bus, Party.FRONT))
    worker.restart(wrap=limited(storage, bus, Party.WORKER))
    incoming = storage.blobs.get_container_client(Container.INCOMING)
    blobs_of_other_tests = set(incoming.list_blob_names())
    entries_of_other_tests = set(front.app.catalogue.entries)
    receipt = front.say()
    assert isinstance(receipt, StatementReceipt)
    assert front.reply(receipt).state is StatementState.RECEIVED
    assert set(front.app.catalogue.entries) == entries_of_other_tests
    worker.app.inbox_reader.take(receipt.partition, receipt.id)
    assert front.reply(receipt).state is StatementState.COUNTED
    front.app.catalogue.look_again()
    assert set(front.app.catalogue.entries) == {*entries_of_other_tests, "shop"}
    assert set(incoming.list_blob_names()) == blobs_of_other_tests


def test_the_storage_refuses_a_front_that_tries_the_workers_part_of_a_change(
    tmp_path: Path, storage: Storage, bus: ServiceBus
) -> None:
    write_application(tmp_path, "cart")
    front = Live(tmp_path)
    front.restart(wrap=limited(storage, bus, Party.FRONT))
    receipt = front.say()
    assert isinstance(receipt, StatementReceipt)
    received = front.app.inbox.get(receipt.partition, receipt.id)
    assert isinstance(received, Received)
    with pytest.raises(LedgerUnavailable):
        front.app.applying.take(received)
    with pytest.raises(LedgerUnavailable):
        front.app.versions.store(b"{}")


class Roles:
    """A front and a worker, each with its own rights alone, one directory, and one clock that a test moves."""

    def __init__(self, folder: Path, storage: Storage, bus: ServiceBus) -> None:
        self.front = Live(folder)
        self.worker = Live(folder, provider=self.front.provider, clock=self.front.clock)
        self.front.now = utc_now()  # rows of the inbox have the times of the service
        self.front.restart(wrap=limited(storage, bus, Party.FRONT))
        self.worker.restart(wrap=limited(storage, bus, Party.WORKER))

    def outcome_of(self, receipt: object) -> Reply:
        """The worker's outcome, as the front reads it."""
        assert isinstance(receipt, StatementReceipt), receipt
        self.worker.app.inbox_reader.take(receipt.partition, receipt.id)
        self.front.app.catalogue.look_again()
        self.worker.app.catalogue.look_again()
        return self.front.app.answers.reply(receipt.partition, receipt.id)

    def propose(self) -> ProposedChange:
        """Olga applies the folder, and confirms it in her browser."""
        to_confirm, saying = self.front.say(), self.front.app.saying
        assert isinstance(to_confirm, ToConfirm), to_confirm
        handle = saying.keep_pending(
            to_confirm.statement, Via.CLI, content=to_confirm.content, compared=to_confirm.compared
        )
        confirm_pending(self.front, handle)
        partition, row = present(saying.confirmed(handle), "what she confirmed")
        reply = self.outcome_of(StatementReceipt(partition=partition, id=row))
        assert reply.state is StatementState.COUNTED, reply
        return self.change(str(present(reply.answered, "the answer").change))

    def stand_in(self, change: ProposedChange, who: TokenPerson) -> StatementState:
        stand_in_statement = statement(change, stands_in=True, reason="the team has gone")
        return self.outcome_of(say_proved(self.front, proof_of(self.front, stand_in_statement, who))).state

    def change(self, hash: str) -> ProposedChange:
        return present(self.front.app.proposals.current(hash).change, "the change")

    def version(self) -> int:
        return self.front.app.versions.current(Subject(kind=SubjectKind.APPLICATION, name="till")).number


def test_a_change_by_two_stand_ins_takes_effect_a_day_after_the_approvers_were_notified(
    tmp_path: Path, storage: Storage, bus: ServiceBus
) -> None:
    """With the service's own timestamps and each role's own tokens; only the day is skipped."""
    write_application(tmp_path, "till")
    roles = Roles(tmp_path, storage, bus)
    gate = {"kind": "approval", "approvers": ["role:gone"], "required": 2, "level": "signed", "fresh": "5m"}
    roles.front.edit_environment("production", "till", gate=gate)
    assert roles.outcome_of(roles.front.say()).state is StatementState.COUNTED
    roles.front.edit_environment("production", "till", gate=gate | {"approvers": ["role:shop-approvers"]})
    change = roles.propose()
    assert (change.phase, roles.version()) == (ChangePhase.WAITING, 1)

    assert roles.stand_in(change, SIGNS_IN) is StatementState.REFUSED, (
        "whoever proposed the change cannot be one of the two"
    )
    for number in (31, 32):
        assert roles.stand_in(change, person(number, f"Person {number}", "platform")) is StatementState.COUNTED
    assert roles.change(change.hash).phase is ChangePhase.STOOD_IN
    assert [m.notice for m in roles.worker.inbox.messages if m.notice == "change-stood-in"] == ["change-stood-in"]

    roles.front.wait(timedelta(hours=23))
    assert roles.worker.reconcile().problems == ()
    assert (roles.change(change.hash).phase, roles.version()) == (ChangePhase.STOOD_IN, 1)
    roles.front.wait(timedelta(hours=1, minutes=1))
    assert roles.worker.reconcile().problems == ()
    assert (roles.change(change.hash).phase, roles.version()) == (ChangePhase.IN_FORCE, 2)
    newest = next(roles.front.app.versions.history(Subject(kind=SubjectKind.APPLICATION, name="till"), limit=1))
    assert newest.by == f"oid:{SIGNS_IN.oid}"
