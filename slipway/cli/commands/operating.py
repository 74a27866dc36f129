"""The operator's commands: freeze, unfreeze, cancel, retry, create, rollback, resume, override and end-sessions."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

import click

from slipway.api.base import body_of
from slipway.api.commands import Command
from slipway.api.inbox import ReceivedAnswer
from slipway.api.looks import WhyNotPushed
from slipway.domain.commands import MUST_SAY_WHY, OPENS, Verb
from slipway.domain.inbox import LookKind
from slipway.domain.people import OID
from slipway.domain.phases import Phase

from ..api import Api, read_answer
from ..console import GOOD, NAME, CliConsole, TextCell
from ..errors import CliError, Exit
from ..lazy import Group
from ..options import Confirming, DigestType, connected, reason_option, waiting
from ..options import as_json as json_option
from ..text import neutral
from ..waiting import await_confirmation, await_outcome, new_inbox_id, take_look

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_RELEASE = re.compile(r".+-[0-9]+")
_REASON = "Why; kept in the audit trail."
_DONE = {
    Verb.FREEZE: "frozen",
    Verb.UNFREEZE: "the freeze has ended",
    Verb.CANCEL: "cancelled",
    Verb.RETRY: "is being retried",
    Verb.CREATE: "begins",
    Verb.ROLLBACK: "brings {release} back; newer ones wait, unless it is the live one",
    Verb.RESUME: "the hold has ended",
    Verb.OVERRIDE: "is let past, once",
    Verb.WAIVE: "the rule is waived, and the plan is made again: people vote on the new one",
    Verb.FENCE_RESET: "a new epoch has begun; every gate is opened again",
    Verb.SESSION_END: "signed out of all pages, within a minute",
}
_CALLED_OFF = "called off; it ends before its first object, unless that was written already"
INSTALLATION = "_installation"
_EXAMPLES = "\b\nExample"
_CONFIRMED = "A person confirms it by signing in once more, on a page whose address the command prints.\n\n"
"""In the help of each command that lets something through."""


def _operating(verb: Verb) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options that all commands share: --reason, --yes (confirmation is only asked on a terminal) and --json; and, for
    those that let something through, the options for waiting for the person who confirms."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @reason_option(_REASON, required=verb in MUST_SAY_WHY)
        @click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
        @json_option
        @connected
        @wraps(command)
        def run(api: Api, *args: Any, **options: Any) -> None:
            command(api, *args, **options)

        if verb not in OPENS:
            return run
        run.__doc__ = (command.__doc__ or "").replace(_EXAMPLES, f"{_CONFIRMED}{_EXAMPLES}", 1)
        return waiting(run)

    return decorate


def _send_command(
    api: Api,
    verb: Verb,
    what: str,
    *,
    yes: bool,
    as_json: bool,
    confirming: Confirming | None = None,
    **body: Any,
) -> None:
    """Ask for confirmation on a terminal, send the command, wait until it is decided, and print the outcome."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"{verb.spoken} {what}?", abort=True, err=True)
    fields = {name: value for name, value in body.items() if value}
    command = Command.model_construct(verb=verb, channel="cli", id=new_inbox_id(), **fields)
    received = read_answer(ReceivedAnswer, api.post("commands", body=body_of(command)))
    if received.open:
        received = await_confirmation(api, received, confirming or Confirming())
    done = await_outcome(api, received)
    console = CliConsole()
    if as_json:
        console.json(done.model_dump(mode="json"))
        return
    where = f"{done.application} {done.environment}".strip() if done.application != INSTALLATION else "everything"
    if done.verb is Verb.SESSION_END:
        where = what
    subject = f"{done.release} in {done.environment}" if done.release and done.environment else done.release or where
    spoken = done.phase.replace("_", " ") if done.phase else ""
    phase = f" ({spoken})" if spoken not in ("", _DONE[verb]) else ""
    now = Phase.of_text(done.phase)
    became = _DONE[verb].format(release=fields.get("release")) + phase
    if verb is Verb.CANCEL and now is not None and not now.final:
        became = _CALLED_OFF
    console.line(TextCell("✓ ", GOOD), TextCell(subject, NAME), f": {became}")


