"""Projects and applications that are in force, and the versions of each: who changed what, when and why. Read-only."""

from dataclasses import dataclass

from ..catalogue.live import LiveCatalogue
from ..domain.errors import NotFound
from ..domain.versions import Subject, SubjectKind
from ..ledger.proposals import Proposals
from ..ledger.versions import SubjectVersions
from .answer import Answer, cacheable
from .proposed import badge_of
from .signin import Visitor
from .templating import render

VERSIONS_SHOWN = 25


@dataclass(frozen=True, kw_only=True)
class ItemView:
    """One project or application."""

    kind: str
    name: str
    project: str
    """Empty for a project."""
    problems: tuple[str, ...]
    """Why it is stalled; empty if it is in order."""

    @property
    def address(self) -> str:
        return f"/catalogue/{self.kind}/{self.name}"


def show_catalogue(catalogue: LiveCatalogue, proposals: Proposals, visitor: Visitor) -> Answer:
    """Everything in force, and the changes on which people vote. Raises `LedgerUnavailable`."""
    undecided = proposals.undecided()
    waiting = [(badge_of(change), change) for change in undecided.read if not change.phase.final]
    items = tuple(sorted(_items(catalogue), key=lambda item: (not item.problems, item.kind, item.name)))
    page = render(
        "catalogue.html",
        items=items,
        waiting=waiting,
        not_shown=undecided.not_shown,
        reader=visitor,
        here="catalogue",
    )
    return cacheable(page)


def _items(catalogue: LiveCatalogue) -> list[ItemView]:
    items = [ItemView(kind="project", name=name, project="", problems=()) for name in catalogue.projects]
    items += [
        ItemView(kind="application", name=name, project=entry.application.project, problems=entry.problems)
        for name, entry in catalogue.entries.items()
    ]
    for broken in catalogue.broken:
        kind, _, name = broken.name.partition(":")
        items.append(ItemView(kind=kind, name=name, project="", problems=broken.problems))
    return items


def show_versions(
    catalogue: LiveCatalogue, versions: SubjectVersions, kind: str, name: str, visitor: Visitor
) -> Answer:
    """The versions of one project or application, newest first. Raises `NotFound`, `LedgerUnavailable`."""
    try:
        subject = Subject(kind=SubjectKind(kind), name=name)
    except ValueError as error:
        raise NotFound(f"there is no {kind[:20]} {name[:80]!r}") from error
    listed = tuple(versions.history(subject, limit=VERSIONS_SHOWN))
    if not listed:
        raise NotFound(catalogue.not_found_message(subject))
    problems = next((item.problems for item in _items(catalogue) if (item.kind, item.name) == (kind, name)), ())
    page = render(
        "versions.html", subject=subject, versions=listed, problems=problems, reader=visitor, here="catalogue"
    )
    return cacheable(page)
