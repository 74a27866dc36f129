"""Searches the audit trail. The filters are in the address, so a search can be shared as a link.

The records shown can be downloaded as JSON Lines or CSV, in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ..catalogue.entries import Catalogue
from ..domain.actions import Action
from ..domain.audit import AuditRecord, Damaged
from ..domain.audit_query import ActionClass, AuditPage
from ..domain.export import ExportFormat, export_line, file_header
from ..inbound.reading import BadInput
from ..queries.trail import FILTERS, Trail, read_query
from ..text import one_line
from .answer import ASK_FIRST, Answer, cacheable, document
from .signin import Visitor
from .templating import render
from .timeline import TimelineEntry, timeline

BESIDES = ("after",)
PAGE = 25
"""Records per page: few enough to include all of their details."""
_SHOWN = 200
_FIELDS = {
    "application": ("Application", "shop"),
    "environment": ("Environment", "production"),
    "release": ("Release", "shop-482"),
    "actor": ("Who", "ada@example.com"),
    "action": ("What", "release.live, or rollback"),
    "digest": ("Digest", "sha256:3f2a91"),
    "from": ("From", "2026-11-01"),
    "to": ("To", "2026-11-23"),
}


@dataclass(frozen=True, kw_only=True)
class FieldView:
    """One field of the form, with the value that was entered."""

    name: str
    label: str
    example: str
    value: str
    wrong: bool
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RecordView:
    """One record."""

    record: AuditRecord | Damaged
    entry: TimelineEntry
    actor_link: str


def show_audit(trail: Trail, catalogue: Catalogue, parameters: Mapping[str, str], visitor: Visitor) -> Answer:
    """Raises `LedgerUnavailable`. An invalid parameter is named on the page, above the form with the entered values."""
    filled = _filled_in(parameters)
    problem: BadInput | None = None
    page = AuditPage(records=())
    try:
        page = _page_of(trail, filled)
    except BadInput as bad:
        problem = bad
    filters = {name: value for name, value in filled.items() if name in FILTERS}
    body = render(
        "audit.html",
        fields=tuple(_field(name, filled, problem, catalogue) for name in FILTERS),
        problem=str(problem) if problem else "",
        lines=tuple(_line(record) for record in page.records),
        searched=bool(filters),
        newest=_address("/audit", filters) if "after" in filled else "",
        older=_address("/audit", {**filters, "after": page.next}) if page.next else "",
        jsonl=_address("/audit.jsonl", filled),
        csv=_address("/audit.csv", filled),
        reader=visitor,
        here="audit",
    )
    return cacheable(body, status=400 if problem else 200)


def download(trail: Trail, parameters: Mapping[str, str], form: ExportFormat) -> Answer:
    """The records of one page, as an export has them. Raises `BadInput`, `LedgerUnavailable`."""
    records = _page_of(trail, _filled_in(parameters)).records
    content = file_header(form) + b"".join(export_line(form, _exported(record, form)) for record in records)
    media_type = "text/csv" if form is ExportFormat.CSV else "application/jsonl"
    return document(content, name=f"slipway-audit.{form}", download=True, media_type=media_type, cache=ASK_FIRST)


def _exported(record: AuditRecord | Damaged, form: ExportFormat) -> dict[str, Any]:
    """The record's content. CSV has no column for damage, so there a damaged record says so as its action."""
    content = record.model_dump(mode="json")
    if form is ExportFormat.CSV and isinstance(record, Damaged):
        content |= {"action": "damaged", "details": {"damaged": record.damaged}}
    return content


def _filled_in(parameters: Mapping[str, str]) -> dict[str, str]:
    """The fields that were filled in: browsers submit empty ones too."""
    return {name: value.strip() for name, value in parameters.items() if value.strip()}


def _page_of(trail: Trail, filled: Mapping[str, str]) -> AuditPage:
    return trail.page(read_query(filled, besides=BESIDES), limit=PAGE, after=filled.get("after"))


def _field(name: str, filled: Mapping[str, str], problem: BadInput | None, catalogue: Catalogue) -> FieldView:
    label, example = _FIELDS[name]
    chains = (entry.application.environments for entry in catalogue)
    choices = {
        "application": (*sorted(catalogue.entries), "_installation"),
        "environment": tuple(dict.fromkeys(environment.name for chain in chains for environment in chain)),
        "action": (*ActionClass, *sorted(Action)),
    }
    return FieldView(
        name=name,
        label=label,
        example=example,
        value=one_line(filled.get(name, ""), _SHOWN),
        wrong=problem is not None and problem.field == name,
        choices=tuple(map(str, choices.get(name, ()))),
    )


def _line(record: AuditRecord | Damaged) -> RecordView:
    link = _address("/audit", {"actor": record.actor}) if isinstance(record, AuditRecord) else ""
    return RecordView(record=record, entry=timeline([record])[0], actor_link=link)


def _address(path: str, parameters: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path
