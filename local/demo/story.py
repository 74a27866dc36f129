"""The story of the demo: a bundle that a message lets into staging, and a signed vote into production; one that fails
its tests; and an edit that bypasses every gate, which a person undoes."""

import tempfile
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from local.auditor import Auditor
from local.person import Signer, run_confirmed
from local.stack import Stack
from slipway.domain.actions import Action
from slipway.domain.errors import present
from slipway.domain.phases import Phase
from slipway.effects.cluster.connection import Connection
from slipway.ledger.azure_blobs import AzureBlobs
from slipway.ledger.blobs import CONTAINER as EVIDENCE

from .bundled import ADA, BEN
from .delivering import BROKEN, Delivering
from .narrator import Narrator
from .play import ENDS, WITHIN

GOOD, BAD = "1.0.0", "1.1.0"
SETTINGS = "/api/v1/namespaces/hello-production/configmaps/hello"
EDITED = {"data": {"GREETING": "Goodbye"}}


class Story(Delivering):
    """A version that is approved, one with a bug, and an edit by hand."""

    def __init__(self, stack: Stack, narrator: Narrator) -> None:
        super().__init__(stack, narrator)
        self._drift: dict[str, Any] | None = None

    def tell(self) -> dict[str, str]:
        self.say.heading(f"A developer merges {GOOD}")
        good, _ = self.deliver_bundle(GOOD)
        self.to_production(good)
        self.say.heading(f"A developer merges {BAD}, which has a bug that only the acceptance tests see")
        bad, _ = self.deliver_bundle(BAD, variant=BROKEN)
        self.approve_staging(bad)
        self.to_the_end(bad)
        self.say.heading("Somebody edits production by hand, past every gate")
        rollback = self._edit_and_roll_back(good)
        return {good: str(Phase.COMPLETED), bad: str(Phase.ROLLED_BACK), rollback: str(Phase.COMPLETED)}

    def to_production(self, release: str) -> None:
        """Pass staging's gate and production's, with the rollout behind each."""
        self.approve_staging(release)
        self.follow_to_vote_request(release)
        link = self.notice(release, "gate-opened", ADA.mail)["locate_url"]
        self.sign_on_page(link, "seen in staging")
        self.to_the_end(release)

    def approve_staging(self, release: str) -> None:
        """Staging's gate believes any sender to `approvals`: here a bot of the team, for Ben."""
        self.follow_to_vote_request(release)
        vote = self.notice(release, "gate-opened", BEN.mail)["vote"]
        self.say.line(f"{BEN.name} tells the team's bot to go on; it sends a message to the queue approvals")
        self.approve_by_message(vote, BEN.oid, "the demo for the customer may start")
        self.follow(Action.VOTE_APPROVED)

    def _edit_and_roll_back(self, release: str) -> str:
        """The rollback's release. Raises `RuntimeError` if the cluster does not hold again what had gone live."""
        went_live = self._request_settings("GET")
        self._request_settings("PATCH", EDITED)
        self.say.line("kubectl edit configmap hello: GREETING is Goodbye now, and nobody was asked")
        self.stack.run_timer("drift")
        *_, drift_record = self._watch.follow(lambda record: record["action"] == Action.DRIFT_FOUND, within=WITHIN)
        (change,) = drift_record["details"]["objects"]
        self.say.line(f"the next look sees it, record {drift_record['sequence']}: {change}")
        olu = self.stack.identity.settings.person("Olu")
        command = ("rollback", release, "production", "--reason", "nobody edits production")
        rollback = str(run_confirmed(Signer(olu.oid), command, self.stack.command_environment())["release"])
        ended = self._watch.follow(lambda r: r["action"] in ENDS and r["release"] == rollback, within=WITHIN)
        gone_records = [record["sequence"] for record in ended if record["action"] == Action.DRIFT_GONE]
        if not gone_records or self._request_settings("GET") != went_live:
            raise RuntimeError(f"{rollback} did not bring back {SETTINGS} as it went live")
        typed_command = f"slipway rollback {release} production"
        self.say.line(
            f"{olu.name} types {typed_command}, and signs that: {rollback} undoes it, record {gone_records[0]}"
        )
        order = {"release": release, "environment": drift_record["environment"], "told": change}
        self._drift = order | {"brought_back_by": rollback}
        return rollback

    def _request_settings(self, method: str, body: dict[str, Any] | None = None) -> Any:
        """Read or edit the settings with all rights; returns their data afterwards."""
        connection = Connection(self.stack.administrator("production"))
        try:
            query = [("fieldManager", "kubectl-edit")] if body else []
            headers = {"Content-Type": "application/merge-patch+json"} if body else {}
            response = connection.send(method, SETTINGS, what="kubectl", query=query, headers=headers, body=body)
            return response.body["data"]
        finally:
            connection.close()

    def facts(self) -> dict[str, Any]:
        """The stored proofs: by whom, for which release, and whether the token proves what the record says.

        Raises `RuntimeError` if the exported trail does not verify.
        """
        self.say.heading("An auditor verifies it by two programs of some thirty lines, with cryptography alone")
        with tempfile.TemporaryDirectory(prefix="slipway-audit-") as name:
            folder = Path(name)
            auditor = Auditor(folder / "alone")
            self._verify_export(auditor, folder)
            preflights = [self._job(record) for record in self.records() if record["action"] == Action.BEFORE_DONE]
            proofs = [self._proof(record, auditor, folder) for record in self.records() if record.get("proof")]
            drift = {} if self._drift is None else {"drift": self._drift}
            return {"before": preflights, "proofs": proofs} | drift

    def _job(self, record: dict[str, Any]) -> dict[str, Any]:
        """The Job that ran before a rollout, according to the record."""
        (job,) = record["details"]["jobs"]
        return {key: record[key] for key in ("release", "environment")} | {key: job[key] for key in ("name", "summary")}

    def _verify_export(self, auditor: Auditor, folder: Path) -> None:
        self.run_command(folder, "audit", "export", "--output", "trail.jsonl")
        public_keys = Path(self.stack.settings["SLIPWAY_PUBLIC_KEYS"].removeprefix("@file:"))
        files = (folder / "trail.jsonl", folder / "trail.jsonl.anchors")
        code, output = auditor.trail(",".join(public_keys.read_text().split()), *files)
        if code:
            raise RuntimeError(f"the exported trail does not verify: {output}")
        self.say.verdict(f"the exported trail: {'; '.join(output.splitlines())}")

    def _proof(self, record: dict[str, Any], auditor: Auditor, folder: Path) -> dict[str, Any]:
        """Check a stored proof, read from the storage account: the app only shows it once its token has expired."""
        content, file = AzureBlobs(self._evidence).get(record["proof"]), folder / "proof.json"
        file.write_bytes(present(content, f"the proof of record {record['sequence']}"))
        code, output = auditor.proof(file, self.stack.identity.keys_url, record["proof"])
        order = record["action"] == Action.DRIFT_ROLLBACK_ORDERED
        subject = f"order to bring back {record['details']['to']}" if order else f"vote on {record['release']}"
        label = f"the {subject} for {record['environment']}"
        voter = output.partition(": ")[2].partition(" said ")[0]
        self.say.verdict(f"{label}: said by {voter}" if code == 0 else f"{label}: {output.strip()}", holds=code == 0)
        return {key: record[key] for key in ("release", "environment", "actor", "proof")} | {"verified": code == 0}

    @property
    def _evidence(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self.stack.storage, EVIDENCE)
