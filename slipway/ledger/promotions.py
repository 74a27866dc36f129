"""Progress of promotions. These rows are outside the chain: losing one only costs time, as no decision reads them."""

from ..domain.promotion import PromotionState
from . import keys
from .rows import pack, unpack
from .table import Act, Conflict, Table, Write


class Promotions:
    """One row per promotion under way, written by its step."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, application: str, release: int, environment: str) -> PromotionState | None:
        row = self._table.get(application, keys.progress(release, environment))
        return unpack(PromotionState, row.values) if row else None

    def write(self, application: str, release: int, environment: str, state: PromotionState) -> None:
        write = Write(act=Act.PUT, key=keys.progress(release, environment), values=pack(state))
        self._table.transact(application, [write])

    def forget(self, application: str, release: int, environment: str) -> None:
        key = keys.progress(release, environment)
        if self._table.get(application, key) is None:
            return
        try:
            self._table.transact(application, [Write(act=Act.DELETE, key=key)])
        except Conflict:
            return  # another worker has deleted it since the read
