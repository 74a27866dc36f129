"""`slipway audit verify`: verify the chains and anchors of an app or an export on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from slipway.api.audit import PublicKeysAnswer
from slipway.clock import Clock, utc_now
from slipway.domain.signing import PublicKeys
from slipway.text import one_line

from ..anchors import AnchorFile, SignedAnchors
from ..api import Api
from ..checking import Checking
from ..console import BAD, FAINT, GOOD, NOTE, CliConsole, TextCell, progress_bar
from ..errors import Exit, no_trail
from ..options import connectable
from ..public_keys import OF_THE_APP, public_keys_option, read_public_keys
from ..verifying import ChainVerdict, IndexVerdict, verify_chain, with_index
from ..voters import Voters, VotesVerdict

WAIVER_SHOWN = 200
"""The most characters of one waiver."""
INSTALLATION = "_installation"
"""The chain of records that concern no single application: parked input and its replays, anchors, archives."""

clock: Clock = utc_now
"""The present time, since a trail is anchored once a day."""
FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class TokensThatCount:
    """Whose tokens prove votes; None is what the app names."""

    issuer: str | None
    votes_client: str | None

    def over(self, named: PublicKeysAnswer) -> PublicKeysAnswer:
        return named.model_copy(update={name: value for name, value in vars(self).items() if value})


def _votes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Pass the command the tokens by which proofs of votes are verified; None without --votes."""

    @click.option("--votes", is_flag=True, help="Verify the proof of each vote again, with the provider's keys.")
    @click.option(
        "--issuer",
        metavar="URL",
        help="Issuer of the tokens that prove votes (`iss`), instead of the one that the app names.",
    )
    @click.option(
        "--votes-client",
        metavar="ID",
        help="Client that those tokens are for (`aud`), instead of the one that the app names.",
    )
    @wraps(command)
    def verify(*args: Any, votes: bool, issuer: str | None, votes_client: str | None, **values: Any) -> None:
        if (issuer or votes_client) and not votes:
            raise click.UsageError("--issuer, --votes-client: are for --votes")
        command(*args, tokens=TokensThatCount(issuer, votes_client) if votes else None, **values)

    return verify


@click.command("verify")
@click.argument("applications", nargs=-1, metavar="[APPLICATION]...")
@click.option("--file", type=FILE, metavar="FILE", help="Verify an export, offline, instead of the app.")
@click.option("--anchors", "kept", type=FILE, metavar="FILE", help="Anchors that you kept, one per line.")
@public_keys_option
@_votes_options
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object.")
@connectable
def verify_trail(
    open_app: Callable[[], Api],
    /,
    *,
    applications: tuple[str, ...],
    file: Path | None,
    kept: Path | None,
    given: str | None,
    tokens: TokensThatCount | None,
    as_json: bool,
) -> None:
    """Check that no record of the trail was changed, removed or reordered, and that the worker signed every one.

    This machine computes the hash chain and verifies the signatures of the records that the app sends, so you need not
    trust the app's own checks. Pass the public keys with --public-keys: keys from the app prove only that it agrees
    with itself. Without APPLICATION every trail is checked, including the installation's own.

    Each chain is also compared with its newest anchors. An anchor records the end of a chain where nobody can change
    it: at production gates, when rules change, and once a day. Anchors reveal a chain that was replaced as a whole, and
    a table that was rolled back. Only the chain protects the records after the last anchor, so the command says how far
    the anchors reach. An anchor that no key of the installation signed is reported and does not count.

    Anchors from the app prove only as much as the container that stores them. With --anchors the chains are also
    compared with anchors that you kept yourself, from a mail, a webhook or a download.

    The records are also replayed, phase by phase. The command names the first release that passed a gate without the
    votes for its plan, or that skipped a step, even if all its records are linked and signed.

    The app compares the audit index, which answers searches, with each chain, and names the records that the index
    lacks, because no search finds them. `slipway audit reindex --repair` rewrites it from the trail.

    --votes verifies the stored proof of each vote, rollback and waiver again, and of each vote on a change of the
    catalogue: the identity provider signed it, for exactly the content and the person in the record, with a sign-in as
    recent as the gate required. The keys are fetched from the provider. A key that the provider no longer publishes
    counts if it is in the archive and an anchor names its set. The command prints where each set of keys came from, and
    since when it has been anchored. --issuer and --votes-client say whose tokens count; without them, the app is asked.

    With --file an export is verified, together with the proof and the anchors next to it.

    \b
    Exit codes:
      0  intact, and anchored except for the last day
      6  intact, but a record more than a day old is not anchored, nothing shows
         that records signed with a retired key are older than its retirement,
         or the proof of a vote cannot be verified yet
      7  a chain is broken or contradicts an anchor, a release went live without
         its gate, the proof of a vote does not hold, or the audit index is not
         what the trail says
      all others as for every command

    \b
    The JSON object:
      {"v": 1,
       "applications": [
         {"application", "records", "intact",
          "fault": null | {"sequence", "reason"},
          "anchors", "anchored", "unanchored_since": null | time,
          "retired_from": null | sequence,
          "notes": [text],
          "waivers": [{"sequence", "release", "environment", "rule", "actor",
                       "reason"}],
          "votes": null | {
            "proofs", "said",
            "keys": [{"keys", "source": "provider" | "archive",
                      "anchored_since", "proofs"}],
            "faults": [{"sequence", "reason"}],
            "waiting": [{"sequence", "reason"}]},
          "index": null | {"missing", "wrong", "extra",
                           "records": [sequence]}}],
       "keys": "given" | "named by the app",
       "intact": true | false, "anchored": true | false,
       "indexed": true | false, "proved": null | true | false}

    \b
    Examples:
      slipway audit verify
      slipway audit verify shop --json
      slipway audit verify --anchors kept.jsonl
      slipway audit verify --votes
      slipway audit verify --file trail.jsonl.gz
    """
    if file is not None and tokens is not None:
        raise click.UsageError(
            "--votes: an export holds no proofs; docs/how-to/verify-the-trail.md has a program for it"
        )
    if file is not None:
        _verify_file(file, applications, kept, given, as_json=as_json)
        return
    api = open_app()
    trust = api.trust()
    keys, anchors = read_public_keys(trust.text if given is None else given), AnchorFile(kept)
    voters = voters_of(api, keys, anchors, tokens.over(trust)) if tokens else None
    verdicts = _verdicts_of_app(api, applications, anchors, keys, voters)
    _print_answer(verdicts, now=clock(), keys_given=given is not None, as_json=as_json)


