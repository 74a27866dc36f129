"""Leases: a worker's right, for a time, to run a step alone. The rows are outside the chain's transactions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ..domain.model import sha256
from . import keys
from .table import Act, Conflict, Table, Write


class Lease:
    """A lease on a step, which a worker may take. The row's ETag tells, without a read, whether another worker took it
    over."""

    def __init__(
        self, table: Table, application: str, step: str, *, owner: str, asked: tuple[Write, ...] = (), within: str = ""
    ) -> None:
        self._table = table
        self._application = application
        self._step, self._key = step, keys.lease(sha256(step.encode()).removeprefix("sha256:")[:40])
        self._owner, self._within = owner, within
        self._asked = asked
        self._over: tuple[Write, ...] = ()
        self._etag = ""

    def take(self, *, now: datetime, length: timedelta) -> bool:
        """Hold the step until now + length; False while another owner does. Most steps are held by nobody else, so the
        row is read only if creating it shows that it exists."""
        try:
            self._write_first(Act.CREATE, now + length)
        except Conflict:
            return self._take_over(now, length)
        return True

    def renew(self, *, now: datetime, length: timedelta) -> bool:
        """Hold the step until now + length; False if the lease was lost, or another worker has it."""
        if not self._etag:
            return self.take(now=now, length=length)
        try:
            self._write(Act.REPLACE, now + length)
        except Conflict:
            return self._take_over(now, length)  # perhaps it was changed by our own write, whose answer was lost
        return True

    def end(self) -> tuple[Write, ...]:
        """Deletions for the transaction that commits the step's outcome: the lease if it was taken, and the row of the
        step's message if it is still there."""
        return (*self._row(), *self._asked)

    def ended(self, over: Sequence[Write]) -> None:
        """Called after that transaction, with the deletions that it contained."""
        if any(write.key == self._key for write in over):
            self._etag = ""

    def passed_on(self) -> None:
        """Note that another message continues the step: if the step was begun at once, its message's row ends with the
        lease."""
        self._over = self._asked if self._within else ()

    def give_back(self) -> None:
        """End the lease if it was taken and is not over; another owner's lease is left alone."""
        if not (self._etag or self._over) or self._delete():
            return
        row = self._table.get(self._application, self._key)
        if row is not None and row.text("Owner") == self._owner:  # changed by our own write, whose answer was lost
            self._etag, self._over = row.etag, ()
            self._delete()

    def _take_over(self, now: datetime, length: timedelta) -> bool:
        row = self._table.get(self._application, self._key)
        if row is None:
            return False  # given back just now: its holder may have finished the step
        is_ours = row.text("Owner") == self._owner
        if not is_ours and row.moment("Until") > now:
            return False
        self._etag = row.etag
        try:
            write = self._write if is_ours else self._write_first
            write(Act.REPLACE, now + length)
        except Conflict:
            return False
        return True

    def _row(self) -> tuple[Write, ...]:
        return (Write(act=Act.DELETE, key=self._key, etag=self._etag),) if self._etag else ()

    def _write_first(self, act: Act, until: datetime) -> None:
        """If the step came by its own message, the queue keeps that until the step has ended, so the message's row is
        deleted here."""
        self._write(act, until, *(() if self._within else self._asked))
        self._asked = self._asked if self._within else ()

    def _write(self, act: Act, until: datetime, *more: Write) -> None:
        values = {"Owner": self._owner, "Until": until.isoformat(), "Step": self._step, "Within": self._within}
        etag = self._etag if act is Act.REPLACE else ""
        write = Write(act=act, key=self._key, values=values, etag=etag)
        self._etag, *_ = self._table.transact(self._application, [write, *more])

    def _delete(self) -> bool:
        try:
            self._table.transact(self._application, (*self._row(), *self._over))
        except Conflict:
            return False
        return True


class Leases:
    """Says which worker runs a step, and until when. An expired lease may be taken over."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, application: str, step: str, *, owner: str, asked: tuple[Write, ...] = (), within: str = "") -> Lease:
        """The step's lease, which `owner` has not taken yet. `asked` deletes the row of the step's message. That
        happens when the lease is taken or, for a step that was begun at once within the message `within`, only when the
        outcome is committed."""
        return Lease(self._table, application, step, owner=owner, asked=asked, within=within)

    def take(self, application: str, step: str, *, owner: str, now: datetime, length: timedelta) -> Lease | None:
        """The step's lease, which `owner` holds until now + length; None while another owner does."""
        lease = self.of(application, step, owner=owner)
        return lease if lease.take(now=now, length=length) else None

    def begun(self, application: str, *, since: datetime | None = None) -> Mapping[str, str]:
        """The steps that have a lease, also of a worker that died; each with the message in whose invocation it was
        begun at once. `since`: only leases that ended after that, or have not ended. Raises `LedgerUnavailable`."""
        rows = self._table.rows(application, *keys.range_of(keys.LEASE))
        return {row.text("Step"): row.text("Within") for row in rows if since is None or row.moment("Until") > since}
