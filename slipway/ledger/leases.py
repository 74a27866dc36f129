"""Leases: only one worker at a time runs a step. Their rows are outside the chain's transactions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..domain.model import sha256
from . import keys
from .table import Act, Conflict, Table, Write


class Lease:
    """A step that a worker holds, once it has taken it. The row's ETag tells whether another worker took it over,
    without a read."""

    def __init__(self, table: Table, application: str, step: str, *, owner: str, asked: tuple[Write, ...] = ()) -> None:
        self._table = table
        self._application = application
        self._step, self._key = step, keys.lease(sha256(step.encode()).removeprefix("sha256:")[:40])
        self._owner = owner
        self._asked = asked
        self._etag = ""

    def take(self, *, now: datetime, length: timedelta) -> bool:
        """Hold the step until now + length; False while another owner does. Nobody else holds most steps, so the row is
        read only if it turns out to exist."""
        try:
            self._write(Act.CREATE, now + length, *self._asked)
        except Conflict:
            return self._take_over(now, length)
        self._asked = ()
        return True

    def renew(self, *, now: datetime, length: timedelta) -> bool:
        """Hold the step until now + length; False if the lease was lost, or another worker has it."""
        if not self._etag:
            return self.take(now=now, length=length)
        try:
            self._write(Act.REPLACE, now + length)
        except Conflict:
            return self._take_over(now, length)  # perhaps our own write, whose answer was lost
        return True

    def end(self) -> tuple[Write, ...]:
        """Deletions for the transaction that commits the step's outcome: of the lease if it was taken, and of the
        message that asked for the step if its row is still there."""
        return (*self._row(), *self._asked)

    def ended(self, over: Sequence[Write]) -> None:
        """To be called once that transaction was made, with the deletions that it held."""
        if any(write.key == self._key for write in over):
            self._etag = ""

    def give_back(self) -> None:
        """End the lease if it was taken and has not ended; leaves another owner's lease alone."""
        if not self._etag or self._delete():
            return
        row = self._table.get(self._application, self._key)
        if row is not None and row.values["Owner"] == self._owner:  # changed by our own write, whose answer was lost
            self._etag = row.etag
            self._delete()

    def _take_over(self, now: datetime, length: timedelta) -> bool:
        row = self._table.get(self._application, self._key)
        if row is None:
            return False  # given back just now: whoever held it may have finished the step
        if row.values["Owner"] != self._owner and datetime.fromisoformat(str(row.values["Until"])) > now:
            return False
        self._etag = row.etag
        try:
            self._write(Act.REPLACE, now + length)
        except Conflict:
            return False
        return True

    def _row(self) -> tuple[Write, ...]:
        return (Write(act=Act.DELETE, key=self._key, etag=self._etag),) if self._etag else ()

    def _write(self, act: Act, until: datetime, *more: Write) -> None:
        values = {"Owner": self._owner, "Until": until.isoformat(), "Step": self._step}
        etag = self._etag if act is Act.REPLACE else ""
        write = Write(act=act, key=self._key, values=values, etag=etag)
        self._etag, *_ = self._table.transact(self._application, [write, *more])

    def _delete(self) -> bool:
        try:
            self._table.transact(self._application, self._row())
        except Conflict:
            return False
        return True


class Leases:
    """Which worker runs a step, and until when. An expired lease may be taken over."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, application: str, step: str, *, owner: str, asked: tuple[Write, ...] = ()) -> Lease:
        """The step's lease, which `owner` has not taken yet. `asked`: deletes what asked for the step, as soon as the
        lease is taken or the outcome committed."""
        return Lease(self._table, application, step, owner=owner, asked=asked)

    def take(self, application: str, step: str, *, owner: str, now: datetime, length: timedelta) -> Lease | None:
        """The step's lease, which `owner` holds until now + length; None while another owner does."""
        lease = self.of(application, step, owner=owner)
        return lease if lease.take(now=now, length=length) else None
