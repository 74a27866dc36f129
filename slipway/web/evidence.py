"""Evidence for a release: results of CI and verification, with the last lines of their logs; and stored documents."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..catalogue.stored import may_be_secret, read_stored
from ..domain.errors import NotFound
from ..domain.model import DIGEST_PATTERN
from ..domain.plan import read_plan
from ..domain.release import Evidence
from ..ledger import LedgerUnavailable
from ..manifests.problems import ConfigError
from ..text import short, visible
from .answer import ASK_FIRST, Answer, document
from .words import FAILED, PASSED, Badge

LOGS_SHOWN = 4
EXCERPT_LINES = 15
EXCERPT_CHARACTERS = 3000
ReadDocument = Callable[[str], bytes]
"""Returns a stored document by its hash. Raises `NotFound`, ValueError if it was changed, `LedgerUnavailable`."""


@dataclass(frozen=True, kw_only=True)
class EvidenceView:
    """One result."""

    name: str
    environment: str
    badge: Badge
    summary: str
    log: str | None
    """Hash of the full log."""
    excerpt: str
    """The last lines of the log; empty if there is none."""


def evidence_views(items: Iterable[Evidence], read: ReadDocument) -> tuple[EvidenceView, ...]:
    """The results, newest first; the newest ones with the last lines of their logs."""
    room, views = LOGS_SHOWN, list[EvidenceView]()
    for item in reversed(tuple(items)):
        excerpt = ""
        if item.log and room:
            room -= 1
            excerpt = _excerpt(item.log, read)
        views.append(
            EvidenceView(
                name=item.name,
                environment=item.environment,
                badge=PASSED if item.passed else FAILED,
                summary=visible(item.summary),
                log=item.log,
                excerpt=excerpt,
            )
        )
    return tuple(views)


def _excerpt(digest: str, read: ReadDocument) -> str:
    try:
        content = read(digest)
    except NotFound:
        return "(the log is no longer kept)"
    except ValueError:
        return "(the log was changed after it was written, so it is not shown)"
    except LedgerUnavailable:
        return "(the log cannot be read right now)"
    text = visible(content[-4 * EXCERPT_CHARACTERS :].decode("utf-8", "replace")).rstrip()
    lines = text.splitlines()[-EXCERPT_LINES:]
    return "\n".join(lines)[-EXCERPT_CHARACTERS:]


def kept_document(digest: str, read: ReadDocument, *, download: bool = False) -> Answer:
    """A plan or log as plain text, to view or download. Raises `NotFound`."""
    if not re.fullmatch(DIGEST_PATTERN, digest):
        raise NotFound("a document is named by its hash, sha256: and 64 hexadecimal digits")
    try:
        content = read(digest)
    except ValueError as error:
        raise NotFound(f"the document {digest} was changed after it was written, so it is not shown") from error
    shown = _readable(content)
    kind = "log" if shown is content else "plan"
    name = f"slipway-{kind}-{short(digest)}.{'json' if kind == 'plan' else 'txt'}"
    return document(shown, name=name, download=download, cache=ASK_FIRST)


def _version(content: bytes) -> bytes | None:
    """A stored version without the text of its Secrets; None if it is not a version, but for example a log."""
    try:
        stored = read_stored(content)
    except ConfigError:
        return None
    files = {path: "***" if may_be_secret(text) else text for path, text in stored.files.items()}
    return json.dumps({**stored.model_dump(mode="json"), "files": files}, indent=2, ensure_ascii=False).encode()


def _readable(content: bytes) -> bytes:
    """A plan or an application's version, indented, with Secrets masked; any other document unchanged."""
    plan = read_plan(content)
    if plan is None:
        return _version(content) or content
    shown = plan.model_dump(mode="json")
    for manifest in shown["manifests"]:
        if manifest.get("kind") == "Secret":
            for name in ("data", "stringData"):
                if isinstance(manifest.get(name), dict):
                    manifest[name] = dict.fromkeys(manifest[name], "***")
    return json.dumps(shown, indent=2, ensure_ascii=False).encode()
