"""The story of the demo: one release that reaches production, and one that its acceptance tests stop."""

import time
from typing import Any

from local.ci import Pipeline
from local.ci.pipeline import run_of
from local.person import Approver
from local.stack import Stack
from local.watch import TooSlow, Watcher

from .narrator import Narrator

APPLICATION = "hello"
GOOD, BAD = "1.0.0", "1.1.0"
BROKEN = "wrong-total"
ENDS = tuple(
    f"release.{end}" for end in ("completed", "failed", "rolled-back", "rejected", "expired", "superseded", "cancelled")
)
WITHIN = 120.0
MOMENT = 0.7
"""Seconds after which a promotion is worth a progress bar."""


class Story:
    """Plays CI and the approver; everything in between is the system's own doing."""

    def __init__(self, stack: Stack, narrator: Narrator) -> None:
        self._stack, self._say = stack, narrator
        self._promoting_since: float | None = None
        secrets = stack.secrets
        self._ci = Pipeline(
            app_url=stack.url,
            hook_secret=secrets.hook_secret,
            registry=stack.registries["nonprod"],
            ci_password=secrets.ci_password,
        )
        self._watch = Watcher(stack.url, secrets.function_key, APPLICATION)

    def tell(self) -> dict[str, str]:
        """Returns release id → expected end. Raises `TooSlow` and `RuntimeError` when the system does not keep up."""
        self._say.heading(f"A developer merges {GOOD}")
        good = self._deliver(GOOD)
        self._approve(good)
        self._follow_to_the_end(good)
        self._say.heading(f"A developer merges {BAD}, which has a bug that only the acceptance tests see")
        bad = self._deliver(BAD, variant=BROKEN)
        self._follow_to_the_end(bad)
        return {good: "completed", bad: "rolled_back"}

    def releases(self, ids: list[str]) -> list[dict[str, Any]]:
        return [self._watch.release(release) for release in ids]

    def _deliver(self, version: str, *, variant: str | None = None) -> str:
        image = self._ci.build(version, variant=variant)
        self._say.line(f"CI built hello:{version} for linux/amd64 and linux/arm64")
        digest = self._ci.push(image, version)
        self._say.line(f"CI pushed {digest[:19]}… to the non-production registry")
        self._ci.report(run_of(version))
        self._say.line("CI completed; its service hook was answered with 202")
        for record in self._watch.follow(lambda r: r["action"] == "release.created", within=WITHIN):
            self._say.record(record)
        release: str = record["release"]
        return release

    def _approve(self, release: str) -> None:
        for record in self._watch.follow(
            lambda r: r["action"] == "notification.sent" and r["details"]["notice"] == "gate-opened", within=WITHIN
        ):
            self._say.record(record)
            if record["action"] in ENDS:
                raise TooSlow(f"{release} ended before anybody was asked: {record['details'].get('reason')}")
        notice = next(n for n in self._stack.notices() if n["release"] == release and n["approval_url"])
        self._say.line(f"{notice['recipient']} finds in the inbox: {notice['headline']!r}")
        approver = Approver()
        page = approver.read(notice["approval_url"])
        self._say.line(f"{notice['recipient']} opens the link ({len(page) // 1024} KB) and presses Approve")
        approver.decide(notice["approval_url"], "approve", "seen in staging")

    def _follow_to_the_end(self, release: str) -> None:
        def meanwhile() -> None:
            self._show_promotion(release)

        for record in self._watch.follow(
            lambda r: r["action"] in ENDS and r["release"] == release, within=WITHIN, meanwhile=meanwhile
        ):
            self._promoting_since = time.monotonic() if record["action"] == "promotion.requested" else None
            self._say.record(record)

    def _show_promotion(self, release: str) -> None:
        """Where a promotion takes longer than a moment."""
        if self._promoting_since is None or time.monotonic() - self._promoting_since < MOMENT:
            return
        progress = self._watch.release(release).get("progress")
        if progress:
            self._say.bar(progress)
