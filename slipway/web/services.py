"""The parts of the installation that pages with forms need, and their common steps: read a submitted form, send people
who have to prove their statement to the identity provider, and send everybody else to the page that follows the
outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..clock import Clock
from ..commands.as_voted import AsVoted
from ..commands.foreseeing import Foresight
from ..commands.saying import InboxWriter, StatementReceipt
from ..domain.restored import Restored
from ..domain.signing import PublicKeys
from ..domain.statement import Statement
from ..http.forms import FIELD, FormTokens
from ..http.requests import check_own_page
from ..http.saying import Saying
from ..http.sessions import Sessions
from ..ledger.proposals import Proposals
from ..queries.answers import Answers
from ..queries.blocks import Blocks
from ..queries.reading import Reader
from .answer import Answer, see_other
from .form import read_fields
from .leading import lead_to_provider
from .signin import Visitor


@dataclass(frozen=True, kw_only=True)
class FormServices:
    """The parts of one installation with which people vote, give commands and sign out."""

    forms: FormTokens
    sessions: Sessions
    saying: Saying
    writer: InboxWriter
    foresight: Foresight
    blocks: Blocks
    answers: Answers
    link_keys: PublicKeys
    proposals: Proposals
    as_voted: AsVoted
    restored: Callable[[str], Restored]
    """What a chain's ledger has lost, as anchors show it."""
    clock: Clock
    public_url: str

    @property
    def reader(self) -> Reader:
        return self.blocks.reader

    def fields(
        self, who: Visitor, path: str, names: frozenset[str], headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """The fields of a form on the page at `path`, made for this person. Raises `RequestRefused`."""
        check_own_page(headers, self.public_url)
        fields = read_fields(headers, body, names)
        self.forms.check(fields.get(FIELD, ""), who.sid, path)
        return fields

    def prove(self, who: Visitor, statement: Statement, fresh: timedelta | None, headers: Mapping[str, str]) -> Answer:
        """Send the person to the identity provider: a statement that lets something through needs a proof."""
        browser, cookie = self.sessions.browser(headers)
        person = who.signed_in.object_id
        return lead_to_provider(self.saying.begin(statement, browser=browser, person=person, fresh=fresh), cookie)


def follow(receipt: StatementReceipt) -> Answer:
    """Redirect to the page that shows the outcome."""
    return see_other(f"/said/{receipt.partition}/{receipt.id}")
