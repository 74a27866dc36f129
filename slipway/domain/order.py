"""An order tells which of two rollouts of an application in an environment is the newer. Each rollout and each
rollback takes the next order of its lane; a repeated attempt keeps its own."""

from typing import Final

from pydantic import Field

from .model import Name, Namespace, Record

PLACES_KEPT: Final = 20
"""The most places of a lane for which a taken order is remembered."""


class Order(Record):
    """Compared by epoch, then by number."""

    epoch: int = Field(ge=0)
    """The number of times that the application's ledger was restored before."""
    number: int = Field(ge=0)

    def __lt__(self, other: "Order") -> bool:
        return (self.epoch, self.number) < (other.epoch, other.number)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.number}"


class TakenOrder(Record):
    """An order that was taken in a place: from then on, that place's Lease has to hold it or a higher one."""

    cluster: Name
    namespace: Namespace
    order: Order


def last_taken_order(taken: tuple[TakenOrder, ...], *, cluster: str, namespace: str) -> Order | None:
    """The last order that is known to have been taken in the place."""
    return next((each.order for each in taken if (each.cluster, each.namespace) == (cluster, namespace)), None)


def with_taken_order(taken: tuple[TakenOrder, ...], new: TakenOrder) -> tuple[TakenOrder, ...]:
    """The places with their orders: the newest first, each place once."""
    others = (each for each in taken if (each.cluster, each.namespace) != (new.cluster, new.namespace))
    return (new, *others)[:PLACES_KEPT]
