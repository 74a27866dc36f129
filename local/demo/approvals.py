"""The story of `--approvals`: two people must approve, nobody their own work, and a vote is for one plan."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from local.person import Approver
from local.stack.options import EXAMPLE
from slipway.domain.actions import Action
from slipway.domain.rules import Rule

from .play import Play, slipway

ADA, BEN, GRACE = "ada@example.com", "ben@example.com", "grace@example.com"
VERSION = "1.0.0"
OWN_RULE = str(Rule.NOT_COMMITTER)
GATE = {"kind": "approval", "approvers": [ADA, BEN, GRACE], "required": 2, "deadline": "24h"}
"""Production's policy in this story: two of three approve, and by default nobody approves their own work."""
REFUSED = 1
"""Exit code of `slipway approve` when a vote did not count."""


@contextmanager
def folder_with_two_approvers() -> Iterator[Path]:
    """A folder with the example, in which production has this story's gate."""
    with tempfile.TemporaryDirectory(prefix="slipway-example-") as name:
        folder = Path(name)
        copytree(EXAMPLE, folder, dirs_exist_ok=True)
        file = folder / "application.yaml"
        application = yaml.safe_load(file.read_text())
        application["environments"][-1]["gate"] = GATE
        file.write_text(yaml.safe_dump(application, sort_keys=False))
        yield folder


class ApprovalsStory(Play):
    """Two approvals, an attempt by the committer, and a tag that is pushed again in between."""

    def tell(self) -> dict[str, str]:
        self.say.heading(f"Production asks two of {ADA}, {BEN} and {GRACE}. Grace commits {VERSION}")
        first = self.deliver(VERSION, by_message=True)
        self.follow_to_vote_request(first)
        old_links = self._links(first)
        self.say.heading("Ada approves on the page. Grace, whose commit it is, tries too")
        self.approve_on_page(old_links[ADA], ADA, "seen in staging")
        self.follow(Action.VOTE_APPROVED)
        self._vote_as_committer(first, old_links[GRACE])
        self.say.heading(f"The tag {VERSION} is pushed again, with another image: Ada's vote was for the first one")
        second = self.deliver(VERSION, by_message=True)
        self.follow(Action.VOTE_VOIDED)
        self.notice(first, "votes-voided", ADA)
        self._open_old_link(old_links[ADA], second)
        self.follow_to_vote_request(second)
        new_links = self._links(second)
        self.say.heading("Both decide on the image that the tag names now: Ada on the page, Ben on the command line")
        self.approve_on_page(new_links[ADA], ADA, "the second image, seen in staging")
        self.follow(Action.VOTE_APPROVED)
        self._vote_twice(second, new_links[ADA])
        self._approve_on_command_line(second, BEN, new_links[BEN])
        self.to_the_end(second)
        return {first: "superseded", second: "completed"}

    def facts(self) -> dict[str, Any]:
        """Every vote in the trail: by whom, for which plan, by which channel, and what became of it."""
        actions = ((record, Action.of_text(record["action"])) for record in self.records())
        votes = [_vote(record) for record, action in actions if action is not None and action.about_a_vote]
        self.say.heading("Every vote in the audit trail")
        for vote in votes:
            self.say.vote(vote)
        return {"votes": votes}

    def _links(self, release: str) -> dict[str, str]:
        return {person: self.notice(release, "gate-opened", person)["approval_url"] for person in (ADA, BEN, GRACE)}

    def _approve(self, person: str, link: str) -> tuple[int, dict[str, Any]]:
        self.say.line(f"{person} types: slipway approve --link …")
        process = slipway(self.stack, ["approve", "--link", link, "--json"], show=False)
        result: dict[str, Any] = json.loads(process.stdout)
        return process.returncode, result

    def _vote_as_committer(self, release: str, link: str) -> None:
        code, result = self._approve(GRACE, link)
        self.say.line(f"the answer, with exit code {code}: {_refusal(result)}")
        record = self.follow(Action.VOTE_REFUSED)
        if code != REFUSED or record["actor"] != GRACE or record["details"]["rules"] != [OWN_RULE]:
            raise RuntimeError(f"expected {OWN_RULE} to refuse {GRACE} on {release}, got {record['details']}")

    def _open_old_link(self, link: str, newer: str) -> None:
        page = Approver().read(link)
        if newer not in page or "<form" in page:
            raise RuntimeError(f"expected the old link to name {newer}, and to offer no form")
        self.say.line(f"the link that Ada has says that {newer} took its place, and takes no vote any more")

    def _vote_twice(self, release: str, link: str) -> None:
        """One person with two channels still has one vote."""
        code, result = self._approve(ADA, link)
        record = self.follow(Action.VOTE_REFUSED)
        if code != REFUSED or record["details"]["rules"] != [str(Rule.ONE_VOTE_EACH)]:
            raise RuntimeError(f"expected one vote of {ADA} on {release}, got {record['details']}")
        self.say.line(f"counted already: one person has one vote, so it is still 1 of 2: {_refusal(result)}")

    def _approve_on_command_line(self, release: str, person: str, link: str) -> None:
        code, result = self._approve(person, link)
        if code:
            raise RuntimeError(f"expected {person} to approve {release}, got: {_refusal(result)}")
        self.say.line(f"the answer: {result['state']}, and the gate is passed")


def _refusal(result: dict[str, Any]) -> str:
    return str(result["error"]["message"])


def _vote(record: dict[str, Any]) -> dict[str, Any]:
    details = record["details"]
    voided = record["action"] == Action.VOTE_VOIDED
    return {
        "sequence": record["sequence"],
        "release": record["release"],
        "voter": ", ".join(details["voters"]) if voided else record["actor"],
        "became": record["action"].partition(".")[2],
        "channel": None if voided else details["channel"],
        "plan_hash": details["plan_hash"],
        "digest": record["digest"],
        "rules": details.get("rules", []),
        "reason": details.get("reason", ""),
    }
