"""What the CLI reads of the API's answers.

Unlike the domain's records these pass over fields that they do not know, so that an older CLI can speak with a
newer app. `--json` never goes through them: it prints what the app sent.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from slipway.domain.model import Moment
from slipway.domain.rules import StoredResult


class Answer(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ChainHead(Answer):
    sequence: int = Field(ge=0)
    hash: str


class AuditPage(Answer):
    """A page of the trail. The records stay as they came: to verify them is to read them strictly."""

    application: str
    head: ChainHead
    records: list[dict[str, Any]]
    next: int | None


class AnchorPage(Answer):
    """The anchors of a month, as they came: to verify them is to read them strictly."""

    anchors: list[Any]
    next: str | None


class TrailLine(Answer):
    """An audit record, or what is left of one."""

    application: str = ""
    sequence: int
    time: Moment | None = None
    actor: str = ""
    action: str = ""
    release: str | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = {}
    previous: str = ""
    hash: str = ""
    damaged: str | None = None


class FoundRecords(Answer):
    """A page of what was asked, newest first. The records stay as they came."""

    records: list[dict[str, Any]]
    next: str | None = None


class ComparedPart(Answer):
    """What became of one part of the audit index."""

    records: int = 0
    damaged: int = 0
    missing: int = 0
    wrong: int = 0
    extra: int = 0
    next: int | None = None
    head: int = 0


class LiveThere(Answer):
    release: str
    tag: str
    at: Moment


class LaneView(Answer):
    environment: str
    gate: str
    live: LiveThere | None = None
    rolling: str | None = None
    waiting: str | None = None


class ApplicationView(Answer):
    application: str
    environments: list[LaneView]


class Applications(Answer):
    applications: list[ApplicationView]


class VoteView(Answer):
    voter: str
    decision: str
    reason: str = ""
    at: Moment


class GateView(Answer):
    deadline: Moment | None = None
    votes: list[VoteView] = []


class EvidenceView(Answer):
    name: str
    environment: str = ""
    passed: bool
    summary: str = ""
    log: str | None = None


class VisitView(Answer):
    environment: str
    arrived_at: Moment
    left_at: Moment | None = None
    outcome: str = ""
    plan_hash: str | None = None
    evidence: list[EvidenceView] = []


class PushView(Answer):
    at: Moment
    actor: str = ""


class RunView(Answer):
    project: str
    pipeline: str
    number: str
    result: str
    branch: str = ""
    url: str = ""


class ProgressView(Answer):
    """How far a promotion is."""

    environment: str
    how: str = "copy"
    blobs: int = 0
    of_blobs: int = 0
    bytes: int = 0
    of_bytes: int = 0


class ReleaseView(Answer):
    id: str
    application: str
    phase: str
    registry: str
    repository: str
    tag: str
    digest: str | None = None
    changed_at: Moment
    push: PushView | None = None
    run: RunView | None = None
    environment: str | None = None
    due: Moment | None = None
    plan_hash: str | None = None
    gate: GateView | None = None
    visits: list[VisitView] = []
    reason: str = ""
    superseded_by: int | None = None
    progress: ProgressView | None = None


class Releases(Answer):
    releases: list[ReleaseView]


class ApprovalView(Answer):
    actor: str
    at: Moment
    reason: str = ""
    action: str = ""
    sequence: int = 0


class LiveAnswer(Answer):
    live: list[dict[str, Any]]
    next: str | None = None


class LiveView(Answer):
    """What is live in an environment, and who let it in."""

    release: str
    tag: str
    digest: str
    plan_hash: str
    since: Moment
    approvals: list[ApprovalView] = []
    gate: str = ""
    overrides: list[ApprovalView] = []
    evidence: list[EvidenceView] = []
    supply_chain: list[StoredResult] = []
    run: str = ""
    commit: str = ""


class RulesThere(Answer):
    environment: str
    rules: list[StoredResult]


class ExplanationView(Answer):
    release: str
    phase: str
    headline: str
    rules: list[RulesThere]
    next: str


class OpenGateView(Answer):
    release: str
    environment: str
    tag: str
    plan_hash: str
    deadline: Moment | None = None
    approvals: int
    required: int
    votes: list[VoteView] = []
    waits_for: list[str] = []


class OpenGates(Answer):
    approvals: list[OpenGateView]


class Counted(Answer):
    release: str
    environment: str
    plan_hash: str
    voter: str
    decision: str
    phase: str
    approvals: int | None = None
    required: int | None = None


class FreezeView(Answer):
    kind: str
    application: str
    environment: str
    owner: str
    reason: str
    at: Moment
    until: Moment | None = None
    release: str = ""


class Freezes(Answer):
    freezes: list[FreezeView]


class Commanded(Answer):
    verb: str
    application: str
    environment: str
    release: str
    phase: str
    told: int | None = None
    of: int | None = None


class SpreadView(Answer):
    """Durations in seconds."""

    count: int
    median: float | None = None
    p90: float | None = None


class StageView(Answer):
    stage: str
    waits: bool
    seconds: SpreadView


class FiguresView(Answer):
    deployments: int
    deployments_per_day: float
    failed: int
    withdrawn: int = 0
    change_failure_rate: float | None = None
    lead_time: SpreadView
    time_to_restore: SpreadView
    approval_wait: SpreadView
    stages: list[StageView] = []


class WeekView(Answer):
    week: str
    begins: Moment
    figures: FiguresView


class NumbersHere(Answer):
    application: str
    environment: str
    total: FiguresView
    weeks: list[WeekView]


class FoldedView(Answer):
    application: str
    sequence: int
    of: int


class RebuiltView(FoldedView):
    complete: bool


class NumbersView(Answer):
    environments: list[NumbersHere]
    behind: list[FoldedView] = []


class ParkedView(Answer):
    id: str
    source: str
    reason: str
    body: str
    truncated: bool = False
    parked_at: Moment
    message_id: str = ""
    replayed_at: Moment | None = None


class ParkedItems(Answer):
    parked: list[dict[str, Any]]


class Replayed(Answer):
    replayed: str
    source: str
