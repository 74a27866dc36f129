"""The story of the demo: one release that reaches production, and one that its acceptance tests stop."""

from slipway.domain.phases import Phase

from .play import Play

GOOD, BAD = "1.0.0", "1.1.0"
BROKEN = "wrong-total"
ADA = "ada@example.com"


class Story(Play):
    """A version that is approved, and one with a bug."""

    def tell(self) -> dict[str, str]:
        self.say.heading(f"A developer merges {GOOD}")
        good = self.deliver(GOOD)
        self.asked(good)
        link = self.notice(good, "gate-opened", ADA)["approval_url"]
        self.approve_on_page(link, ADA, "seen in staging")
        self.to_the_end(good)
        self.say.heading(f"A developer merges {BAD}, which has a bug that only the acceptance tests see")
        bad = self.deliver(BAD, variant=BROKEN)
        self.to_the_end(bad)
        return {good: "completed", bad: str(Phase.ROLLED_BACK)}
