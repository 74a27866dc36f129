"""Leases: only one worker at a time runs a step. Their rows are outside the chain's transactions."""

from datetime import datetime, timedelta

from ..domain.model import sha256
from . import keys
from .table import Act, Conflict, Table, Write


class Leases:
    """Which worker runs a step, and until when. An expired lease may be taken over."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, application: str, step: str, *, owner: str, now: datetime, length: timedelta) -> bool:
        """True if `owner` holds the step until now + length; False while another owner does."""
        key = _key(step)
        values = {"Owner": owner, "Until": (now + length).isoformat(), "Step": step}
        row = self._table.get(application, key)
        if row is None:
            write = Write(act=Act.CREATE, key=key, values=values)
        elif row.values["Owner"] == owner or datetime.fromisoformat(str(row.values["Until"])) <= now:
            write = Write(act=Act.REPLACE, key=key, values=values, etag=row.etag)
        else:
            return False
        try:
            self._table.transact(application, [write])
        except Conflict:
            return False
        return True

    def give_back(self, application: str, step: str, *, owner: str) -> None:
        """End the owner's lease; leaves another owner's lease alone."""
        key = _key(step)
        row = self._table.get(application, key)
        if row is None or row.values["Owner"] != owner:
            return
        try:
            self._table.transact(application, [Write(act=Act.DELETE, key=key, etag=row.etag)])
        except Conflict:
            return  # it expired, and another worker took it over since the read


def _key(step: str) -> str:
    return keys.lease(sha256(step.encode()).removeprefix("sha256:")[:40])
