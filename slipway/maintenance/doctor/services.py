"""The checks: each returns what it found, or raises a `CheckFailed` that names what is missing."""

from contextlib import suppress
from datetime import timedelta

from ...domain.signing import KeysUnavailable
from ...effects.messaging import QueueDenied, QueueUnavailable
from ...effects.notification import NotificationError
from ...effects.registry import Denied, NotInRegistry, RegistryError
from ...ledger import Conflict, LedgerUnavailable, keys
from ...ledger.neighbours import check_row
from ...ledger.table import Act, Write, gathered, read_each
from .check_input import CheckInput
from .failure import CheckFailed, NotChecked

PARTITION = "_doctor"
ROW = "check"
DOCUMENT = b"slipway doctor was here\n"
NOTHING = "sha256:" + "0" * 64
READER, WRITER = "Container Registry Repository Reader", "Container Registry Repository Writer"
LATE = timedelta(minutes=5)
"""A dead instance keeps its timer's lock for up to two minutes; the next reconcile run follows within a minute."""
LONGEST_WAIT = timedelta(minutes=15)
"""The reconcile timer looks after input in these places every five minutes."""
ROWS_READ = 100
"""The rows read of each application: its head, its lanes and its newest releases."""
ASKEW = timedelta(seconds=60)


def check_applications(inputs: CheckInput) -> str:
    """Name the applications that are stalled; an installation without any application is in order."""
    entries, broken = inputs.catalogue.entries, inputs.catalogue.broken
    wrong = [f"{name}: {'; '.join(entry.problems)}" for name, entry in sorted(entries.items()) if entry.problems]
    wrong += [f"{each.name}: {'; '.join(each.problems)}" for each in broken]
    if wrong:
        reasons = "; ".join(wrong)[:1000]
        raise CheckFailed(f"{len(wrong)} stalled: {reasons}", missing="a version that is in order: slipway apply")
    return f"{len(entries)} in order: {', '.join(sorted(entries))}" if entries else "none yet: slipway apply"


def check_signing_keys(inputs: CheckInput) -> str:
    try:
        ids = inputs.keys.ids()
    except KeysUnavailable as away:
        raise CheckFailed(str(away), missing="the right to read the signing keys (Key Vault Secrets User)") from None
    row = inputs.installation().row(keys.ANCHORED)
    ends = "every trail ends with its signature"
    if row is None or row.values.get("Key") != ids[0]:
        ends = "not every trail ends with its signature yet: retire no key before that"
    return f"{len(ids)} live; {ids[0]} signs; {ends}"


def check_ledger(inputs: CheckInput, application: str) -> str:
    """Whether the rows on which decisions depend can be read, and whether the ledger was put back to an earlier
    state."""
    _check_rows(inputs, application, keys.HEAD, keys.RELEASE + keys.AFTER)
    try:
        whole = inputs.whole(application)
    except LedgerUnavailable as away:
        raise CheckFailed(f"it cannot be compared: {away}", missing="read rows and anchors") from None
    except KeysUnavailable as away:
        raise CheckFailed(str(away), missing="the public keys") from None
    if not whole.passed:
        missing = "the records that were anchored: nothing more is opened in this application"
        raise CheckFailed(f"{whole.name}: {whole.reason}", missing=missing)
    return whole.reason


def check_installation(inputs: CheckInput) -> str:
    _check_rows(inputs, keys.INSTALLATION, keys.FREEZE, keys.HEAD)
    return "the end of its trail and the freeze of everything can be read"


def _check_rows(inputs: CheckInput, partition: str, first: str, last: str) -> None:
    try:
        each = gathered(read_each(inputs.table().rows(partition, first, last, limit=ROWS_READ), check_row))
    except LedgerUnavailable as away:
        raise CheckFailed(f"it cannot be read: {away}", missing="read rows", command=inputs.fix_hints.table()) from None
    if each.not_shown:
        raise CheckFailed("; ".join(row.why for row in each.not_shown)[:2000], missing="rows that can be read")


def check_table(inputs: CheckInput) -> str:
    try:
        port = inputs.table()
        port.get(PARTITION, ROW)
    except LedgerUnavailable as away:
        raise CheckFailed(f"it cannot be read: {away}", missing="read rows", command=inputs.fix_hints.table()) from None
    try:
        with suppress(Conflict):  # another check is running, or one died before it cleaned up
            port.transact(PARTITION, [Write(act=Act.PUT, key=ROW, values={"At": inputs.clock().isoformat()})])
            port.transact(PARTITION, [Write(act=Act.DELETE, key=ROW)])
    except LedgerUnavailable as away:
        raise CheckFailed(
            f"it cannot be written: {away}", missing="write rows", command=inputs.fix_hints.table()
        ) from None
    return "read, written, and the row removed again"


def check_blobs(inputs: CheckInput) -> str:
    try:
        port = inputs.blobs()
        digest = port.put(DOCUMENT, "text/plain")
        content = port.get(digest)
    except LedgerUnavailable as away:
        command = inputs.fix_hints.blobs()
        raise CheckFailed(f"it cannot be used: {away}", missing="read and write blobs", command=command) from None
    if content != DOCUMENT:
        raise CheckFailed("the content read is not the content written", missing="blobs that stay as they were written")
    return f"written and read; a document of {len(DOCUMENT)} bytes stays, always the same one"


