"""The story of the demo: a bundle whose way into staging a message opens, and which reaches production by a signed
vote; and one that its tests stop."""

import tempfile
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from local.auditor import Auditor
from slipway.domain.actions import Action
from slipway.domain.errors import present
from slipway.domain.phases import Phase
from slipway.ledger.azure_blobs import AzureBlobs
from slipway.ledger.blobs import CONTAINER as EVIDENCE

from .bundled import ADA, BEN
from .delivering import BROKEN, Delivering

GOOD, BAD = "1.0.0", "1.1.0"


class Story(Delivering):
    """A version that is approved, and one with a bug."""

    def tell(self) -> dict[str, str]:
        self.say.heading(f"A developer merges {GOOD}")
        good, _ = self.deliver_bundle(GOOD)
        self.to_production(good)
        self.say.heading(f"A developer merges {BAD}, which has a bug that only the acceptance tests see")
        bad, _ = self.deliver_bundle(BAD, variant=BROKEN)
        self.validated(bad)
        self.to_the_end(bad)
        return {good: str(Phase.COMPLETED), bad: str(Phase.ROLLED_BACK)}

    def to_production(self, release: str) -> None:
        """Staging's gate, production's, and the rollout behind each."""
        self.validated(release)
        self.asked(release)
        link = self.notice(release, "gate-opened", ADA.mail)["locate_url"]
        self.sign_on_page(link, "seen in staging")
        self.to_the_end(release)

    def validated(self, release: str) -> None:
        """Staging's gate takes the word of whoever may send to `approvals`: a bot of the team, for Ben."""
        self.asked(release)
        vote = self.notice(release, "gate-opened", BEN.mail)["vote"]
        self.say.line(f"{BEN.name} tells the team's bot to go on; it sends a message to the queue approvals")
        self.approve_by_message(vote, BEN.oid, "the demo for the customer may start")
        self.follow(Action.VOTE_APPROVED)

    def facts(self) -> dict[str, Any]:
        """The proofs that were kept: whose, for which release, and whether the token proves what is said there.

        Raises `RuntimeError` if the exported trail does not verify.
        """
        self.say.heading("An auditor verifies it by two programs of thirty lines, with the library cryptography alone")
        with tempfile.TemporaryDirectory(prefix="slipway-audit-") as name:
            folder = Path(name)
            auditor = Auditor(folder / "alone")
            self._verify_export(auditor, folder)
            preflights = [self._job(each) for each in self.records() if each["action"] == Action.BEFORE_DONE]
            return {
                "before": preflights,
                "proofs": [self._proof(each, auditor, folder) for each in self.records() if each.get("proof")],
            }

    def _job(self, record: dict[str, Any]) -> dict[str, Any]:
        """The Job that ran before a rollout, as the record has it."""
        (job,) = record["details"]["jobs"]
        return {key: record[key] for key in ("release", "environment")} | {key: job[key] for key in ("name", "summary")}

    def _verify_export(self, auditor: Auditor, folder: Path) -> None:
        self.typed(folder, "audit", "export", "--output", "trail.jsonl")
        public_keys = Path(self.stack.settings["SLIPWAY_PUBLIC_KEYS"].removeprefix("@file:"))
        files = (folder / "trail.jsonl", folder / "trail.jsonl.anchors")
        code, told = auditor.trail(",".join(public_keys.read_text().split()), *files)
        if code:
            raise RuntimeError(f"the exported trail does not verify: {told}")
        self.say.verdict(f"the exported trail: {'; '.join(told.splitlines())}")

    def _proof(self, record: dict[str, Any], auditor: Auditor, folder: Path) -> dict[str, Any]:
        """A kept proof, as it lies in the storage account: the app shows it once its token has expired."""
        kept, file = AzureBlobs(self._evidence).get(record["proof"]), folder / "proof.json"
        file.write_bytes(present(kept, f"the proof of record {record['sequence']}"))
        code, told = auditor.proof(file, self.stack.identity.keys_url, record["proof"])
        what = f"the vote on {record['release']} for {record['environment']}"
        who = told.partition(": ")[2].partition(" said ")[0]
        self.say.verdict(f"{what}: said by {who}" if code == 0 else f"{what}: {told.strip()}", holds=code == 0)
        return {key: record[key] for key in ("release", "environment", "actor", "proof")} | {"verified": code == 0}

    @property
    def _evidence(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self.stack.storage, EVIDENCE)
