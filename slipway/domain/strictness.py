"""Whether a change of the catalogue weakens a production gate.

Gates are compared by the place that they guard (cluster and namespace), not by an environment's name. Each field has to
be at least as strict as before. A field that is not in the tables here, or that cannot be compared, has to be equal. So
a new field counts as a weakening until the tables say how it compares.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from .application import Application, Start
from .drift import OnDrift
from .environment import Environment, Soak
from .gate import ApprovalGate, AutoGate, Need
from .governing import fresher
from .model import Record, duration_text
from .people import OID, People
from .pipeline import Pipeline
from .project import (
    REFUSE,
    AllowedKinds,
    EnvironmentClass,
    LeastGate,
    Project,
    ProjectEnvironment,
    ProvenanceLevel,
    overlap,
)
from .promotion import RefusedReferrer
from .requirements import Requirements

Place = tuple[str, str]
"""Cluster and namespace."""
_MOST_DIFFERENCES: Final = 10
"""The most differences that are listed for one field."""
_LINE: Final = 80
"""The most characters of a value that are shown."""


class WeakerLine(Record):
    """One thing that is weaker than before."""

    environment: str = ""
    """The environment whose gate becomes weaker, under its earlier name; empty for all of class production."""
    text: str

    def __str__(self) -> str:
        return self.text


AtLeastAsStrict = Callable[[Any, Any], bool]
"""Whether the second value is at least as strict as the first."""


def _any_change(before: object, after: object) -> bool:  # noqa: ARG001 - the signature of a comparison
    return True


def _no_names_added(before: Sequence[str], after: Sequence[str]) -> bool:
    return {name.casefold() for name in after} <= {name.casefold() for name in before}


def _none_added(before: Sequence[object], after: Sequence[object]) -> bool:
    return all(item in before for item in after)


def _kept_if_given(before: object, after: object) -> bool:
    return before is None or before == after


def _no_wider(before: Sequence[str], after: Sequence[str]) -> bool:
    return all(any(within(pattern, wide) for wide in before) for pattern in after)


def within(pattern: str, wide: str) -> bool:
    """Whether every text that matches the pattern matches the wide one too. False if that is not easy to be sure of."""
    if wide in (pattern, "*"):
        return True
    if _SPECIAL & set(pattern + wide) or "*" in wide[:-1]:
        return False
    begins, _, _ = pattern.partition("*")
    return wide.endswith("*") and begins.startswith(wide[:-1])


_SPECIAL: Final = frozenset("?[")


def _soaks_longer(before: Soak, after: Soak | None) -> bool:
    return after is not None and after.environment == before.environment and after.time >= before.time


def _as_well_known(before: People, after: People) -> bool:
    """Whether the same people are reached at the same addresses, and no less is recognized as their own work.

    A new person with an address could vote for somebody else whom a gate lists by that address.
    """
    same = all(
        oid in after and after[oid].mail == person.mail and set(person.also) <= set(after[oid].also)
        for oid, person in before.items()
    )
    return same and all(after[oid].mail is None for oid in after.keys() - before.keys())


def _no_kinds_added(before: AllowedKinds, after: AllowedKinds) -> bool:
    return _none_added(before.also, after.also) and _none_added(before.host_access, after.host_access)


_LEVELS: Final = tuple(ProvenanceLevel)
"""From the loosest to the strictest."""
_GATE: Mapping[str, AtLeastAsStrict] = {
    "approvers": _no_names_added,
    "required": lambda before, after: after >= before,
    "people": _as_well_known,
    "known_services": _no_names_added,
    "level": lambda before, after: after.rank >= before.rank,
    "fresh": lambda before, after: fresher(after, before),
    "deadline": lambda before, after: after <= before,
    "objection": lambda before, after: after >= before,
    "reason": lambda before, after: before.approve is Need.OPTIONAL or after.approve is Need.REQUIRED,
    "require_known": lambda before, after: after or not before,
    "own_change": lambda before, after: before or not after,
    "timezone": _any_change,
    "when_newer": _any_change,
}
_ENVIRONMENT: Mapping[str, AtLeastAsStrict] = {
    "provenance": lambda before, after: _LEVELS.index(after) >= _LEVELS.index(before),
    "verification": lambda before, after: not before.exists or before == after,
    "windows": lambda before, after: not before.exists or before == after,
    "waive": _no_names_added,
    "soak": lambda before, after: before is None or before == after or _soaks_longer(before, after),
    "require": lambda before, after: before == Requirements() or before == after,
    "promotion": lambda before, after: (
        before.referrers is RefusedReferrer.TRY or after.referrers is RefusedReferrer.REQUIRE
    ),
    # The plan that people vote on shows what is applied there, and is compared itself.
    **dict.fromkeys(("name", "clusters", "namespace", "registry", "manifests", "substitutions"), _any_change),
    "drift_ignore": _none_added,
    "drift": lambda before, after: after in (before, OnDrift.HOLD),
    **dict.fromkeys(("rollout_within", "on_failure", "on_config_change", "gate"), _any_change),
}
_PIPELINE: Mapping[str, AtLeastAsStrict] = {
    "branches": _no_wider,
    "results": _no_names_added,
    **dict.fromkeys(("organization", "project_id", "definition"), _kept_if_given),
    **dict.fromkeys(("tag", "within"), _any_change),
}
_APPLICATION: Mapping[str, AtLeastAsStrict] = {
    "start": lambda before, after: after in (before, Start.BOTH),
    "automation": _no_names_added,
    "kinds": _no_kinds_added,
    # People are compared at each gate, an environment by its place, and a pipeline field by field. The delivered
    # artifact is in the plan that people vote on.
    **dict.fromkeys(("people", "environments", "pipeline", "application", "project", "repositories"), _any_change),
    # The project's fields are compared in the project.
    **dict.fromkeys(("source", "image", "bundle", "versions", "image_rules", "injected"), _any_change),
}
_LEAST: Mapping[str, AtLeastAsStrict] = {
    "level": _GATE["level"],
    "required": _GATE["required"],
    "require_known": _GATE["require_known"],
    "own_change": _GATE["own_change"],
    "fresh": _GATE["fresh"],
    "objection": _GATE["objection"],
}
_PROJECT: Mapping[str, AtLeastAsStrict] = {
    "waive": _no_names_added,
    "known_services": _no_names_added,
    "automation": lambda before, after: _no_names_added(before.create, after.create),
    "foreign_images": _no_wider,
    "injected": _none_added,
    "kinds": _no_kinds_added,
    "unpinned": lambda before, after: after in (REFUSE, before) or (before != REFUSE and _none_added(before, after)),
    # An image in a field that is named there is pinned by digest like any other; one in another field is refused.
    **dict.fromkeys(("project", "owners", "repositories", "environments", "image_paths"), _any_change),
}


_GATE_OF_ANOTHER_APPLICATION: Mapping[str, AtLeastAsStrict] = {
    **dict.fromkeys(ApprovalGate.model_fields, _any_change),
    **{name: _GATE[name] for name in ("approvers", "required", "level", "fresh", "objection", "own_change")},
    "require_known": _GATE["require_known"],
    "each": lambda before, after: not before or before == after,
}
"""The fields of a gate that count when another application comes into its place: who lets something in there, and how
certain that is. How long people are asked, and in which words, is up to each application."""


def production_of(application: Application) -> dict[Place, Environment]:
    """The environments of class production, by place."""
    return {
        (environment.cluster, environment.namespace): environment
        for environment in application.environments
        if environment.environment_class is EnvironmentClass.PRODUCTION
    }


def weakenings(
    before: Application,
    after: Application,
    *,
    places: Collection[Place] | None = None,
    changed: Collection[str] = (),
) -> tuple[WeakerLine, ...]:
    """The weakenings in `after` wherever class production is or was; empty if there are none.

    `places`, if given, limits the comparison to those; `changed` are the application's files with changed content.
    """
    return tuple(_weakenings(before, after, places, changed))


def _weakenings(
    before: Application, after: Application, places: Collection[Place] | None, changed: Collection[str]
) -> Iterator[WeakerLine]:
    guarded, now = production_of(before), production_of(after)
    if places is not None:
        guarded = {target: environment for target, environment in guarded.items() if target in places}
    for target, environment in guarded.items():
        at = f"{environment.name} ({'/'.join(target)})"
        if target not in now:
            gone = "no environment of class production is for this place any more"
            yield WeakerLine(environment=environment.name, text=f"{at}: {gone}")
            continue
        for text in (
            *_weaker_fields(at, environment, now[target], _ENVIRONMENT),
            *_weaker_gate(f"{at}: gate", environment.gate, now[target].gate),
            *(f"{at}: {file} has another content" for file in _trusted(environment) if file in changed),
        ):
            yield WeakerLine(environment=environment.name, text=text)
    if guarded:
        yield from (WeakerLine(text=text) for text in _weaker_fields("", before, after, _APPLICATION))
        yield from (WeakerLine(text=text) for text in _weaker_pipeline(before.pipeline, after.pipeline))


def weaker_beside(guarding: Application, after: Application, places: Collection[Place]) -> tuple[WeakerLine, ...]:
    """The points in which `after`, which takes some of the places, is less strict than an application whose
    approvers guard them."""
    return tuple(_weaker_beside(guarding, after, places))


def _weaker_beside(guarding: Application, after: Application, places: Collection[Place]) -> Iterator[WeakerLine]:
    now = {(each.cluster, each.namespace): each for each in after.environments}
    for target, environment in production_of(guarding).items():
        if target not in places or not isinstance(environment.gate, ApprovalGate):
            continue
        at = f"{environment.name} ({'/'.join(target)}), which {guarding.application} guards: gate"
        for text in _asks_less(at, environment.gate, now[target].gate):
            yield WeakerLine(environment=environment.name, text=text)


def _asks_less(at: str, before: ApprovalGate, after: AutoGate | ApprovalGate) -> Iterator[str]:
    if not isinstance(after, ApprovalGate):
        yield f"{at}: {after.kind} instead of {before.kind}"
        return
    # If people are listed by address, or have several accounts, the gate depends on the people that these belong to.
    listed = (*before.approvers, *(name for share in before.each for name in share.of))
    accounts = (name for person in before.people.values() for name in person.also)
    by_name = any("@" in name for name in listed) or any(name.startswith(OID) for name in accounts)
    table = {**_GATE_OF_ANOTHER_APPLICATION, **({"people": _GATE["people"]} if by_name else {})}
    yield from _weaker_fields(at, before, after, table)


def _trusted(environment: Environment) -> Iterator[str]:
    """The files that decide what may go there, and when: keys, roots, holidays."""
    yield from dict.fromkeys(path for _, path in environment.require.files())
    if environment.windows.holidays_file:
        yield environment.windows.holidays_file


def _weaker_pipeline(before: Pipeline | None, after: Pipeline | None) -> Iterator[str]:
    if before is None:
        return
    if after is None:
        yield "pipeline: nothing says any more which runs count"
        return
    yield from _weaker_fields("pipeline", before, after, _PIPELINE)


def _weaker_gate(at: str, before: AutoGate | ApprovalGate, after: AutoGate | ApprovalGate) -> Iterator[str]:
    match before, after:
        case ApprovalGate(), ApprovalGate():
            yield from _weaker_fields(at, before, after, _GATE)
        case AutoGate(), ApprovalGate() if before == AutoGate():
            return
        case _:
            if before != after:
                yield f"{at}: it cannot be told whether {after.kind} is as strict as the former {before.kind}"


def project_weakenings(before: Project, after: Project) -> tuple[WeakerLine, ...]:
    """The weakenings in `after` for the places that class production covers; empty if there are none."""
    return tuple(_project_weakenings(before, after))


def _project_weakenings(before: Project, after: Project) -> Iterator[WeakerLine]:
    guarded = {name: environment for name, environment in before.environments.items() if environment.production}
    for name, environment in guarded.items():
        for text in _weaker_environment(name, environment, after):
            yield WeakerLine(environment=name, text=f"environments.{text}")
    for name, environment in after.environments.items():
        if not environment.production and any(overlap(environment, each) for each in guarded.values()):
            yield WeakerLine(text=f"environments.{name}: it would cover places of class production with class test")
    if guarded:
        yield from (WeakerLine(text=text) for text in _weaker_fields("", before, after, _PROJECT))


def _weaker_environment(old_name: str, before: ProjectEnvironment, after: Project) -> Iterator[str]:
    """The weakenings of one environment, compared by the places that it covers, under any name."""
    now = {name: each for name, each in after.environments.items() if each.production and overlap(before, each)}
    uncovered = [
        f"{cluster}/{pattern}"
        for cluster in before.clusters
        for pattern in before.namespaces
        if not any(
            cluster in each.clusters and any(within(pattern, wide) for wide in each.namespaces) for each in now.values()
        )
    ]
    if uncovered:
        yield f"{old_name}: {', '.join(uncovered)} would no longer be of class production"
    for name, each in now.items():
        if before.needs_tests and not each.needs_tests:
            yield f"{name}.tests: optional instead of required"
        if _LEVELS.index(each.provenance) < _LEVELS.index(before.provenance):
            yield f"{name}.provenance: {each.provenance} instead of {before.provenance}"
        least, least_now = before.least or LeastGate(), each.least or LeastGate()
        yield from _weaker_fields(f"{name}.least_gate", least, least_now, _LEAST)


def _weaker_fields(at: str, before: Record, after: Record, table: Mapping[str, AtLeastAsStrict]) -> Iterator[str]:
    for field in type(before).model_fields:
        was, is_now = getattr(before, field), getattr(after, field)
        strict_enough = table[field](was, is_now) if field in table else was == is_now
        if not strict_enough:
            # One line in any case: a weakening without a line would be none.
            differences = list(_differences(field, was, is_now)) or [f"{field}: {_replaced(was, is_now)}"]
            yield from (f"{at}{': ' if at else ''}{difference}" for difference in differences[:_MOST_DIFFERENCES])
            if (more := len(differences) - _MOST_DIFFERENCES) > 0:
                yield f"{at}{': ' if at else ''}{field}: {more} more differences"


def _differences(name: str, before: object, after: object) -> Iterator[str]:
    """The values that differ, with the path of each: of records and mappings only the entries that are not the same."""
    entries, entries_now = _entries(before), _entries(after)
    if entries is None or entries_now is None:
        yield f"{name}: {_replaced(before, after)}"
        return
    for entry in {**entries, **entries_now}:
        if entries.get(entry) != entries_now.get(entry):
            yield from _differences(f"{name}.{entry}", entries.get(entry), entries_now.get(entry))


def _entries(value: object) -> Mapping[str, object] | None:
    if isinstance(value, Record):
        return {field: getattr(value, field) for field in type(value).model_fields}
    return value if isinstance(value, Mapping) else None


def _replaced(before: object, after: object) -> str:
    """Both values, each short enough for a line. Long ones begin shortly before their first difference."""
    was, is_now = _as_text(before) or "nothing", _as_text(after) or "nothing"
    pairs = zip(was, is_now, strict=False)  # the longer one may go on where the other ends
    same = next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(was), len(is_now)))
    start = 0 if same < _LINE // 2 or max(len(was), len(is_now)) <= _LINE else same - _LINE // 4
    return f"{_cut(is_now, start)} instead of {_cut(was, start)}"


def _cut(text: str, start: int) -> str:
    shown = f"{'…' if start else ''}{text[start:]}"
    return shown if len(shown) <= _LINE else shown[: _LINE - 1] + "…"


def _as_text(value: object) -> str:
    """The value as a person writes it in a manifest, on one line; empty for nothing."""
    match value:
        case timedelta():
            return duration_text(value)
        case Record():
            return _as_text({field: getattr(value, field) for field in type(value).model_fields})
        case Mapping():
            return ", ".join(f"{name}: {text}" for name, entry in value.items() if (text := _as_text(entry)))
        case tuple() | list() | frozenset():
            return ", ".join(filter(None, map(_as_text, value)))
        case bool():
            return str(value).lower()
        case None:
            return ""
        case _:
            return str(value)