def check_queue(inputs: CheckInput, name: str) -> str:
    try:
        oldest = inputs.bus().probe(name)
    except QueueDenied as denied:
        role = "Azure Service Bus Data Sender" if denied.right == "send" else "Azure Service Bus Data Receiver"
        command = inputs.fix_hints.queue(name, role)
        raise CheckFailed(str(denied), missing=f"{denied.right} on the queue {name}", command=command) from None
    except QueueUnavailable as away:
        raise CheckFailed(str(away), missing=f"the queue {name}, or a way to it") from None
    waits = inputs.clock() - oldest if oldest is not None else None
    if waits is not None and waits > LONGEST_WAIT:
        minutes = int(waits.total_seconds()) // 60
        raise CheckFailed(f"its oldest message has waited for {minutes} min", missing="a reader that keeps up")
    age = f"; the oldest message has waited for {max(int(waits.total_seconds()), 0)} s" if waits is not None else ""
    return f"may send (a message scheduled for tomorrow was cancelled) and may receive{age}"


def check_registry(inputs: CheckInput, name: str) -> str:
    reads, writes = _repositories(inputs, name)
    if not reads | writes:
        raise NotChecked("no application uses it")
    port = inputs.registry(name)
    for repository in sorted(reads | writes):
        role = WRITER if repository in writes else READER
        try:
            with suppress(NotInRegistry):
                port.resolve(repository, NOTHING)
        except Denied as denied:
            command = inputs.fix_hints.registry(name, role)
            raise CheckFailed(str(denied), missing=f"pull from {repository}", command=command) from None
        except RegistryError as error:
            raise CheckFailed(str(error), missing="a way to the registry") from None
    for repository in sorted(writes):
        try:
            port.mount_blob(repository, NOTHING, repository)
        except Denied as denied:
            command = inputs.fix_hints.registry(name, WRITER)
            raise CheckFailed(str(denied), missing=f"push to {repository}", command=command) from None
        except RegistryError as error:
            raise CheckFailed(str(error), missing="a way to push") from None
    pushed = f"; push to {', '.join(sorted(writes))} (an upload was begun and cancelled)" if writes else ""
    untimed = ", ".join(repository for repository in sorted(reads) if not _tells_times(inputs, name, repository))
    lost = f"; no times of tags in {untimed}: a push whose event is lost is not found" if untimed else ""
    return f"pull from {', '.join(sorted(reads | writes))}{pushed}{lost}"


def _tells_times(inputs: CheckInput, name: str, repository: str) -> bool:
    """Whether pushes that no event announced can be found, which needs the times of tags: only Azure's registries keep
    them. For a repository without any push it is not known."""
    try:
        return all(tag.updated_at is not None for tag in inputs.registry(name).recent_tags(repository, 1))
    except NotInRegistry:
        return False
    except Denied as denied:
        command = inputs.fix_hints.registry(name, READER)
        raise CheckFailed(str(denied), missing=f"list the tags of {repository}", command=command) from None
    except RegistryError as error:
        raise CheckFailed(str(error), missing="a way to the registry") from None


def _repositories(inputs: CheckInput, name: str) -> tuple[set[str], set[str]]:
    """Check reading from a registry, and writing to it if anything is copied into it."""
    reads, writes = set[str](), set[str]()
    for entry in inputs.catalogue:
        image = entry.application.pushed
        reads |= {image.repository} if image.registry == name else set()
        for environment in entry.application.environments:
            into = entry.application.registry_of(environment)
            writes |= {image.repository} if into == name and into != image.registry else set()
    return reads, writes


def check_channel(inputs: CheckInput, name: str) -> str:
    try:
        reach = inputs.channel(name).reach()
    except NotificationError as error:
        raise CheckFailed(str(error), missing="a way to the channel, or its credential") from None
    if reach is None:
        raise NotChecked("this kind of channel cannot be tried without sending")
    return reach


def check_clock(inputs: CheckInput) -> str:
    """Compare the clock with a registry's: short-lived tokens and deadlines depend on it."""
    names = [entry.application.pushed.registry for entry in inputs.catalogue]
    if not names:
        raise NotChecked("there is no registry to compare it with")
    try:
        theirs = inputs.registry(names[0]).time()
    except RegistryError as error:
        raise NotChecked(f"{names[0]} did not tell the time: {error}") from None
    if theirs is None:
        raise NotChecked(f"{names[0]} does not tell the time")
    apart = abs(inputs.clock() - theirs)
    if apart > ASKEW:
        raise CheckFailed(
            f"{apart.total_seconds():.0f} seconds away from {names[0]}'s", missing="a clock that is right"
        )
    return f"within {max(apart.total_seconds(), 1):.0f} s of {names[0]}'s"


def check_reconcile(inputs: CheckInput) -> str:
    try:
        last = inputs.installation().last_heartbeat("reconcile")
    except LedgerUnavailable as away:
        raise NotChecked(f"the table does not answer: {away}") from None
    if last is None:
        raise CheckFailed(
            "it has not run since this version was deployed", missing="the timer `reconcile` (it runs each minute)"
        )
    age = inputs.clock() - last
    if age > LATE:
        raise CheckFailed(
            f"it last ran {age.total_seconds() / 60:.0f} minutes ago",
            missing="the timer `reconcile`: is the function disabled, or the host's storage out of reach?",
        )
    return f"ran {max(age.total_seconds(), 0):.0f} s ago"
