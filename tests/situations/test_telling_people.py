"""Who is asked for a decision when not everybody can be reached."""

from collections.abc import Callable

import pytest

from tests.situations.kit import ADA, BEN, CLEO, Installation, shop

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]


@pytest.mark.parametrize("busy", [ADA, BEN, CLEO])
def test_the_other_approvers_are_notified_once_although_one_mailbox_is_busy(install: Install, busy: str) -> None:
    installation = install(shop(approvers=(ADA, BEN, CLEO)))
    installation.mail.busy[busy] = "450 4.2.0 greylisted, try again later"
    installation.push("v1")
    installation.settle()  # until the message is given up, an hour later; the first reminder is due after two
    for _ in range(6):
        installation.wait(minutes=5)
    others = [approver for approver in (ADA, BEN, CLEO) if approver != busy]
    assert [installation.mail.attempts[approver] for approver in others] == [1, 1]