def _release_and_environment(release: str, environment: str) -> tuple[str, str]:
    """A release and an environment, whichever was named first. If both look like releases, the first one is the
    release."""
    if _RELEASE.fullmatch(environment) and not _RELEASE.fullmatch(release):
        return environment, release
    return release, environment


def _target(application: str | None, environment: str | None, *, everything: bool) -> str:
    if everything and application:
        raise click.UsageError("--all: expected no APPLICATION or ENVIRONMENT with it")
    if not everything and not (application and environment):
        raise click.UsageError("expected APPLICATION and ENVIRONMENT, or --all")
    return f"{application} {environment}" if application else "everything"


def _until(text: str | None) -> datetime | None:
    """`4h`, `2d` or a time with a zone. Raises `UsageError`."""
    if not text:
        return None
    if duration := re.fullmatch(r"([0-9]{1,4})([mhd])", text):
        return datetime.now(UTC).replace(microsecond=0) + timedelta(**{_UNITS[duration[2]]: int(duration[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--until: expected 4h, 2d or a time such as 2026-12-24T08:00Z, got {text!r}") from error
    return moment.astimezone()


@click.command()
@click.argument("application", required=False)
@click.argument("environment", required=False)
@click.option("--all", "everything", is_flag=True, help="Freeze all lanes of all applications.")
@click.option(
    "--until", metavar="TIME", help="When it ends automatically: 4h, 2d, or a time such as 2026-12-24T08:00Z."
)
@_operating(Verb.FREEZE)
def freeze(
    api: Api, *, application: str | None, environment: str | None, everything: bool, until: str | None, **options: Any
) -> None:
    """Stop new rollouts, in one environment of one application or everywhere, until somebody ends the freeze or it
    expires.

    Releases are still planned and can be approved in the meantime; they continue automatically when the freeze ends. A
    rollout that is already running is not interrupted.

    \b
    Examples:
      slipway freeze shop production --reason "the sale"
      slipway freeze --all --until 4h --reason "incident 4711"
    """
    what = _target(application, environment, everything=everything)
    end = _until(until)
    _send_command(api, Verb.FREEZE, what, application=application, environment=environment, until=end, **options)


@click.command()
@click.argument("application", required=False)
@click.argument("environment", required=False)
@click.option("--all", "everything", is_flag=True, help="End the freeze of everything.")
@_operating(Verb.UNFREEZE)
def unfreeze(api: Api, *, application: str | None, environment: str | None, everything: bool, **options: Any) -> None:
    """End a freeze. Releases that were approved in the meantime continue automatically.

    \b
    Examples:
      slipway unfreeze shop production
      slipway unfreeze --all --reason "incident 4711 is over"
    """
    what = _target(application, environment, everything=everything)
    _send_command(api, Verb.UNFREEZE, what, application=application, environment=environment, **options)


@click.command()
@click.argument("release")
@_operating(Verb.CANCEL)
def cancel(api: Api, *, release: str, **options: Any) -> None:
    """Cancel a release that is waiting, be it for a fact, its lane, its soak, votes, or the end of a freeze.

    If its rollout has been decided on, the release ends before the first object is written to the cluster. If that
    object was written already, the rollout goes on, and the trail says so (rollout.went-on): let it finish, then roll
    back.

    \b
    Example:
      slipway cancel shop-482 --reason "the wrong branch"
    """
    _send_command(api, Verb.CANCEL, release, release=release, **options)


@click.command()
@click.argument("release")
@_operating(Verb.RETRY)
def retry(api: Api, *, release: str, **options: Any) -> None:
    """Try a release again that ended without going live: the same digest, in the environment where it ended.

    Slipway makes a new plan. After a failure, earlier votes still count if the plan hash is unchanged. After a
    rejection, an expiry or a cancellation the gate opens again: no earlier vote counts, and voters are shown the
    rejection.

    \b
    Example:
      slipway retry shop-482 --reason "the registry has room again"
    """
    _send_command(api, Verb.RETRY, release, release=release, **options)


@click.command()
@click.argument("application")
@click.option("--tag", metavar="TAG", help="The artifact pushed under this tag, which `versions` must accept.")
@click.option("--image", metavar="DIGEST", type=DigestType(), help="The image with this digest, sha256:….")
@click.option("--bundle", metavar="DIGEST", type=DigestType(), help="The bundle with this digest, sha256:….")
@_operating(Verb.CREATE)
def create(
    api: Api, *, application: str, tag: str | None, image: str | None, bundle: str | None, **options: Any
) -> None:
    """Start a release of an artifact that APPLICATION has delivered before, or that was pushed before it was applied.

    Without --tag, --image and --bundle it delivers the artifact live in the first environment. So a changed memory
    limit, a new ConfigMap or another host goes out without a build, with the manifests now in force. It passes every
    environment and every gate from the first one on. Proved facts about the artifact stay proved. About an artifact
    that no release has delivered yet nothing is proved until its CI run says so. The person who starts it counts as one
    who asked for it, and may not approve it if nobody may approve their own work.

    \b
    Examples:
      slipway release create shop --reason "more memory"
      slipway release create shop --tag 1.4.2 --reason "the certificate was renewed"
    """
    artifacts = [value for value in (tag, image, bundle) if value]
    if len(artifacts) > 1:
        raise click.UsageError("expected one of --tag, --image and --bundle, or none of them")
    what = f"a release of {application}" + (f", {artifacts[0]}" if artifacts else "")
    if artifacts:
        by = {"tag": tag} if tag else {"digest": artifacts[0]}
        if why := read_answer(WhyNotPushed, take_look(api, LookKind.PUSHED, application, **by)).why:
            raise CliError(f"no release can be created: {why}", exit_code=Exit.NOT_FOUND)
    _send_command(api, Verb.CREATE, what, application=application, tag=tag, digest=image or bundle, **options)


@click.command()
@click.argument("release")
@click.argument("environment")
@_operating(Verb.ROLLBACK)
def rollback(api: Api, *, release: str, environment: str, **options: Any) -> None:
    """Roll ENVIRONMENT back to an earlier RELEASE: the same image, by digest, with the manifests it was live with.

    This needs no vote, and no freeze or window prevents it. Afterwards the environment is on hold: newer releases wait
    until somebody runs `slipway resume`. The plan warns if the manifests or the image no longer exist.

    \b
    Example:
      slipway rollback shop-481 production --reason "482 loses orders"
    """
    release, environment = _release_and_environment(release, environment)
    what = f"{environment} to {release}"
    _send_command(api, Verb.ROLLBACK, what, environment=environment, release=release, **options)


@click.command()
@click.argument("application")
@click.argument("environment")
@_operating(Verb.RESUME)
def resume(api: Api, *, application: str, environment: str, **options: Any) -> None:
    """End the hold that a rollback left behind, so that newer releases continue.

    \b
    Example:
      slipway resume shop production --reason "483 has the fix"
    """
    _send_command(
        api, Verb.RESUME, f"{application} {environment}", application=application, environment=environment, **options
    )


@click.command()
@click.argument("release")
@click.argument("environment")
@_operating(Verb.OVERRIDE)
def override(api: Api, *, release: str, environment: str, **options: Any) -> None:
    """Let RELEASE into ENVIRONMENT once, even though a freeze, a closed window or drift holds it back.

    The release still has to pass its gate.

    \b
    Example:
      slipway override shop-483 production --reason "the fix for incident 4711"
    """
    release, environment = _release_and_environment(release, environment)
    _send_command(
        api, Verb.OVERRIDE, f"{environment} for {release}", environment=environment, release=release, **options
    )


@click.command()
@click.argument("release")
@click.argument("environment")
@click.option("--rule", required=True, help="The rule's name, as `slipway explain` shows it.")
@_operating(Verb.WAIVE)
def waive(api: Api, *, release: str, environment: str, rule: str, **options: Any) -> None:
    """Let RELEASE into ENVIRONMENT without one proof that the rules ask for: because the service that could give it is
    down, say, or the run was deleted.

    Only rules about proof can be waived, and only while nobody knows whether they hold: never a rule that is known to
    be broken, and never one about a digest or a vote. `slipway explain RELEASE` names the rules that block it. You need
    a role that the project lists under `waive`.

    Slipway then makes a new plan that shows the waiver, your name and your reason. Votes on the old plan are void, and
    you cannot approve this release in this environment yourself.

    \b
    Examples:
      slipway waive shop-483 production --rule change-is-known --reason "the repository was moved"
      slipway waive shop-483 production --rule built-by-run --reason "Azure DevOps is down"
    """
    release, environment = _release_and_environment(release, environment)
    what = f"{rule} of {release} in {environment}"
    _send_command(api, Verb.WAIVE, what, environment=environment, release=release, rule=rule, **options)


@click.group(cls=Group)
def fence() -> None:
    """The fence, which keeps rollouts in order, and how to reset it after the ledger was restored."""


@fence.command("reset")
@click.argument("application", required=False)
@click.option("--all", "everything", is_flag=True, help="Reset the trail of the installation itself.")
@_operating(Verb.FENCE_RESET)
def fence_reset(api: Api, *, application: str | None, everything: bool, **options: Any) -> None:
    """Let APPLICATION deliver again after its ledger was restored to an earlier state.

    A restored ledger lacks records that its newest anchor names. Slipway notices, and lets nothing more of that
    application through until somebody accepts the loss with this command. You need the role `platform`.

    First compare the ledger with an export: from now on its rows count as they are, even if somebody changed them. The
    command prints the newest anchor and the last record of the ledger, so that you see what was lost.

    Slipway then writes an anchor, records the loss, and begins a new epoch in which every gate opens again: no earlier
    vote counts. A release that was rejected stays rejected, if an anchor still shows it, until a person sends it out
    again.

    \b
    Examples:
      slipway fence reset shop --reason "restored after the loss of the region"
      slipway fence reset --all --reason "restored after the loss of the region"
    """
    if everything is bool(application):
        raise click.UsageError("expected APPLICATION, or --all")
    click.echo(neutral(_describe_loss(api, application or INSTALLATION)), err=True)
    _send_command(api, Verb.FENCE_RESET, application or "the installation", application=application, **options)


def _describe_loss(api: Api, application: str) -> str:
    """The newest anchor of a chain, and where its ledger ends."""
    anchor = next(iter(api.anchors(application)), None)
    end = api.audit_page(application, after=0, limit=1).head.sequence
    if not isinstance(anchor, dict):
        return f"{application}: nothing is anchored; the ledger ends with record {end}"
    head = anchor.get("head", {})
    sequence = head.get("sequence")
    after = sequence - 1 if isinstance(sequence, int) and sequence > 0 else end
    record = next(iter(api.audit_page(application, after=after, limit=1).records), {})
    is_held = bool(record.get("hash")) and record.get("hash") == head.get("hash")
    no_loss = ", and holds it: no loss is known, and a new epoch voids every vote"
    return (
        f"{application}: the newest anchor, of {_time(anchor.get('at'))}, names record {sequence} of epoch "
        f"{anchor.get('epoch')}; the ledger ends with record {end}"
        f"{no_loss if is_held else ', and does not hold it'}"
    )


def _time(text: object) -> str:
    """A time of an anchor, which is not verified here, as the command shows times."""
    try:
        return CliConsole(sys.stderr).time(datetime.fromisoformat(str(text)))
    except ValueError:
        return str(text)


@click.command("end-sessions")
@click.argument("person", required=False)
@reason_option(_REASON)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@connected
def end_sessions(api: Api, /, *, person: str | None, **options: Any) -> None:
    """Sign yourself, or PERSON, out of the pages in every browser.

    PERSON is an object id, as the trail names people (`oid:…`). To sign somebody else out you need the role `platform`.
    They can sign in again, unless you first remove their assignment to the enterprise application in Entra.

    \b
    Examples:
      slipway end-sessions
      slipway end-sessions aaaaaaaa-0000-4000-8000-000000000001 --reason "a laptop was stolen"
    """
    oid = (person or "").removeprefix(OID)
    _send_command(
        api, Verb.SESSION_END, f"the sessions of {OID}{oid}" if oid else "your sessions", person=oid, **options
    )
