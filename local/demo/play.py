"""What the stories of the demo share: play CI and people, follow events, and run commands.

Everything in between is done by the system itself.
"""

import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.ci import Pipeline
from local.person import Approver, Signer
from local.process import ROOT
from local.stack import Stack
from local.watch import TooSlow, Watcher
from slipway.domain.actions import Action
from slipway.domain.queues import Queue

from .bundled import ADA
from .narrator import Narrator

APPLICATION = "hello"
ENDS = tuple(action for action in Action if action.ends is not None)
WITHIN = 120.0
MOMENT = 0.7
"""Seconds after which a copy gets a progress bar."""


class Play(ABC):
    """A story. `tell` returns release id → expected end; `facts` is added to the summary of the releases."""

    def __init__(self, stack: Stack, narrator: Narrator) -> None:
        self.stack, self.say = stack, narrator
        self._copying_since: float | None = None
        secrets = stack.secrets
        self.ci = Pipeline(
            app_url=stack.url,
            hook_secret=secrets.hook_secret,
            registry=stack.registries["nonprod"],
            ci_password=secrets.ci_password,
            azure_devops=stack.azure_devops["url"],
        )
        self._watch = Watcher(stack.url, secrets.function_key, APPLICATION)

    @abstractmethod
    def tell(self) -> dict[str, str]:
        """Raises `TooSlow` and `RuntimeError` if the system does not do what it should."""

    def facts(self) -> dict[str, Any]:
        return {}

    def releases(self, ids: list[str]) -> list[dict[str, Any]]:
        return [self._watch.release(release) for release in ids]

    def records(self) -> list[dict[str, Any]]:
        """The whole trail so far."""
        records: list[dict[str, Any]] = self._watch.get(f"/api/v1/audit/{APPLICATION}?limit=500")["records"]
        return records

    def skip_earlier_records(self) -> None:
        """Skip earlier records, which are not part of the story."""
        for record in self._watch.new_records():
            self._watch.sequence = record["sequence"]

    # ---- CI
    def deliver(self, version: str, *, variant: str | None = None, by_message: bool = False) -> str:
        """Merge, build, push, publish, and report the run: by the service hook, or by the pipeline's own message."""
        run = self.ci.begin(f"Release {version}")
        self.say.line(f"Dan completes Grace's pull request; run {run.number} of hello-ci begins")
        image = self.ci.build(version, variant=variant, commit=run.commit)
        self.say.line(f"CI built hello:{version} for linux/amd64 and linux/arm64")
        digest = self.ci.push(image, version)
        self.say.line(f"CI pushed {digest[:19]}… to the non-production registry")
        self.ci.end(run, digest)
        if by_message:
            self.ci.tell(self.stack.bus, run, digest, tag=version)
            self.say.line("the run says what it published, has ended, and a message on Service Bus tells of it")
        else:
            self.ci.report(run)
            self.say.line("the run says what it published, and has ended; its service hook was answered with 202")
        return str(self.follow(Action.RELEASE_CREATED)["release"])

    # ---- people
    def notice(self, release: str, kind: str, recipient: str) -> dict[str, Any]:
        """Wait for a notice in a person's inbox."""
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            for notice in self.stack.notices():
                if (notice["release"], notice["notice"], notice["recipient"]) == (release, kind, recipient):
                    self.say.line(f"{recipient} finds in the inbox: {notice['headline']!r}")
                    return notice
            time.sleep(0.1)
        raise TooSlow(f"{recipient} got no notice {kind} of {release} within {WITHIN:.0f} s")

    def approve_on_page(self, link: str, person: str, reason: str = "") -> None:
        approver = Approver()
        page = approver.read(link)
        self.say.line(f"{person} opens the link ({len(page) // 1024} KB) and presses Approve")
        approver.decide(link, "approve", reason)

    def approve_by_message(self, vote: dict[str, Any], oid: str, reason: str) -> None:
        """Send a bot's message on behalf of somebody, with the vote's fields from the notice."""
        message = {name: value for name, value in vote.items() if name != "approves"} | {
            "v": 1,
            "id": f"bot-{vote['application']}-{vote['release']}-{vote['environment']}",
            "decision": "approve",
            "on_behalf_of": {"tid": self.stack.identity.settings.tenant, "oid": oid},
            "reason": reason,
        }
        with (
            ServiceBusClient.from_connection_string(self.stack.bus) as client,
            client.get_queue_sender(Queue.APPROVALS) as sender,
        ):
            sender.send_messages(ServiceBusMessage(json.dumps(message)))

    def sign_on_page(self, link: str, reason: str = "") -> None:
        """Let Ada sign in, read, press Approve, and prove by another sign-in that the vote is hers."""
        self.say.line(f"{ADA.name} opens the page, signs in, and reads what will change")
        signer = Signer(ADA.oid)
        signer.decide(link, "approve", reason)
        self.say.line("she presses Approve and signs in once more, for this text alone; her vote is counted")

    # ---- following
    def follow_to_vote_request(self, release: str) -> None:
        """Follow the trail up to the message that asks people to vote."""
        for record in self._watch.follow(
            lambda r: r["action"] == Action.NOTIFICATION_SENT and r["details"]["notice"] == "gate-opened", within=WITHIN
        ):
            self.say.record(record)
            if record["action"] in ENDS and record["release"] == release:
                raise TooSlow(f"{release} ended before anybody was asked: {record['details'].get('reason')}")

    def follow(self, action: Action) -> dict[str, Any]:
        """Follow the trail up to the next record with this action."""
        for record in self._watch.follow(lambda r: r["action"] == action, within=WITHIN):
            self.say.record(record)
        return record

    def to_the_end(self, release: str) -> None:
        def meanwhile() -> None:
            self._show_copy(release)

        for record in self._watch.follow(
            lambda r: r["action"] in ENDS and r["release"] == release, within=WITHIN, meanwhile=meanwhile
        ):
            self._copying_since = time.monotonic() if record["action"] == Action.COPY_REQUESTED else None
            self.say.record(record)

    def _show_copy(self, release: str) -> None:
        """Show a progress bar for copies that take longer than a moment."""
        if self._copying_since is None or time.monotonic() - self._copying_since < MOMENT:
            return
        progress = self._watch.release(release).get("progress")
        if progress:
            self.say.bar(progress)


def slipway(
    stack: Stack,
    arguments: list[str],
    *,
    show: bool,
    folder: Path = ROOT,
    more: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would in a folder, with `more` variables set; with `show`, on this terminal."""
    environment = {**stack.command_environment(), "PYTHONPATH": str(ROOT), **more}
    return subprocess.run(
        [sys.executable, "-m", "slipway.cli", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
    )
