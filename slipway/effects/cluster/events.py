"""The cluster's warnings about a workload and its pods: why no pod is made, or why none becomes ready.

They are read only while a workload is not done. If the app may not list events, conditions and pods have to suffice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ...domain.secrets import without_secrets
from .containers import MAX_REASON, Holdup
from .errors import AccessDenied
from .objects import Objects, built_in
from .records import Json
from .situations import Situation

_EVENT = built_in("v1", "Event")
_WARNINGS = "type=Warning"
_MOST_WARNINGS = 3
_EARLIER = timedelta(minutes=2)
"""How much older than a rollout's first poll an event may be, since objects are applied before that poll and clocks
differ."""

_TOLD_BY_PODS = re.compile(r"^(BackOff|Failed|FailedScheduling|InspectFailed|ErrImageNeverPull)$")
"""Reasons of events that repeat what a pod's own status says better."""


def events_of(objects: Objects, namespace: str, about: Sequence[Json], *, since: datetime | None) -> tuple[Holdup, ...]:
    """The newest warnings about these objects, one for each reason."""
    return tuple(_holdups(warnings_about(objects, namespace, about), since))[:_MOST_WARNINGS]


def warnings_about(objects: Objects, namespace: str, about: Sequence[Json]) -> list[Json]:
    """The warnings about these objects and about the volume claims of their pods, the newest first."""
    try:
        listed = objects.list(_EVENT, namespace, selector="", fields=_WARNINGS)
    except AccessDenied:
        return []
    uids = {each["metadata"].get("uid") for each in about}
    claims = {name for each in about for name in _claims(each)}

    def is_theirs(event: Json) -> bool:
        subject = event.get("involvedObject") or {}
        claim = subject.get("name") if subject.get("kind") == "PersistentVolumeClaim" else None
        return subject.get("uid") in uids or claim in claims

    return sorted(filter(is_theirs, listed), key=event_time, reverse=True)


def _holdups(events: Sequence[Json], since: datetime | None) -> Iterator[Holdup]:
    reasons = set[str]()
    for event in events:
        subject, reason = event.get("involvedObject") or {}, str(event.get("reason") or "Warning")
        if reason in reasons or _TOLD_BY_PODS.match(reason) or _is_older(event, since):
            continue
        reasons.add(reason)
        situation = Situation.NO_POD if reason == "FailedCreate" else Situation.OTHER
        message = without_secrets(str(event.get("message") or ""))[:MAX_REASON]
        text = f"{subject.get('kind')}/{subject.get('name')}: {reason}: {message}"
        yield Holdup(situation=situation, text=situation.describe(text))


def event_time(event: Mapping[str, Any]) -> str:
    """When the event was last seen, in RFC 3339, so that texts sort like times; empty if it does not say."""
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")


def _is_older(event: Mapping[str, Any], since: datetime | None) -> bool:
    happened = event_time(event)
    return bool(happened) and since is not None and datetime.fromisoformat(happened) < since - _EARLIER


def _claims(pod: Json) -> list[str]:
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return [
        str(volume["persistentVolumeClaim"].get("claimName")) for volume in volumes if "persistentVolumeClaim" in volume
    ]
