"""Approval requests that approvers answer in Teams: each starts a run of the flow in `infra/teams-flow.json`.

The run posts the card to the person, waits, and sends the answer to the queue `approvals`, with the subject of the
question and, from Teams, the identity of the person who answered. The flow answers 202 when the run has started.
"""

import json
from email.errors import MessageError
from email.headerregistry import Address

from .asking_card import asking_card
from .channel import Message, NotificationError, VoteTarget
from .posting import PostingChannel


class TeamsFlow(PostingChannel):
    """One flow. It delivers only approval requests: all other notices need another channel."""

    shared = False
    asks_only = True

    def send(self, message: Message) -> None:
        if message.vote is None:
            why = "it carries only questions, so nobody was told"
            raise NotificationError(f"channel {self._name}: {why}", retryable=False)
        if not message.recipient:  # people who are listed only by role or group sign in to vote
            return
        try:
            body = json.dumps(question(message, message.vote)).encode()
        except (ValueError, MessageError) as error:
            raise NotificationError(f"channel {self._name}: {error}", retryable=False) from None
        self._post(body, {"Content-Type": "application/json"}, expected="202")


def question(message: Message, vote: VoteTarget) -> dict[str, object]:
    """The input of a run. Raises ValueError for an invalid address, and for a card that would be too large."""
    recipient = message.recipient
    if not recipient.isascii() or ";" in recipient or Address(addr_spec=recipient).addr_spec != recipient:
        raise ValueError(f"expected an address by which Teams knows each approver, got {recipient[:80]!r}")
    return {
        "id": message.id,
        "recipient": recipient,
        "vote": vote.model_dump(mode="json", exclude={"approves"}),
        "card": asking_card(message),
    }
