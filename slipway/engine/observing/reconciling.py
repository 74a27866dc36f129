"""The reconcile timer's metrics: the age of open gates and of unsent messages."""

from collections.abc import Iterable
from datetime import datetime

from ...domain.application import Application
from ...domain.release import Phase, Release
from ...telemetry import Attribute, Metric, measure


def measure_gates(application: Application, releases: Iterable[Release], now: datetime) -> None:
    """Age of the oldest open gate per environment with a gate; 0 if none is open, so that an old value is reset."""
    oldest = {environment.name: 0.0 for environment in application.environments if environment.gate is not None}
    for release in releases:
        if release.phase is Phase.AWAITING_APPROVAL and release.gate is not None and release.environment is not None:
            age = (now - release.gate.opened_at).total_seconds()
            oldest[release.environment] = max(oldest.get(release.environment, 0.0), age)
    for environment, age in oldest.items():
        values = {Attribute.APPLICATION: application.application, Attribute.ENVIRONMENT: environment}
        measure(Metric.GATE_AGE, age, values)


def measure_outbox(application: str, written: Iterable[datetime], now: datetime) -> None:
    """Age of the oldest unsent message; 0 if everything has been sent."""
    ages = [(now - moment).total_seconds() for moment in written]
    measure(Metric.OUTBOX_AGE, max([0.0, *ages]), {Attribute.APPLICATION: application})