def _verify_file(
    file: Path, applications: tuple[str, ...], kept_anchors: Path | None, keys: str | None, *, as_json: bool
) -> None:
    if applications:
        raise click.UsageError("expected no APPLICATION with --file: the whole file is verified")
    checking = Checking(file, keys=keys, kept=kept_anchors)
    with progress_bar() as steps:
        verdicts = checking.run(partial(steps.update, file.name))
    for note in checking.notes:
        click.echo(note, err=True)
    _print_answer(verdicts, now=checking.newest, keys_given=keys is not None, as_json=as_json)


def voters_of(api: Api, keys: PublicKeys, kept_anchors: AnchorFile, trust: PublicKeysAnswer) -> Callable[[str], Voters]:
    """The verifier of a chain's proofs. Raises `click.UsageError`."""
    from slipway.effects.identity import IdTokens, Issuer, new_identity_pool  # noqa: PLC0415 - nothing else here needs HTTP of it

    try:
        tokens = IdTokens(Issuer(trust.issuer, tenant=trust.tenant, pool=new_identity_pool()), trust.votes_client)
    except ValueError as error:
        raise click.UsageError(f"--issuer: {error}") from error

    def anchored(application: str) -> Mapping[str, datetime]:
        anchors = SignedAnchors(application, keys)
        anchors.take_listed(api.anchors(application))
        kept_anchors.add_to(anchors)
        return anchors.issuer_keys()

    return partial(Voters, tokens=tokens, trust=trust, documents=api.document, anchored=anchored, clock=clock)


def _verdicts_of_app(
    api: Api,
    applications: tuple[str, ...],
    anchors: AnchorFile,
    keys: PublicKeys,
    voters: Callable[[str], Voters] | None,
) -> list[ChainVerdict]:
    all_names = list(
        dict.fromkeys([*api.applications(), INSTALLATION, *api.anchored_chains(), *anchors.applications()])
    )
    verdicts = []
    with progress_bar() as steps:
        for name in list(dict.fromkeys(applications)) or all_names:
            of_chain = voters(name) if voters else None
            verdict = verify_chain(
                api, name, keys=keys, progress=partial(steps.update, name), kept_anchors=anchors, voters=of_chain
            )
            if not verdict.records and verdict.intact and name not in all_names:
                raise no_trail(name, all_names)
            verdicts.append(with_index(api, verdict))
    return verdicts


