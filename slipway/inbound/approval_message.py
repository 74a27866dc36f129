"""A message in the queue `approvals`, on behalf of a person: a vote, the rejection of a proposed change of the
catalogue, or a command that stops something.

Senders to this queue are believed about the person for whom they speak, and about nothing more: the message is the
queue's claim, at the level `queue`, never the person's own act. So nothing in a message is a credential.
"""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from ..domain.blocks import REASON_LIMIT
from ..domain.commands import Verb
from ..domain.incoming import ForeignModel
from ..domain.model import Digest, Name
from ..domain.people import Guid
from ..domain.release import VoteDecision
from .reading import BadInput, read_as, read_json

LARGEST: Final = 16 * 1024
"""Bytes of a message: the longest reason in its longest form as JSON, and room for the rest."""
MessageId = Annotated[str, Field(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]


class _Message(ForeignModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OnBehalfOf(_Message):
    """The person, as Entra knows them."""

    tid: Guid
    oid: Guid


class VoteMessage(_Message):
    """A vote: at gates of level `queue` or `link`; a rejection, a withdrawal or an objection anywhere."""

    v: Literal[1]
    id: MessageId = Field(description="The sender's own id for it: the same id again is a repeat.")
    application: Name
    release: Number = Field(description="The number in its id: 482 of shop-482.")
    environment: Name
    opening: Number | None = Field(default=None, description="Which opening of the gate. Required for an approval.")
    plan: Digest | None = Field(default=None, description="The hash of the plan. Required for an approval.")
    decision: VoteDecision
    on_behalf_of: OnBehalfOf
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = Field(default="", description="A rejection needs one.")


class ChangeVoteMessage(_Message):
    """The rejection of a proposed change of the catalogue. An approval needs a proof, which a message is not."""

    v: Literal[1]
    id: MessageId = Field(description="The sender's own id for it: the same id again is a repeat.")
    change: Digest = Field(description="Hash of the change, as its page and `slipway changes` name it.")
    opening: Number | None = Field(default=None, description="Which proposal of it; by default the open one.")
    plan: Digest | None = Field(default=None, description="The hash of the plan that people are asked about.")
    decision: Literal[VoteDecision.REJECT]
    on_behalf_of: OnBehalfOf
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = Field(default="", description="A rejection needs one.")


class CommandMessage(_Message):
    """A command that stops something: `cancel` of a release, `freeze` of an environment or of everything."""

    v: Literal[1]
    id: MessageId = Field(description="The sender's own id for it: the same id again is a repeat.")
    application: Name | None = Field(default=None, description="Without it, everything is frozen.")
    release: Number | None = Field(default=None, description="The release to cancel, by its number.")
    environment: Name | None = Field(default=None, description="The environment to freeze.")
    verb: Literal[Verb.CANCEL, Verb.FREEZE]
    on_behalf_of: OnBehalfOf
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = Field(default="", description="Required.")


type ApprovalMessage = VoteMessage | ChangeVoteMessage | CommandMessage


def parse_approval(body: bytes, *, tenant: str) -> ApprovalMessage:
    """The message, from a person of this Entra tenant. Raises `BadInput`."""
    value = read_json(body, limit=LARGEST)
    message: ApprovalMessage = read_as(_model_of(value), value)
    if message.on_behalf_of.tid.casefold() != tenant.casefold():
        raise BadInput("on_behalf_of.tid", "the tenant of this installation", "another")
    if isinstance(message, CommandMessage):
        _check_subject(message)
    elif isinstance(message, VoteMessage) and message.decision is VoteDecision.APPROVE:
        _check_named(message)
    return message


def _model_of(value: object) -> type[VoteMessage | ChangeVoteMessage | CommandMessage]:
    """The model of a message: it depends on whether the message names a verb, a change, or a release."""
    fields = value if isinstance(value, dict) else {}
    if "verb" in fields:
        return CommandMessage
    return ChangeVoteMessage if "change" in fields else VoteMessage


def _check_named(message: VoteMessage) -> None:
    """An approval has to name one plan and one opening."""
    for name, value in (("opening", message.opening), ("plan", message.plan)):
        if value is None:
            raise BadInput(name, "what the approval is for", "nothing")


def _check_subject(message: CommandMessage) -> None:
    """A command has to name its subject, and nothing else."""
    everything = message.verb is Verb.FREEZE and message.application is None
    needed = {
        "application": not everything,
        "release": message.verb is Verb.CANCEL,
        "environment": message.verb is Verb.FREEZE and not everything,
    }
    for name, is_needed in needed.items():
        value = getattr(message, name)
        if is_needed and value is None:
            raise BadInput(name, f"what the {message.verb} is about", "nothing")
        if not is_needed and value is not None:
            raise BadInput(name, f"nothing, for this {message.verb}", repr(value))
