"""Plays CI and the people of one application while parts of the system come and go: as theirs would, they try again
until they are answered, and nothing that was answered is said again."""

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
"""Seconds that anything may take before it is given up. If it gives something up, that is missing in the end, and the
judge finds it."""
PAUSE: Final = 1.0
INTENTS: Final = {Intent.APPROVED: 11, Intent.REJECTED: 3, Intent.OVERTAKEN: 6}
"""The intended outcomes of twenty versions."""
AWAY = (
    *(urllib3.exceptions.HTTPError, OSError, AzureError, RuntimeError, ValueError),
    *(PushError, HookRefused, PageRefused),
)
"""The errors of a request to a part that is away."""


class Mail(Protocol):
    """The notices in the inbox."""

    def asked(self, release: str, person: Person) -> str | None:
        """The address in the newest question to a person."""


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
        """Deliver one version after the other until the time is over; returns once the last one has ended."""
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
        run = self._tried(lambda: self._ci.begin(f"Release {version}"))
        if run is None:
            return
        image = self._ci.build(version, commit=run.commit)
        digest = self._tried(lambda: self._ci.push(image, version))
        if digest is None:
            return
        self.pushed.append(Pushed(application=self.application.name, tag=version, digest=digest, intent=intent))
        self.say(f"CI pushed {self.application.name}:{version}, to be {intent}")
        self._tried(lambda: self._ended(run, digest))
        self._tried(lambda: self._told(run, digest, version))
        if intent is not Intent.OVERTAKEN:
            self._followed(version, "reject" if intent is Intent.REJECTED else "approve")

    def _ended(self, run: RunFacts, digest: str) -> bool:
        try:
            self._ci.end(run, digest)
        except ValueError as refused:
            if "no run" not in str(refused):  # that it has ended: the answer to the first try was lost
                raise
        return True

    def _told(self, run: RunFacts, digest: str, version: str) -> bool:
        if self.application.by_message:
            self._ci.tell(self.stack.bus, run, digest, tag=version)
        else:
            self._ci.report(run)
        return True

    # ---- people
    def _followed(self, version: str, decision: str) -> None:
        """Wait until the release of the version has ended; the approvers decide meanwhile."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            release = self._release(version)
            if release is not None and release["phase"] in FINAL:
                self.say(f"{release['id']} {release['phase'].replace('_', ' ')}")
                return
            if release is not None and release["phase"] == Phase.AWAITING_APPROVAL:
                self._decide(release["id"], decision)
            time.sleep(PAUSE)
        self.say(f"{self.application.name}:{version} has not ended within {WITHIN:.0f} s")

    def _release(self, version: str) -> dict[str, Any] | None:
        try:
            path = f"/api/v1/releases?application={self.application.name}&limit=200"
            found: list[dict[str, Any]] = self._watch.get(path)["releases"]
        except AWAY:
            return None
        return next((each for each in found if each["tag"] == version), None)

    @cached_property
    def _watch(self) -> Watcher:
        return Watcher(self.stack.url, self.stack.secrets.function_key, self.application.name)

    def _decide(self, release: str, decision: str) -> None:
        for person in self.application.voters:
            address = self.mail.asked(release, person)
            if address is None or (release, person.oid) in self.votes:
                continue
            try:
                Signer(person.oid).decide(address, decision, f"{decision} {release}")
            except AWAY as away:
                self.say(f"{person.name} comes again for {release}: {type(away).__name__}: {away}"[:150])
                return
            self.votes.add((release, person.oid))
            self.say(f"{person.name} signed: {decision} {release} for {PRODUCTION}")
            if decision == "reject":
                return

    def _tried[T](self, act: Callable[[], T]) -> T | None:
        """Try again and again, until there is an answer; None if it was given up."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            try:
                return act()
            except AWAY as away:
                why = away
                time.sleep(PAUSE)
        self.say(f"CI of {self.application.name} gave up: {why}")
        return None
