"""The changes of a plan, object by object, with diffs: shortened on the page, complete behind a link."""

from dataclasses import dataclass

from ..domain.model import release_id
from ..domain.plan import Change, Plan, Preview
from ..text import visible
from .words import Badge, change_badge

DIFF_BUDGET = 24_000
"""Characters of diffs on one page; beyond that they are shortened. The text of all changes has them in full."""
OPENED = 40
"""A diff of up to this many lines is shown expanded."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a diff."""

    kind: str
    """`add`, `del`, `at` or `same`: the stylesheet's class."""
    text: str


@dataclass(frozen=True, kw_only=True)
class ChangeView:
    """One object of the plan."""

    kind: str
    name: str
    badge: Badge
    lines: tuple[Line, ...]
    left_out: int
    """Number of lines not shown."""
    notes: tuple[str, ...] = ()
    """The notes on the owners of its fields."""
    why: str = ""
    """Why an object that left the manifests stays."""

    @property
    def opened(self) -> bool:
        return 0 < len(self.lines) <= OPENED

    @property
    def added(self) -> int:
        return sum(line.kind == "add" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.kind == "del" for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class ChangesView:
    """All objects of a plan: those it changes, and those it leaves unchanged."""

    touched: tuple[ChangeView, ...]
    unchanged: tuple[str, ...]
    warnings: tuple[str, ...]
    """Obstacles that will keep the rollout from ending, changes that reach no pod, and warnings of the API server, by
    object."""
    unsearched: tuple[str, ...]
    """The kinds that could not be searched for objects that left the manifests."""
    shortened: bool


def changes_view(preview: Preview, budget: int = DIFF_BUDGET) -> ChangesView:
    ordered = preview.ordered
    touched: list[ChangeView] = []
    for item in (c for c in ordered if c.change != "unchanged" or c.notes):
        view, used = _change_view(item, budget)
        budget -= used
        touched.append(view)
    return ChangesView(
        touched=tuple(touched),
        unchanged=tuple(f"{c.kind} {c.name}" for c in ordered if c.change == "unchanged" and not c.notes),
        warnings=preview.warnings,
        unsearched=preview.unsearched,
        shortened=any(view.left_out for view in touched),
    )


def whole_text(plan: Plan, preview: Preview) -> str:
    """All changes with their full diffs, as plain text."""
    parts = [
        f"{release_id(plan.application, plan.release)} ({plan.tag}) for {plan.environment}",
        f"plan {plan.hash}",
        "",
    ]
    for item in preview.ordered:
        parts += [f"=== {item.kind} {item.name}: {item.change}"]
        parts += [f"! {visible(warning)}" for warning in item.warnings]
        parts += [f"- {visible(note)}" for note in item.notes]
        parts += [f"It stays: {visible(item.why)}."] if item.why else []
        parts += [visible(item.diff)]
    parts += [f"Not searched for objects that left the manifests: {visible(each)}" for each in preview.unsearched]
    return "\n".join(parts) + "\n"


def _change_view(item: Change, budget: int) -> tuple[ChangeView, int]:
    lines = _without_header(visible(item.diff).splitlines())
    shown: list[Line] = []
    used = 0
    for text in lines:
        used += len(text) + 1
        if used > budget:
            break
        shown.append(Line(kind=_line_kind(text), text=text))
    view = ChangeView(
        kind=item.kind,
        name=item.name,
        badge=change_badge(item.change),
        lines=tuple(shown),
        left_out=len(lines) - len(shown),
        notes=item.notes,
        why=item.why,
    )
    return view, used


def _without_header(lines: list[str]) -> list[str]:
    return lines[2:] if len(lines) > 1 and lines[0].startswith("--- ") and lines[1].startswith("+++ ") else lines


def _line_kind(text: str) -> str:
    return {"+": "add", "-": "del", "@": "at"}.get(text[:1], "same")
