"""`python -m local.demo [--approvals | --manifests-only | --attack [--open GUARD]] [--json]`, and with
`--cluster real`, of the version that `--kubernetes` names, on real control planes.

Plays a story, checks its end, and verifies the trail.

Exit codes: 0 everything ended as it should and the trail verifies; 1 it did not; 3 an attack succeeded.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from local.ci.pipeline import HookRefused
from local.cluster.building import KUBERNETES, VERSIONS
from local.images.push import PushError
from local.person import PageRefused
from local.process import PartFailed
from local.stack import Stack, StackOptions
from local.stack.places import namespaces_of
from local.traces.show import release_text, settled
from local.watch import TooSlow
from slipway.bootstrap.roles import AppRole

from .approvals import ApprovalsStory, two_must_approve
from .attack_report import play_attacks
from .bundled import as_bundle
from .guards import GUARDS
from .manifests_only import ManifestsStory
from .narrator import Narrator
from .play import APPLICATION, Play, slipway
from .story import Story


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo ARGS=…", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of the story")
    parser.add_argument("--instances", type=int, default=1, choices=range(1, 5), help="instances of front and worker")
    stories = parser.add_mutually_exclusive_group()
    stories.add_argument(
        "--approvals",
        action="store_true",
        help="another story: two must approve, the committer is refused, a tag that is pushed again voids a vote",
    )
    stories.add_argument(
        "--manifests-only",
        action="store_true",
        help="another story: a larger memory limit goes to production, with the image that is live there",
    )
    stories.add_argument("--attack", action="store_true", help="five attacks, each refused by a rule and on record")
    parser.add_argument(
        "--open",
        choices=list(GUARDS),
        metavar="GUARD",
        help=f"leave one guard out of the app, and play the attack that it stops: {', '.join(GUARDS)}",
    )
    parser.add_argument(
        "--cluster",
        choices=("double", "real"),
        default="double",
        help="real control planes, which `make cluster` builds",
    )
    parser.add_argument(
        "--kubernetes", choices=list(VERSIONS), default=KUBERNETES, metavar="VERSION", help="their version"
    )
    parser.add_argument("--traces", action="store_true", help="take in the app's traces, and show each release's")
    options = parser.parse_args()
    if options.open and not options.attack:
        parser.error("--open goes with --attack")
    if (options.attack or options.manifests_only) and options.cluster == "real":
        parser.error("--attack and --manifests-only are played on the double of the clusters")
    say = Narrator(quiet=options.json)
    say.heading(
        "Slipway on this machine: Azurite, Service Bus, sign-in, two registries, two clusters, an inbox, and the app: "
        "front and worker"
    )
    try:
        with ExitStack() as opened:
            if options.attack:
                return play_attacks(opened, say, GUARDS.get(options.open), as_json=options.json)
            applied = opened.enter_context(two_must_approve() if options.approvals else as_bundle())
            wanted = StackOptions(
                instances=options.instances,
                traces=options.traces,
                apply=None,
                real_clusters=options.kubernetes if options.cluster == "real" else None,
                namespaces=namespaces_of(applied),
                settings_of=_checks_drift_each_minute,
            )
            stack = opened.enter_context(Stack(wanted))
            told = ApprovalsStory if options.approvals else ManifestsStory if options.manifests_only else Story
            return _play(stack, told(stack, say), say, applied, as_json=options.json)
    except (PartFailed, TooSlow, PageRefused, HookRefused, PushError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _checks_drift_each_minute(role: AppRole, settings: dict[str, str]) -> dict[str, str]:
    """The worker looks for drift each minute, and so in any minute in which the story has it look."""
    return settings | ({"SLIPWAY_DRIFT_MINUTES": "1"} if role.works else {})


def _play(stack: Stack, story: Play, say: Narrator, applied: Path, *, as_json: bool) -> int:
    say.line(f"all {len(stack.parts)} parts are up; the front answers at {stack.url}, the worker answers nobody")
    set_up = say.seconds
    say.heading("The first act: the platform's people apply a project, the team its application")
    stack.apply(applied)
    say.line(f"they typed: slipway apply -f …; project and application {APPLICATION} are in force")
    story.caught_up()
    say.restart()
    expected = story.tell()
    delivered = say.seconds
    releases = story.releases(list(expected))
    verdict = _verify(stack, say)
    facts = story.facts()
    if stack.traces_url:
        _show_traces(stack, list(expected), say)
    right = verdict["intact"] and all(r["phase"] == expected[r["id"]] for r in releases)
    right = right and all(proof["verified"] for proof in facts.get("proofs", ()))
    seconds = {"set_up": round(set_up, 1), "delivery": round(delivered, 1), "total": round(set_up + say.seconds, 1)}
    if as_json:
        print(json.dumps(_summary(releases, verdict, seconds) | facts))
    else:
        _show_end(releases, seconds, say, right=right)
    return 0 if right else 1


def _show_traces(stack: Stack, releases: list[str], say: Narrator) -> None:
    say.heading("Each release's trace, from the push to its end")
    for release in releases:
        settled(stack.traces_url, release)
        shown = release_text(stack.traces_url, release, width=110, colour=False)
        say.line(shown or f"{release}: nothing came")


def _verify(stack: Stack, say: Narrator) -> dict[str, Any]:
    """The answers of the audit trail, and its verification, by the commands that an auditor would use."""
    for arguments in [["audit", "live", "production"], ["audit", "verify"]] if not say.quiet else ():
        say.heading(f"$ slipway {' '.join(arguments)}")
        slipway(stack, arguments, show=True)
    found = slipway(stack, ["audit", "verify", APPLICATION, "--json"], show=False).stdout
    verdict: dict[str, Any] = json.loads(found)["applications"][0]
    return verdict


def _summary(releases: list[dict[str, Any]], verdict: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    return {
        "releases": [
            {
                "id": release["id"],
                "status": release["phase"],
                "digest": release["digest"],
                "environments": {rollout["environment"]: rollout["outcome"] for rollout in release["rollouts"]},
            }
            for release in releases
        ],
        "audit": {"records": verdict["records"], "verified": verdict["intact"]},
        "seconds": seconds,
    }


def _show_end(releases: list[dict[str, Any]], seconds: dict[str, float], say: Narrator, *, right: bool) -> None:
    say.heading("The end")
    for release in releases:
        chain = ", ".join(f"{rollout['environment']}: {rollout['outcome']}" for rollout in release["rollouts"])
        say.line(f"{release['id']} ({release['tag']}) {release['phase']}: {chain}".replace("_", " "))
    say.line(f"set up in {seconds['set_up']} s, delivered in {seconds['delivery']} s")
    say.line("everything ended as it should" if right else "SOMETHING IS NOT AS IT SHOULD BE")
    if right:
        say.heading("Next: keep it running, push a version of your own, and approve it in the browser")
        say.line("make up ARGS=--background && make push VERSION=1.0.0")
        say.line("docs/tutorial/laptop.md goes on from here")


if __name__ == "__main__":
    sys.exit(main())
