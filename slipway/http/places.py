"""The pages to which a person may return after signing in. People are never sent to any other address."""

import re
from typing import Final
from urllib.parse import quote

from ..domain.statement import CatalogueStatement, ChangeVoteStatement, CommandStatement, Statement, VoteStatement

LONGEST: Final = 1024
"""Characters of an address, with its query."""
PAGES: Final = (
    "/",
    "/approvals/{application}/{number}/{environment}",
    "/approvals/{application}/{number}/{environment}/changes",
    "/audit",
    "/audit.csv",
    "/audit.jsonl",
    "/catalogue",
    "/catalogue/{kind}/{name}",
    "/changes/{change}",
    "/confirm/{handle}",
    "/evidence/{digest}",
    "/numbers",
    "/operate",
    "/parked",
    "/releases/{release}",
    "/releases/{release}/changes",
    "/said/{application}/{id}",
    "/sign-out",
)
"""The routes for which people have to sign in."""
_PART: Final = r"[A-Za-z0-9._~%:-]{1,200}"
_QUERY: Final = r"[A-Za-z0-9._~%:@!$'()*+,;=/?&-]*"
_PATHS: Final = "|".join(re.sub(r"\\\{[a-z]+\\\}", lambda _: _PART, re.escape(page)) for page in PAGES)
_ADDRESS: Final = re.compile(rf"(?:{_PATHS})(?:\?{_QUERY})?")


def is_page(address: str) -> bool:
    """Whether the address, a path with its query, is one of our pages."""
    return len(address) <= LONGEST and _ADDRESS.fullmatch(address) is not None


def gate_place(application: str, number: int | str, environment: str, plan: str = "") -> str:
    """The page on which people decide on a release in an environment, and on a plan if it is named."""
    path = f"/approvals/{quote(application, safe='')}/{quote(str(number), safe='')}/{quote(environment, safe='')}"
    return f"{path}?plan={plan}" if plan else path


def change_place(hash: str) -> str:
    """The page of a proposed change of the catalogue."""
    return f"/changes/{hash.removeprefix('sha256:')}"


def home_of(statement: Statement) -> str:
    """Path of the page on which a statement is made."""
    if isinstance(statement, CatalogueStatement):
        return "/catalogue"
    if isinstance(statement, ChangeVoteStatement):
        return change_place(statement.change)
    if isinstance(statement, VoteStatement):
        return gate_place(statement.application, statement.release, statement.environment, statement.plan)
    if isinstance(statement, CommandStatement) and statement.release is not None:
        return f"/operate?release={statement.application}-{statement.release}"
    if isinstance(statement, CommandStatement) and statement.environment is not None:
        return f"/operate?application={statement.application}&environment={statement.environment}"
    return "/operate"
