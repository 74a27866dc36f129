"""Timers: reconcile each minute; drift every few; registries, dead letters and signing keys every five; anchors,
exports, retention."""

import logging
from collections.abc import Callable
from datetime import timedelta

import azure.functions as func

from slipway.domain.drift import LOOKED, NEXT_LOOK, is_due
from slipway.domain.signing import KeysUnavailable
from slipway.effects.messaging import QueueUnavailable
from slipway.ledger import Conflict, LedgerUnavailable
from slipway.ledger.blobs import INCOMING_KEPT
from slipway.telemetry import Attribute, Metric, add, measure

from .shared import new_blueprint, parts

log = logging.getLogger(__name__)
blueprint = new_blueprint()
COUNTED = 1000
"""The metric of open parked input stops counting here."""


@blueprint.function_name("reconcile")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False)
def reconcile(timer: func.TimerRequest) -> None:
    if timer.past_due:
        log.warning("the reconcile timer is late")
    _run("reconcile", look_for_pushes=False)


@blueprint.function_name("reconcile_sources")
@blueprint.timer_trigger(arg_name="timer", schedule="30 */5 * * * *", run_on_startup=False)
def reconcile_sources(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Look for events that their sources never reported (pushes, dead letters, a change of signing keys) and for
    records that the audit index lacks."""
    _run("reconcile_sources", look_for_pushes=True, besides=_compare_index)
    try:
        measure(Metric.PARKED_NOW, len(parts().installation.open_parked(limit=COUNTED)))
        parked = parts().parking.empty_dead_letters()
        parts().session_worker.take_left_behind()
    except (QueueUnavailable, LedgerUnavailable) as away:
        log.warning("queues were not looked through: %s", away)
    else:
        if parked:
            log.warning("%d dead letters were parked", parked)
    _record_keys()


def _record_keys() -> None:
    """Record a rotation of the signing keys in the audit trail, whoever rotated them and wherever they did."""
    try:
        if parts().installation.record_keys(
            parts().private_keys.ids(), parts().public_keys.by_id(), now=parts().clock()
        ):
            log.info("the signing keys have changed")
    except (KeysUnavailable, LedgerUnavailable, Conflict) as away:
        log.warning("cannot tell whether the signing keys have changed: %s", away)


@blueprint.function_name("drift")
@blueprint.timer_trigger(arg_name="timer", schedule="20 * * * * *", run_on_startup=False)
def find_drift(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Runs each minute, though it looks only every few: how many is a setting, which a timer's schedule cannot be."""
    now = parts().clock()
    if not is_due(now, parts().settings.drift_minutes):
        return
    for problem in parts().drift_watch.run().problems:
        log.warning("drift: %s", problem)
    try:
        parts().installation.heartbeat(LOOKED, now)
        parts().installation.heartbeat(NEXT_LOOK, now + timedelta(minutes=parts().settings.drift_minutes))
    except (LedgerUnavailable, Conflict) as away:
        log.warning("drift: the look was not recorded: %s", away)


@blueprint.function_name("anchor")
@blueprint.timer_trigger(arg_name="timer", schedule="0 7 * * * *", run_on_startup=False)
def anchor_chains(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Runs every hour, though it writes once a day, so that an anchor that was missed follows within the hour."""
    try:
        result = parts().anchoring.run()
    except (LedgerUnavailable, KeysUnavailable, Conflict) as away:
        log.warning("not every chain was anchored: %s", away)
    else:
        for problem in result.problems:
            log.warning("anchor: not everything was anchored, or a witness was not notified: %s", problem)


def _compare_index() -> tuple[str, ...]:
    try:
        return parts().index_watch.run()
    except (LedgerUnavailable, Conflict) as away:
        return (f"the audit index was not compared: {away}",)


def _run(name: str, *, look_for_pushes: bool, besides: Callable[[], tuple[str, ...]] = tuple) -> None:
    problems = (*parts().reconciler.run(look_for_pushes=look_for_pushes).problems, *besides())
    for problem in problems:
        log.warning("%s: %s", name, problem)
    try:
        parts().installation.heartbeat(name, parts().clock())
    except (LedgerUnavailable, Conflict) as away:
        log.warning("%s: its run was not recorded: %s", name, away)
    add(Metric.RECONCILE_RUNS, {Attribute.FUNCTION: name, Attribute.OUTCOME: "failed" if problems else "passed"})


@blueprint.function_name("clean_up")
@blueprint.timer_trigger(arg_name="timer", schedule="0 52 3 * * *", run_on_startup=False)
def clean_up(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Daily: forget statements whose authors went to the identity provider more than a day ago, and content from fronts
    that nobody has taken since."""
    now = parts().clock()
    try:
        rows = parts().challenges.remove_old(now)
        blobs = parts().incoming.remove_old(now - INCOMING_KEPT)
    except LedgerUnavailable as away:
        log.warning("what was left behind was not removed: %s", away)
    else:
        log.info("%d rows of challenges and %d blobs of incoming were removed", rows, blobs)


@blueprint.function_name("keep")
@blueprint.timer_trigger(arg_name="timer", schedule="0 37 * * * *", run_on_startup=False)
def keep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Hourly, if the settings say so: export new audit records, and move old ones to the archive."""
    for work in (parts().container_export, parts().retention):
        if work is None:
            continue
        try:
            problems = work.run().problems
        except (LedgerUnavailable, KeysUnavailable, Conflict) as away:
            log.warning("audit records were not exported or archived: %s", away)
        else:
            for problem in problems:
                log.error("audit records were not exported or archived: %s", problem)
