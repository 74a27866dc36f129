"""The page docs/reference/glossary.md, made from docstrings and enums: `python -m scripts.reference.glossary`."""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import ModuleType
from typing import Final

from scripts.reference.meanings import first_paragraph, of_field, of_members
from slipway import bundle
from slipway.catalogue.entries import Catalogue
from slipway.domain import (
    actions,
    application,
    audit,
    blocks,
    chain_anchor,
    challenge,
    drift,
    environment,
    events,
    fence,
    gate,
    hints,
    inbox,
    order,
    plan,
    project,
    promotion,
    proof,
    release,
    snapshot,
    statement,
    waivers,
    windows,
)
from slipway.domain.answers import StatementState
from slipway.domain.application import SourceKind, Start, VersionOrder
from slipway.domain.around import Side
from slipway.domain.audit_query import ActionClass
from slipway.domain.chain_anchor import AnchorReason, GateOutcome
from slipway.domain.commands import Verb
from slipway.domain.decide import Decision
from slipway.domain.drift import DriftKind, OnDrift
from slipway.domain.environment import OnConfigChange, OnFailure
from slipway.domain.export import ExportFormat
from slipway.domain.gate import Level, Need, WhenNewer
from slipway.domain.inbox import InboxKind, LookKind, Via
from slipway.domain.phases import Phase
from slipway.domain.pipeline import RunResult
from slipway.domain.project import EnvironmentClass, ProvenanceLevel
from slipway.domain.promotion import PromotionMethod, RefusedReferrer, TakenTag
from slipway.domain.proposing import ChangePhase
from slipway.domain.pruning import Ending
from slipway.domain.queues import MessageKind, Queue
from slipway.domain.release import VoteDecision
from slipway.domain.reports import Override, Parked, Status
from slipway.domain.rights import Beyond, Container, Operation, Party, Secret, TableName
from slipway.domain.roles import Permission, Role
from slipway.domain.rules import Milestone, Rule, WaitsFor
from slipway.domain.runs import Involvement, Trust
from slipway.domain.sources import Source
from slipway.domain.stages import Stage
from slipway.domain.steps import Notice, Step, StepKind
from slipway.domain.tokens import Purpose
from slipway.domain.tones import Tone
from slipway.domain.versions import SubjectKind
from slipway.engine import outbox
from slipway.engine.steps import copy, verify
from slipway.ledger import archive, audit_index, leases
from slipway.ledger.ledger import Ledger
from slipway.maintenance import reconcile

CONCEPTS: Final[Mapping[str, type | ModuleType | tuple[type, str]]] = {
    "project": project.Project,
    "application": application.Application,
    "catalogue": Catalogue,
    "environment": environment.Environment,
    "artifact": release.Artifact,
    "bundle": bundle,
    "run": release.Run,
    "release": release.Release,
    "lane": release.Lane,
    "plan": plan,
    "gate": gate,
    "vote": release.Vote,
    "attempt": (release.Release, "attempt"),
    "opening": (release.GateState, "opening"),
    "promotion": promotion,
    "copy": copy,
    "rollout": release.Rollout,
    "verification": verify,
    "evidence": release.Evidence,
    "live": release.Live,
    "rollback": release.Rollback,
    "window": windows,
    "freeze": blocks.Freeze,
    "hold": blocks.Hold,
    "override": Override,
    "waiver": waivers,
    "drift": drift,
    "event": events,
    "snapshot": snapshot,
    "decision": Decision,
    "hint": hints,
    "inbox": inbox,
    "statement": statement,
    "challenge": challenge,
    "proof": proof,
    "step": Step,
    "lease": leases,
    "order": order,
    "fence": fence,
    "ledger": Ledger,
    "epoch": (release.Head, "epoch"),
    "outbox": outbox,
    "reconcile": reconcile,
    "parked": Parked,
    "audit trail": audit,
    "audit record": audit.AuditRecord,
    "action": actions.Action,
    "audit index": audit_index,
    "archive": archive,
    "anchor": chain_anchor,
}
"""Each word with the class or module whose docstring says what it is, or with the field and its class; in the order in
which a release meets them."""

WORDS: Final[Mapping[str, type[StrEnum]]] = {
    "Class": EnvironmentClass,
    "What CI pushes": SourceKind,
    "Level": Level,
    "Order of versions": VersionOrder,
    "Start": Start,
    "Result of a run": RunResult,
    "Phase": Phase,
    "Milestone": Milestone,
    "Stage": Stage,
    "Rule": Rule,
    "Waits for": WaitsFor,
    "Vote": VoteDecision,
    "Statement": StatementState,
    "Proposed change": ChangePhase,
    "Purpose of a link": Purpose,
    "Command": Verb,
    "Role": Role,
    "Step": StepKind,
    "Way of a promotion": PromotionMethod,
    "When a newer release arrives": WhenNewer,
    "Taken tag": TakenTag,
    "Refused referrer": RefusedReferrer,
    "On failure": OnFailure,
    "On a change of settings": OnConfigChange,
    "Side of a rollout": Side,
    "End of a deleted object": Ending,
    "On drift": OnDrift,
    "Kind of drift": DriftKind,
    "Notice": Notice,
    "Class of actions": ActionClass,
    "Queue": Queue,
    "Kind of message": MessageKind,
    "Row of the inbox": InboxKind,
    "Look": LookKind,
    "Source": Source,
    "Trust": Trust,
    "Part in a change": Involvement,
    "Tone": Tone,
}
"""Enums whose words people meet in files, on pages, in the trail or in logs, under their headings on the page."""

ELSEWHERE: Final = frozenset(
    {
        actions.Action,
        Operation,
        Party,
        TableName,
        Container,
        Beyond,
        Secret,
        actions.Intervention,
        Permission,
        Need,
        ExportFormat,
        Status,
        ProvenanceLevel,
        SubjectKind,
        GateOutcome,
        Via,
        AnchorReason,
    }
)
"""Enums of the domain that are not here: they have a page of their own, or are explained where they belong."""

_START = """# Glossary

Made by `python -m scripts.reference.glossary` from the docstrings and enums of the code, which use the same words as
pages, files, audit trail and messages. Each [action of the audit trail](audit-actions.md) and each
[permission](roles.md) is explained on a page of its own.

## Concepts

| Word | Meaning |
|---|---|
"""


def page() -> str:
    concepts = "".join(f"| {word} | {_cell(_meaning(concept))} |\n" for word, concept in CONCEPTS.items())
    return _START + concepts + "".join(section for name, kind in WORDS.items() for section in _section(name, kind))


def _meaning(concept: type | ModuleType | tuple[type, str]) -> str:
    return of_field(*concept) if isinstance(concept, tuple) else first_paragraph(concept)


def _section(name: str, kind: type[StrEnum]) -> Iterator[str]:
    yield f"\n## {name}\n\n{first_paragraph(kind)}\n\n| Word | Meaning |\n|---|---|\n"
    for member, meaning in of_members(kind).items():
        yield f"| `{member}` | {_cell(meaning)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
