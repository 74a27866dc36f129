"""Every span, metric and attribute that the app emits, with its meaning.

docs/reference/telemetry.md is generated from this list, and the queries of `infra/` are checked against it.
"""

from enum import StrEnum
from typing import Final, Self


class _NameWithMeaning(StrEnum):
    """A name with its meaning."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Attribute(_NameWithMeaning):
    """The attributes of spans, metrics and log records."""

    APPLICATION = "slipway.application", "Name of the application."
    RELEASE = "slipway.release", "Id of the release, such as `shop-482`. On spans and logs only: metrics stay few."
    ENVIRONMENT = "slipway.environment", "Name of the environment."
    STEP = "slipway.step", "Kind of the step: `plan`, `copy`, `deploy`, …"
    EVENT = "slipway.event", "Kind of the event: `image-pushed`, `vote-cast`, …"
    OUTCOME = "slipway.outcome", "How it ended: `passed`, `failed`, `requeue`, `retry`, `taken`, `repeated`, …"
    ACTIONS = "slipway.actions", "The audit actions that a decision wrote, separated by commas."
    END = "slipway.end", "End state of a release: `completed`, `failed`, `rolled_back`, …"
    PHASE = "slipway.phase", "Phase in which a release waited: `awaiting_approval`, `held_back`, `queued`, …"
    ATTEMPT = "slipway.attempt", "Which attempt of the release in this environment it is."
    POLL = "slipway.poll", "How many polls came before this one."
    TRIES = "slipway.tries", "How many tries failed before this one."
    SERVICE = "slipway.service", "Name of the registry, cluster or channel, as the settings call it."
    QUEUE = "slipway.queue", "Name of the queue."
    COUNT = "slipway.count", "How many messages or writes one call carries."
    SOURCE = "slipway.source", "What the parked input came through: a queue or a trigger."
    FUNCTION = "faas.name", "Name of the function."
    INVOCATION = "faas.invocation_id", "The host's id of the invocation."
    METHOD = "http.request.method", "Method of a request."
    ROUTE = "http.route", "The route's template. Never the address itself: it may hold a token."
    STATUS = "http.response.status_code", "Status of the answer."
    SERVER = "server.address", "Host of the registry that was asked."
    RESOURCE = "slipway.registry.part", "What was asked for: `manifests`, `blobs`, `tags`, `token`, …"


class Family(_NameWithMeaning):
    """The first word of a span's name; the second is the operation: `step deploy`, `cluster apply`."""

    FUNCTION = "function", "One run of a function: what one event, request, message or timer led to in this process."
    EVENT = "event", "An event is handled: load, decide, commit, send."
    STEP = "step", "One poll or one try of a step."
    WAIT = "wait", "The time that a release waited in a phase; it begins in the past, and is written when it ends."
    TABLE = "table", "A call to Table Storage."
    BLOBS = "blobs", "A call to Blob Storage."
    QUEUE = "queue", "Messages are sent, or one is handled."
    REGISTRY = "registry", "A request to a registry."
    CLUSTER = "cluster", "One use of a cluster."
    CHANNEL = "channel", "A notice is sent: Teams, mail, webhook."
    RECONCILE = "reconcile", "One reconcile run."
    CHECK = "check", "One check of what the installation needs."


class MetricKind(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


SECONDS: Final = "s"


class Metric(_NameWithMeaning):
    """The metrics, with kind, unit, meaning and attributes."""

    kind: MetricKind
    unit: str
    attributes: tuple[Attribute, ...]

    def __new__(cls, value: str, kind: MetricKind, unit: str, meaning: str, *attributes: Attribute) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.kind, member.unit, member.meaning, member.attributes = kind, unit, meaning, attributes
        return member

    CREATED = (
        *("slipway.releases.created", MetricKind.COUNTER, "{release}", "Releases that began."),
        Attribute.APPLICATION,
    )
    ENDED = (
        *("slipway.releases.ended", MetricKind.COUNTER, "{release}", "Releases that ended, by how."),
        *(Attribute.APPLICATION, Attribute.END),
    )
    LASTED = (
        *("slipway.release.duration", MetricKind.HISTOGRAM, SECONDS, "From the beginning of a release to its end."),
        *(Attribute.APPLICATION, Attribute.END),
    )
    STEP = (
        *(
            "slipway.step.duration",
            MetricKind.HISTOGRAM,
            SECONDS,
            "From asking for a step to its outcome, all polls included.",
        ),
        *(Attribute.APPLICATION, Attribute.ENVIRONMENT, Attribute.STEP, Attribute.OUTCOME),
    )
    WAITED = (
        *(
            "slipway.release.waiting",
            MetricKind.HISTOGRAM,
            SECONDS,
            "How long a release waited in a phase, when it left it.",
        ),
        *(Attribute.APPLICATION, Attribute.ENVIRONMENT, Attribute.PHASE),
    )
    GATE_AGE = (
        *(
            "slipway.gate.age",
            MetricKind.GAUGE,
            SECONDS,
            "Age of the oldest open gate; 0 where none is open. At least every 15 minutes while one is open.",
        ),
        *(Attribute.APPLICATION, Attribute.ENVIRONMENT),
    )
    MESSAGE_AGE = (
        *(
            "slipway.message.age",
            MetricKind.HISTOGRAM,
            SECONDS,
            "How long a message lay in its queue before it was taken.",
        ),
        Attribute.QUEUE,
    )
    OUTBOX_AGE = (
        *(
            "slipway.outbox.age",
            MetricKind.GAUGE,
            SECONDS,
            "Age of the oldest message of the outbox that nobody has taken up. Each minute while there is one.",
        ),
        Attribute.APPLICATION,
    )
    EVENTS_DROPPED = (
        *(
            "slipway.events.dropped",
            MetricKind.COUNTER,
            "{event}",
            "Events that concern no application: pushes to other repositories, runs of other pipelines; and runs that "
            "their source does not know, beyond the few that are recorded.",
        ),
        Attribute.EVENT,
    )
    PARKED = (
        *("slipway.parked", MetricKind.COUNTER, "{message}", "Input that could not be handled and was parked."),
        Attribute.SOURCE,
    )
    PARKED_NOW = (
        "slipway.parked.waiting",
        MetricKind.GAUGE,
        "{message}",
        "Parked input that nobody has replayed. Every five minutes.",
    )
    RECONCILE_RUNS = (
        *(
            "slipway.reconcile.runs",
            MetricKind.COUNTER,
            "{run}",
            "Reconcile runs that finished: the heartbeat of the installation.",
        ),
        *(Attribute.FUNCTION, Attribute.OUTCOME),
    )


def attribute_names() -> frozenset[str]:
    """The names of all attributes."""
    return frozenset(str(attribute) for attribute in Attribute)
