"""The story of the demo: a release that reaches production by a signed vote, and one that its tests stop."""

from typing import Any

from slipway.domain.phases import Phase

from .play import Play

GOOD, BAD = "1.0.0", "1.1.0"
BROKEN = "wrong-total"
ADA = "ada@example.com"


def proof_of(record: dict[str, Any]) -> dict[str, Any]:
    """A vote that a proof was kept of."""
    return {key: record[key] for key in ("release", "environment", "actor", "proof")}


class Story(Play):
    """A version that is approved, and one with a bug."""

    def tell(self) -> dict[str, str]:
        self.say.heading(f"A developer merges {GOOD}")
        good = self.deliver(GOOD)
        self.asked(good)
        link = self.notice(good, "gate-opened", ADA)["approval_url"]
        self.sign_on_page(link, "seen in staging")
        self.to_the_end(good)
        self.say.heading(f"A developer merges {BAD}, which has a bug that only the acceptance tests see")
        bad = self.deliver(BAD, variant=BROKEN)
        self.to_the_end(bad)
        return {good: "completed", bad: str(Phase.ROLLED_BACK)}

    def facts(self) -> dict[str, Any]:
        """The proofs that were kept: whose, and for which release."""
        return {"proofs": [proof_of(record) for record in self.records() if record.get("proof")]}
