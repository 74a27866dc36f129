"""Plays CI and the people of one application while parts of the system come and go. Like real ones they retry until
they get a response, and do not repeat what was confirmed."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Protocol

import urllib3
from azure.core.exceptions import AzureError

from local.ci import Pipeline, RunFacts
from local.ci.pipeline import HookRefused
from local.identity import Person
from local.images.push import PushError
from local.person import PageRefused, Signer
from local.stack import Stack
from local.watch import Watcher
from slipway.domain.phases import Phase

from .applications import PRODUCTION, Delivered
from .evidence import FINAL, Intent, Pushed

WITHIN: Final = 900.0
"""Seconds after which anything is given up. What was given up is missing at the end, and the judge notices."""
PAUSE: Final = 1.0
INTENTS: Final = {Intent.APPROVED: 11, Intent.REJECTED: 3, Intent.OVERTAKEN: 6}
"""How many of twenty versions have each intent."""
UNAVAILABLE = (
    *(urllib3.exceptions.HTTPError, OSError, AzureError, RuntimeError, ValueError),
    *(PushError, HookRefused, PageRefused),
)
"""The errors of a request to a part that is down."""


class Mail(Protocol):
    """The notices in the inbox."""

    def vote_address(self, release: str, person: Person) -> str | None:
        """The address in the newest vote request to a person."""


@dataclass(kw_only=True)
class Player:
    """One application's CI and people, in a thread of their own."""

    stack: Stack
    application: Delivered
    seed: int
    mail: Mail
    say: Callable[[str], None]
    pushed: list[Pushed] = field(default_factory=list)
    votes: set[tuple[str, str]] = field(default_factory=set)
    """Release and voter of each vote that the page reported as counted."""

    def run(self, over: threading.Event) -> None:
        """Deliver one version after another until the time is over; returns once the last one has ended."""
        dice = random.Random(f"{self.seed} {self.application.name}")
        while not over.is_set():
            (intent,) = dice.choices([*INTENTS], [*INTENTS.values()])
            self._deliver(f"1.{len(self.pushed)}.0", intent)
        if self.pushed and self.pushed[-1].intent is Intent.OVERTAKEN:
            self._deliver(f"1.{len(self.pushed)}.0", Intent.APPROVED)

    # ---- CI
    @cached_property
    def _ci(self) -> Pipeline:
        return Pipeline(
            app_url=self.stack.url,
            hook_secret=self.stack.secrets.hook_secret,
            registry=self.stack.registries["nonprod"],
            ci_password=self.stack.secrets.ci_password,
            azure_devops=self.stack.azure_devops["url"],
            repository=self.application.repository,
            name=f"{self.application.name}-ci",
        )

    def _deliver(self, version: str, intent: Intent) -> None:
        run = self._retry(lambda: self._ci.begin(f"Release {version}"))
        if run is None:
            return
        image = self._ci.build(version, commit=run.commit)
        digest = self._retry(lambda: self._ci.push(image, version))
        if digest is None:
            return
        self.pushed.append(Pushed(application=self.application.name, tag=version, digest=digest, intent=intent))
        self.say(f"CI pushed {self.application.name}:{version}, to be {intent}")
        self._retry(lambda: self._end_run(run, digest))
        self._retry(lambda: self._report_run(run, digest, version))
        if intent is not Intent.OVERTAKEN:
            self._follow_release(version, "reject" if intent is Intent.REJECTED else "approve")

    def _end_run(self, run: RunFacts, digest: str) -> bool:
        try:
            self._ci.end(run, digest)
        except ValueError as refused:
            if "no run" not in str(refused):  # an earlier try ended it, and its response was lost
                raise
        return True

    def _report_run(self, run: RunFacts, digest: str, version: str) -> bool:
        if self.application.by_message:
            self._ci.tell(self.stack.bus, run, digest, tag=version)
        else:
            self._ci.report(run)
        return True

    # ---- people
    def _follow_release(self, version: str, decision: str) -> None:
        """Wait until the version's release has ended, while its approvers decide."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            release = self._release(version)
            if release is not None and release["phase"] in FINAL:
                self.say(f"{release['id']} {release['phase'].replace('_', ' ')}")
                return
            if release is not None and release["phase"] == Phase.AWAITING_APPROVAL:
                self._decide(release["id"], decision)
            time.sleep(PAUSE)
        self.say(f"{self.application.name}:{version} did not end within {WITHIN:.0f} s")

    def _release(self, version: str) -> dict[str, Any] | None:
        try:
            path = f"/api/v1/releases?application={self.application.name}&limit=200"
            releases: list[dict[str, Any]] = self._watch.get(path)["releases"]
        except UNAVAILABLE:
            return None
        return next((release for release in releases if release["tag"] == version), None)

    @cached_property
    def _watch(self) -> Watcher:
        return Watcher(self.stack.url, self.stack.secrets.function_key, self.application.name)

    def _decide(self, release: str, decision: str) -> None:
        for person in self.application.voters:
            address = self.mail.vote_address(release, person)
            if address is None or (release, person.oid) in self.votes:
                continue
            try:
                Signer(person.oid).decide(address, decision, f"{decision} {release}")
            except UNAVAILABLE as error:
                self.say(f"{person.name} will retry for {release}: {type(error).__name__}: {error}"[:150])
                return
            self.votes.add((release, person.oid))
            self.say(f"{person.name} signed: {decision} {release} for {PRODUCTION}")
            if decision == "reject":
                return

    def _retry[T](self, act: Callable[[], T]) -> T | None:
        """Retry until it succeeds; None if it was given up."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            try:
                return act()
            except UNAVAILABLE as error:
                last_error = error
                time.sleep(PAUSE)
        self.say(f"CI of {self.application.name} gave up: {last_error}")
        return None
