"""`python -m local.demo [--approvals | --manifests-only | --attack [--open GUARD]] [--json]`; with `--cluster real` on
real control planes, of the version that `--kubernetes` gives.

Plays a story, checks its result, and verifies the trail.

Exit codes: 0 everything ended as expected and the trail verifies; 1 it did not; 3 an attack succeeded.
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
from local.traces.show import release_text, wait_until_settled
from local.watch import TooSlow
from slipway.bootstrap.roles import AppRole

from .approvals import ApprovalsStory, folder_with_two_approvers
from .attack_report import play_attacks
from .bundled import bundle_folder
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
        "--kubernetes",
        choices=list(VERSIONS),
        default=KUBERNETES,
        metavar="VERSION",
        help="the version of the real control planes",
    )
    parser.add_argument("--traces", action="store_true", help="receive the app's traces, and show each release's")
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
        with ExitStack() as contexts:
            if options.attack:
                return play_attacks(contexts, say, GUARDS.get(options.open), as_json=options.json)
            catalogue_folder = contexts.enter_context(
                folder_with_two_approvers() if options.approvals else bundle_folder()
            )
            stack_options = StackOptions(
                instances=options.instances,
                traces=options.traces,
                apply=None,
                real_clusters=options.kubernetes if options.cluster == "real" else None,
                namespaces=namespaces_of(catalogue_folder),
                settings_of=_checks_drift_each_minute,
            )
            stack = contexts.enter_context(Stack(stack_options))
            story_class = ApprovalsStory if options.approvals else ManifestsStory if options.manifests_only else Story
            return _play(stack, story_class(stack, say), say, catalogue_folder, as_json=options.json)
    except (PartFailed, TooSlow, PageRefused, HookRefused, PushError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _checks_drift_each_minute(role: AppRole, settings: dict[str, str]) -> dict[str, str]:
    """Let the worker check for drift every minute, because the story waits for such a check."""
    return settings | ({"SLIPWAY_DRIFT_MINUTES": "1"} if role.works else {})


def _play(stack: Stack, story: Play, say: Narrator, catalogue_folder: Path, *, as_json: bool) -> int:
    say.line(f"all {len(stack.parts)} parts are up; the front answers at {stack.url}, the worker answers nobody")
    set_up_seconds = say.seconds
    say.heading("The first act: the platform's people apply a project, the team its application")
    stack.apply(catalogue_folder)
    say.line(f"they typed: slipway apply -f …; project and application {APPLICATION} are in force")
    story.skip_earlier_records()
    say.restart()
    expected = story.tell()
    delivery_seconds = say.seconds
    releases = story.releases(list(expected))
    verdict = _verify(stack, say)
    facts = story.facts()
    if stack.traces_url:
        _show_traces(stack, list(expected), say)
    is_expected = verdict["intact"] and all(r["phase"] == expected[r["id"]] for r in releases)
    is_expected = is_expected and all(proof["verified"] for proof in facts.get("proofs", ()))
    seconds = {
        "set_up": round(set_up_seconds, 1),
        "delivery": round(delivery_seconds, 1),
        "total": round(set_up_seconds + say.seconds, 1),
    }
    if as_json:
        print(json.dumps(_summary(releases, verdict, seconds) | facts))
    else:
        _show_end(releases, seconds, say, is_expected=is_expected)
    return 0 if is_expected else 1


def _show_traces(stack: Stack, releases: list[str], say: Narrator) -> None:
    say.heading("Each release's trace, from the push to its end")
    for release in releases:
        wait_until_settled(stack.traces_url, release)
        trace_text = release_text(stack.traces_url, release, width=110, colour=False)
        say.line(trace_text or f"{release}: no trace arrived")


def _verify(stack: Stack, say: Narrator) -> dict[str, Any]:
    """Verify the audit trail, and show what it says, with the commands that an auditor would use."""
    for arguments in [["audit", "live", "production"], ["audit", "verify"]] if not say.quiet else ():
        say.heading(f"$ slipway {' '.join(arguments)}")
        slipway(stack, arguments, show=True)
    output = slipway(stack, ["audit", "verify", APPLICATION, "--json"], show=False).stdout
    verdict: dict[str, Any] = json.loads(output)["applications"][0]
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


def _show_end(releases: list[dict[str, Any]], seconds: dict[str, float], say: Narrator, *, is_expected: bool) -> None:
    say.heading("The end")
    for release in releases:
        chain = ", ".join(f"{rollout['environment']}: {rollout['outcome']}" for rollout in release["rollouts"])
        say.line(f"{release['id']} ({release['tag']}) {release['phase']}: {chain}".replace("_", " "))
    say.line(f"set up in {seconds['set_up']} s, delivered in {seconds['delivery']} s")
    say.line("everything ended as it should" if is_expected else "SOMETHING IS NOT AS IT SHOULD BE")
    if is_expected:
        say.heading("Next: keep it running, push a version of your own, and approve it in the browser")
        say.line("make up ARGS=--background && make push VERSION=1.0.0")
        say.line("docs/tutorial/laptop.md goes on from here")


if __name__ == "__main__":
    sys.exit(main())
