"""The page that follows something that was said until it is counted: received, then counted, refused or parked."""

import re

from ..domain.model import NAME_PATTERN
from ..queries.answers import Answers, Reply, State
from .answer import Answer, html
from .signin import Visitor
from .templating import render

AGAIN = 1
"""Seconds after which the browser asks again, while nobody has decided."""
TITLES = {
    State.RECEIVED: "Received",
    State.COUNTED: "Done",
    State.REFUSED: "Refused",
    State.PARKED: "It could not be handled",
}


def show(answers: Answers, partition: str, id: str, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    reply = answers.reply(partition, id)
    page = render("outcome.html", reply=reply, title=TITLES[reply.state], back=_back(reply), reader=who)
    return html(page, headers={} if reply.state.final else {"Refresh": str(AGAIN)})


def _back(reply: Reply) -> tuple[str, str]:
    """Where to go on: a path of this app, and its text."""
    answered = reply.answered
    if answered is not None and answered.release:
        return f"/releases/{answered.release}", f"Open {answered.release}"
    if re.fullmatch(NAME_PATTERN, reply.partition):
        return f"/?application={reply.partition}", f"Open {reply.partition}"
    return "/operate", "Freezes and holds"
