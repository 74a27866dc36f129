"""Message ids: one for each poll and each try, of a length that the queue accepts."""

import pytest

from slipway.domain.queues import Queue
from slipway.domain.steps import MESSAGE_ID_LIMIT, Notice, Outgoing, Step, StepKind
from tests.unit.domain.samples import MORNING

LONG = "a" * 40


def step(**fields: object) -> Step:
    usual: dict[str, object] = {
        "kind": StepKind.NOTIFY,
        "application": LONG,
        "release": 10**9,
        "environment": LONG,
        "attempt": 1,
        "asked_at": MORNING,
        "notice": Notice.VOTES_VOIDED,
        "channel": LONG,
    }
    return Step.model_validate(usual | fields)


def test_the_id_of_a_message_reads_as_its_step() -> None:
    short = step(application="shop", release=482, environment="staging", notice=None, channel=None, kind=StepKind.PLAN)
    assert short.message_id == "shop-482/staging/1/plan:0.0.0"


def test_an_id_that_would_be_too_long_is_a_hash_that_the_outbox_takes() -> None:
    message_id = step().message_id
    assert message_id.startswith("sha256:")
    assert len(message_id) <= MESSAGE_ID_LIMIT
    assert Outgoing(queue=Queue.STEPS, id=message_id, body={}).id == message_id


@pytest.mark.parametrize(
    "changed",
    [
        {"application": "b" + LONG[1:]},
        {"release": 10**9 + 1},
        {"environment": "b" + LONG[1:]},
        {"attempt": 2},
        {"notice": Notice.ENDED},
        {"channel": LONG[1:] + "b"},
        {"poll": 1},
        {"tries": 1},
        {"resent": 1},
    ],
    ids=lambda changed: str(next(iter(changed))),
)
def test_long_ids_of_steps_that_differ_in_one_field_differ(changed: dict[str, object]) -> None:
    assert step(**changed).message_id != step().message_id