def _print_answer(verdicts: list[ChainVerdict], *, now: datetime, keys_given: bool, as_json: bool) -> None:
    console = CliConsole()
    intact = all(verdict.intact for verdict in verdicts)
    anchored = not any(verdict.waits(now) or verdict.retired_from for verdict in verdicts)
    indexed = all(verdict.index is None or verdict.index.complete for verdict in verdicts)
    votes = [verdict.votes for verdict in verdicts if verdict.votes is not None]
    refuted, waits = any(each.faults for each in votes), any(each.waiting for each in votes)
    if as_json:
        applications = [verdict.as_json() for verdict in verdicts]
        keys = "given" if keys_given else "named by the app"
        proved = not (refuted or waits) if votes else None
        levels = {"intact": intact, "anchored": anchored, "indexed": indexed, "proved": proved}
        console.json({"applications": applications, "keys": keys, **levels})
    else:
        for verdict in verdicts:
            _show_verdict(console, verdict, now)
        if not keys_given:
            console.line(TextCell("– keys", FAINT), f"  {OF_THE_APP}")
    if not intact or not indexed or refuted:
        raise SystemExit(Exit.BROKEN)
    if not anchored or waits:
        raise SystemExit(Exit.UNPROVED)


def _show_verdict(console: CliConsole, verdict: ChainVerdict, now: datetime) -> None:
    count = f"{verdict.records} record{'' if verdict.records == 1 else 's'}"
    if verdict.fault is None:
        begin = f" from {verdict.first} on" if verdict.first > 1 else ""
        end = f"; the last is {verdict.head}" if verdict.records else ""
        last = verdict.first + verdict.records - 1
        reach = f"; anchored to {verdict.anchored} of {last}" if verdict.records else ""
        console.line(TextCell("✓ intact", GOOD), f"  {verdict.application}: {count}{begin}{reach}{end}")
        if verdict.waits(now):
            since = console.time(verdict.unanchored_since)
            console.line(TextCell("! anchor", BAD), f"  {verdict.application}: nothing since {since} is anchored")
        if verdict.retired_from is not None:
            why = f"record {verdict.retired_from} and those after it are signed with a key that was retired"
            shown = "neither an anchor nor a later record shows that they are older"
            console.line(TextCell("! key   ", BAD), f"  {verdict.application}: {why}, and {shown}")
    else:
        fault = f"record {verdict.fault.sequence}: {verdict.fault.reason}"
        follows = verdict.fault.sequence <= verdict.first + verdict.records - 1  # what they say is the fault
        before = f"{count}, all linked and signed" if follows else f"{count} before it intact"
        console.line(TextCell("✗ broken", BAD), f"  {verdict.application}: {fault} ({before})")
    if verdict.index is not None and not verdict.index.complete:
        console.line(TextCell("✗ index ", BAD), f"  {verdict.application}: {_index_fault(verdict.index)}")
    if verdict.votes is not None:
        _show_votes(console, verdict.application, verdict.votes)
    for waiver in verdict.waivers:
        where = f"{waiver.release} in {waiver.environment}, record {waiver.sequence}"
        line = one_line(f"{waiver.rule} was waived by {waiver.actor}: {waiver.reason}", WAIVER_SHOWN)
        console.line(TextCell("? waived", NOTE), f"  {where}: {line}")
    for note in verdict.notes:
        console.line(TextCell("! anchor", BAD), f"  {verdict.application}: {note}")


def _show_votes(console: CliConsole, application: str, votes: VotesVerdict) -> None:
    if not votes.faults:
        unproved = f"; {votes.said} votes without a proof, at gates that accept them" if votes.said else ""
        console.line(TextCell("✓ votes ", GOOD), f"  {application}: {votes.proofs} proofs hold{unproved}")
    for keys in votes.keys:
        where = "published by the provider" if keys.source == "provider" else "from the archive"
        since = (
            f"anchored since {console.time(keys.anchored_since)}" if keys.anchored_since else "in no anchor compared"
        )
        console.line(TextCell("  keys  ", FAINT), f"  {keys.keys}: {where}, {since}; {keys.proofs} proofs")
    for fault in votes.faults:
        console.line(TextCell("✗ vote  ", BAD), f"  {application}: record {fault.sequence}: {fault.reason}")
    for later in votes.waiting:
        console.line(TextCell("! vote  ", BAD), f"  {application}: record {later.sequence}: {later.reason}")


def _index_fault(index: IndexVerdict) -> str:
    counts = {"missing": index.missing, "wrong": index.wrong, "extra": index.extra}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    numbers = f", of records {', '.join(map(str, index.records))}" if index.records else ""
    return f"copies for searches: {kinds}{numbers}; `slipway audit reindex --repair` repairs them"
