"""Waits until a statement is counted, refused or parked: the app receives it first, and decides afterwards."""

import secrets
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from slipway.api.base import body_of
from slipway.api.inbox import Confirmation, ConfirmationState, ReceivedAnswer, SaidOutcome
from slipway.api.looks import LookRequest, LookStatus

from ..domain.answers import StatementState
from ..domain.inbox import LookKind, inbox_id
from ..text import duration
from .api import Api, read_answer
from .console import CliConsole
from .errors import CliError, Exit
from .options import Confirming
from .text import neutral

LONGEST = 120.0
"""Seconds to wait; a worker that starts from zero needs half a minute."""
FIRST_PAUSE, USUAL_PAUSE, LONGEST_PAUSE = 0.1, 2.0, 10.0
"""Seconds between two requests. The pause doubles from the first to the usual one; after a while it is a tenth of the
time that has passed, up to the longest, because each request about a command costs four reads of tables."""
CONFIRMED_WITHIN = 14 * 60.0
"""Seconds to wait for a person; a minute less than the app keeps the statement that they have to confirm."""
REMIND_OF_PERSON, REMIND_OF_WORKER = 60.0, 15.0
"""Seconds between two lines that say that the command still waits: a silent one looks as if it hung."""


@dataclass(frozen=True, kw_only=True)
class WaitClock:
    """Passes and measures the time between two requests."""

    pause: Callable[[float], None] = time.sleep
    elapsed: Callable[[], float] = time.monotonic


def new_inbox_id() -> str:
    """The id of a future statement: sent twice, the statement still counts once."""
    return inbox_id(datetime.now(UTC), secrets.token_bytes(8))


def await_outcome(api: Api, received: ReceivedAnswer) -> SaidOutcome:
    """The outcome. Raises `CliError` if it was refused or parked, or if it was not decided in time."""
    return require_counted(await_decision(api, received))


def await_decision(api: Api, received: ReceivedAnswer) -> SaidOutcome:
    """The outcome: counted, refused or parked. Raises `CliError` if it was not decided in time."""
    return read_answer(SaidOutcome, until_decided(lambda: api.get("inbox", received.application, received.id)))


def until_decided(ask: Callable[[], Any], *, clock: WaitClock = WaitClock(), longest: float = LONGEST) -> Any:
    """The answer to a request, which is sent again with the same id until the statement is no longer only received.
    Says at once what it waits for. Raises the request's error if it was refused or parked, and `CliError` if it was not
    decided in time."""
    shown_reason = ""
    for _ in _tries(clock, longest, "nobody has decided on it yet", every=REMIND_OF_WORKER):
        content = ask()
        outcome = read_answer(SaidOutcome, content)
        if outcome.state != StatementState.RECEIVED:
            return content
        if outcome.waits_for not in ("", shown_reason):
            shown_reason = outcome.waits_for
            click.echo(f"it waits: {neutral(shown_reason)}", err=True)
    raise CliError(_undecided(outcome, longest), exit_code=Exit.UNREACHABLE)


def _tries(clock: WaitClock, longest: float, lacking: str, *, every: float) -> Iterator[None]:
    """Yields once for each try until the time is over, at least once; the pauses between tries grow. Says now and then
    what is still lacking, and how long it will be waited for."""
    began, wait, reminded = clock.elapsed(), FIRST_PAUSE, 0.0
    yield
    while (waited := clock.elapsed() - began) < longest:
        if waited - reminded >= every:
            reminded = waited - waited % every
            click.echo(f"{lacking}; waiting for another {duration(timedelta(seconds=longest - waited))}", err=True)
        clock.pause(wait)
        wait = min(2 * wait, max(USUAL_PAUSE, waited / 10), LONGEST_PAUSE)
        yield


def _undecided(outcome: SaidOutcome, longest: float) -> str:
    if outcome.waits_for:
        return f"it was received and waits: {neutral(outcome.waits_for)}; it is tried again each minute"
    return (
        f"it was received, and nobody has decided on it for {longest:.0f} seconds; it still counts as soon as the "
        "worker runs"
    )


def await_confirmation(
    api: Api,
    received: ReceivedAnswer,
    confirming: Confirming,
    *,
    clock: WaitClock = WaitClock(),
    longest: float = CONFIRMED_WITHIN,
) -> ReceivedAnswer:
    """The received statement; if the app asks for that, only after a person has confirmed it. Prints the address, and
    opens it only if asked to. Raises `CliError` if nobody confirms it in time."""
    address = neutral(received.open)
    if not address.startswith(("https://", "http://")):
        raise CliError(f"the app named no address that can be opened: {address[:200]}", exit_code=Exit.UNREACHABLE)
    click.echo(f"a person has to confirm it: {address}", err=True)
    if confirming.open_it and not webbrowser.open(address):
        click.echo("no browser can be opened here: open that address in one of yours", err=True)
    if not confirming.wait:
        raise CliError("nobody has confirmed it yet", exit_code=Exit.WAITING, cure=f"open {address}")
    end = CliConsole(sys.stderr).time(datetime.now(UTC) + timedelta(seconds=longest))
    click.echo(f"waiting for that until {end}; Ctrl-C, or --no-wait, leaves it open there", err=True)
    handle = received.address.rpartition("/")[2]
    for _ in _tries(clock, longest, "nobody has confirmed it yet", every=REMIND_OF_PERSON):
        answer = read_answer(Confirmation, api.get("confirmations", handle))
        if answer.state == ConfirmationState.SAID:
            click.echo("confirmed; waiting for the outcome", err=True)
            return ReceivedAnswer(application=answer.application, id=answer.id, address=answer.address)
        if answer.state == ConfirmationState.DECLINED:
            raise CliError("somebody said no on that page: nothing was done", code=ConfirmationState.DECLINED)
    raise CliError(
        f"nobody has confirmed it within {duration(timedelta(seconds=longest))}, and nothing was done",
        exit_code=Exit.WAITING,
        cure="give the command again, unless somebody is just signing in to confirm it",
    )


def take_look(api: Api, kind: LookKind, subject: str, **options: str) -> dict[str, Any]:
    """The result of a look, which the worker takes. Raises `CliError`."""
    hint = LookRequest.model_construct(kind=kind, subject=subject, options=options)
    received = read_answer(ReceivedAnswer, api.post("looks", body=body_of(hint)))
    await_outcome(api, received)
    return read_answer(LookStatus, api.get("looks", received.id)).answer


def require_counted(outcome: SaidOutcome) -> SaidOutcome:
    """The outcome, if it was counted. Raises `CliError` if it was refused or parked."""
    if outcome.state == StatementState.COUNTED:
        return outcome
    names = f" ({'; '.join(rule.name for rule in outcome.rules)})" if outcome.rules else ""
    raise CliError(f"{outcome.state.capitalize()}: {outcome.reason}{names}", code=outcome.state)
