"""The page docs/reference/rights.md, made from the table of rights: `python -m scripts.reference.rights`."""

import sys
from collections.abc import Iterable, Iterator, Mapping

from scripts.reference.meanings import of_members
from slipway.domain.queues import Queue
from slipway.domain.rights import (
    BEYOND,
    EVENT_GRID_FUNCTION,
    SECRETS,
    Beyond,
    Container,
    Operation,
    Party,
    Resource,
    Secret,
    TableName,
    may,
    rights_of,
)

_START = """# Who may do what

Made by `python -m scripts.reference.rights` from `slipway/domain/rights.py`. A right that is not in these
tables is refused: on a laptop by SAS tokens and rules of queues made from the same table, in Azure by role assignments,
each of which a test compares with it ([their list](azure-roles.md)).

"""


def page() -> str:
    return _START + "".join(_sections())


def _sections() -> Iterator[str]:
    yield "## Who\n\n| Party | Meaning |\n|---|---|\n"
    for party, meaning in of_members(Party).items():
        yield f"| `{party}` | {meaning} |\n"
    yield "\n## Operations\n\n| Operation | Meaning |\n|---|---|\n"
    for operation, meaning in of_members(Operation).items():
        yield f"| `{operation}` | {meaning} |\n"
    yield from _table("Tables", of_members(TableName).items())
    yield from _table("Containers", of_members(Container).items())
    yield from _table("Queues", of_members(Queue).items())
    extra = ", ".join(f"`{resource}`" for resource in EVENT_GRID_FUNCTION)
    yield f"\nThe front sends to {extra} as well where its Event Grid function is on.\n"
    yield from _marks("Secrets of the vault", of_members(Secret).items(), SECRETS)
    yield from _marks("Beyond", of_members(Beyond).items(), BEYOND)
    yield "\n## What each queue takes\n\n| Queue | Kinds of message | Session |\n|---|---|---|\n"
    for queue in Queue:
        kinds = ", ".join(f"`{kind}`" for kind in sorted(queue.takes))
        yield f"| `{queue}` | {kinds} | {'by application' if queue.sessions else 'none'} |\n"


def _table(title: str, meanings: Iterable[tuple[Resource, str]]) -> Iterator[str]:
    parties = [party for party in Party if rights_of(party)]
    yield f"\n## {title}\n\n| | | {' | '.join(parties)} |\n|---|---|{'---|' * len(parties)}\n"
    for resource, meaning in meanings:
        cells = (_operations(party, resource) for party in parties)
        yield f"| `{resource}` | {meaning} | {' | '.join(cells)} |\n"


def _marks[T](title: str, meanings: Iterable[tuple[T, str]], granted: Mapping[Party, frozenset[T]]) -> Iterator[str]:
    """A table of the rights that a party has or has not."""
    yield f"\n## {title}\n\n| | | who |\n|---|---|---|\n"
    for right, meaning in meanings:
        who = ", ".join(f"`{party}`" for party in Party if right in granted[party])
        yield f"| `{right}` | {meaning} | {who} |\n"


def _operations(party: Party, resource: Resource) -> str:
    allowed = (operation for operation in Operation if may(rights_of(party), resource, operation))
    return ", ".join(allowed)


if __name__ == "__main__":
    sys.stdout.write(page())
