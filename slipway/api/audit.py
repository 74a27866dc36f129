"""The audit trail: queries, chains, anchors and verification, and the live releases according to it."""

from typing import Any

from pydantic import Field

from ..domain.audit import AuditRecord, Damaged
from ..domain.reports import Compared, LiveInEnvironment, Override
from .base import ApiAnswer, ApiList, ApiModel

__all__ = [
    "AnchoredChainsAnswer",
    "AnchorsAnswer",
    "AuditAnswer",
    "AuditPart",
    "AuditRecord",
    "Chain",
    "ChainEndAnswer",
    "ChainPart",
    "ChainRecord",
    "Damaged",
    "IndexAnswer",
    "LiveAnswer",
    "LiveInEnvironment",
    "Override",
    "PublicKeysAnswer",
    "ReindexAnswer",
]


class ChainEndAnswer(ApiModel):
    sequence: int = Field(ge=0)
    hash: str


class ChainPart(ApiAnswer):
    """The position of a part of a chain, without its records: a verifier parses those strictly, not with `read`."""

    application: str
    head: ChainEndAnswer
    next: int | None = Field(description="Continue after this sequence; null at the end.")


class Chain(ChainPart):
    """Part of one chain, oldest record first."""

    records: list[AuditRecord | Damaged]


class ChainRecord(ApiModel):
    """One record, or the remains of a damaged one."""

    record: AuditRecord | Damaged


class AuditPart(ApiAnswer):
    """The end of a page of the trail, without its records: clients pass those on unparsed."""

    next: str | None = Field(description="Pass it as `after`, with the same filters; null at the end.")


class AuditAnswer(AuditPart):
    """A page of the trail, newest first."""

    records: list[AuditRecord | Damaged] = Field(
        description="A record that does not verify is `damaged`, with the reason."
    )


class LiveAnswer(ApiList):
    environment: str
    live: list[LiveInEnvironment]
    next: str | None = Field(description="Pass it as `after`; null at the end.")


class ReindexAnswer(Compared):
    """The result of comparing a part of the index. `missing`, `wrong` and `extra` count copies; each record has
    several."""


class IndexAnswer(ApiAnswer):
    """Whether searches find every record in a part of a trail."""

    compared: ReindexAnswer


class PublicKeysAnswer(ApiAnswer):
    """The public keys that verify records, and the registration whose tokens prove people's statements."""

    text: str = Field(max_length=64 * 1024, description="`id:base64,id:base64`, oldest first.")
    issuer: str = Field(max_length=1024, description="The identity provider whose tokens prove votes: `iss`.")
    tenant: str = Field(max_length=36, description="Tenant of the voters: `tid`.")
    votes_client: str = Field(max_length=36, description="Client id of the registration for votes: `aud`.")
    installation: str = Field(max_length=256, description="The installation that statements are addressed to.")


class AnchoredChainsAnswer(ApiAnswer):
    """The chains that were ever anchored."""

    chains: list[str] = Field(description="Names of applications, former ones included, and `_installation`.")


class AnchorsAnswer(ApiAnswer):
    """The newest anchors of a chain."""

    anchors: list[Any] = Field(description="Newest first, each as it was written to its blob.")
