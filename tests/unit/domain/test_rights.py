"""Who may do what to storage and queues, and what each queue takes."""

import pytest

from slipway.domain.queues import MessageKind, Queue
from slipway.domain.rights import (
    OPERATIONS,
    RIGHTS,
    Container,
    Operation,
    Party,
    TableName,
    every_call,
    may,
    rights_of,
)


@pytest.mark.parametrize("party", Party)
def test_rights_name_only_what_can_be_done_to_a_resource(party: Party) -> None:
    for resource, operations in RIGHTS[party].items():
        assert operations, f"{resource}: a right without an operation says nothing"
        assert operations <= OPERATIONS[type(resource)]


def test_only_the_worker_changes_or_deletes_anything() -> None:
    for party in set(Party) - {Party.WORKER}:
        for operations in RIGHTS[party].values():
            assert not operations & {Operation.CHANGE, Operation.DELETE, Operation.LISTEN}


def test_the_front_adds_only_what_the_worker_looks_at_before_it_counts() -> None:
    added = {resource for resource, operations in RIGHTS[Party.FRONT].items() if Operation.ADD in operations}
    assert added == {TableName.INBOX, TableName.CHALLENGES, Container.INCOMING}
    assert not may(RIGHTS[Party.FRONT], Container.INCOMING, Operation.READ)


def test_nobody_changes_a_row_of_the_inbox_once_it_was_added() -> None:
    """The row's time is the only evidence of when a vote was cast."""
    assert not any(may(RIGHTS[party], TableName.INBOX, Operation.CHANGE) for party in Party)


@pytest.mark.parametrize("queue", Queue)
def test_only_the_worker_sends_to_internal_queues(queue: Queue) -> None:
    senders = {party for party in Party if may(rights_of(party), queue, Operation.SEND)}
    assert senders == {Party.WORKER} if queue.internal else senders > {Party.WORKER}


@pytest.mark.parametrize("queue", Queue)
def test_only_the_worker_listens_to_queues(queue: Queue) -> None:
    assert [party for party in Party if may(rights_of(party), queue, Operation.LISTEN)] == [Party.WORKER]


def test_each_kind_of_message_has_one_queue_and_none_mixes_internal_with_foreign() -> None:
    for kind in MessageKind:
        (queue,) = (queue for queue in Queue if kind in queue.takes)
        assert queue.internal is kind.internal


def test_the_event_grid_function_gives_the_front_one_more_right_and_nobody_else_any() -> None:
    with_function, without_function = rights_of(Party.FRONT, event_grid_function=True), rights_of(Party.FRONT)
    calls = [call for call in every_call() if may(with_function, *call) and not may(without_function, *call)]
    assert calls == [(Queue.EVENTS, Operation.SEND)]
    for party in set(Party) - {Party.FRONT}:
        assert rights_of(party, event_grid_function=True) == rights_of(party)
