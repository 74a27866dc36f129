"""Pairs of catalogues: wherever something may go into production that could not before, the comparison says so.

What may go is said here once more, in a few lines and without the product's tables: a release with some votes, a run
and what is known of both, at one place.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from slipway.domain.application import Application, RegistryRepository, Start, WrittenApplication
from slipway.domain.environment import WrittenEnvironment
from slipway.domain.gate import ApprovalGate, Level, Share, WrittenApprovalGate
from slipway.domain.governing import breaches, governed
from slipway.domain.pipeline import Pipeline, RunResult
from slipway.domain.project import EnvironmentClass, LeastGate, Project, ProjectEnvironment, ProvenanceLevel
from slipway.domain.strictness import Place, production_of, project_weakenings, weakenings, within
from tests.examples import times
from tests.unit.domain.samples import PROBED

ROLES = ("role:a", "role:b", "role:c", "role:d")
CLUSTERS = ("blue", "green")
NAMESPACES = ("shop", "shop-eu", "till")
BRANCHES = ("main", "release/*", "release/1", "*")
LEVELS = tuple(ProvenanceLevel)
FRESH = (None, timedelta(minutes=5), timedelta(minutes=1))


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One project and its application, as far as they fit each other."""

    project: Project
    written: WrittenApplication

    @cached_property
    def application(self) -> Application:
        return governed(self.written, self.project)

    @property
    def fits(self) -> bool:
        return not any(breaches(self.written, self.project))


@dataclass(frozen=True, kw_only=True)
class Comes:
    """A release on its way to one place, with all that is known of it."""

    place: Place
    votes: frozenset[str]
    """The role of each voter."""
    level: Level
    age: timedelta
    """How long ago they had signed in."""
    own: bool
    known: bool
    branch: str
    result: RunResult
    has_run: bool
    provenance: ProvenanceLevel
    waived_by: str | None
    """The role of the person who waived the rule about who is behind the change."""


def lets_through(catalogue: Catalogue, comes: Comes) -> bool:
    environment = production_of(catalogue.application).get(comes.place)
    if environment is None:
        return True  # nothing of class production is there: anybody may put something there
    gate, pipeline, start = environment.gate, catalogue.written.pipeline, catalogue.written.start
    if not isinstance(gate, ApprovalGate):
        return True
    sure = comes.level.rank >= gate.level.rank and (gate.fresh is None or comes.age <= gate.fresh)
    known = comes.known or comes.waived_by in environment.waive
    barred = (comes.own and not gate.own_change) or (gate.require_known and not known)
    enough = len(comes.votes & set(gate.approvers)) >= gate.required and all(
        len(comes.votes & set(share.of)) >= share.required for share in gate.each
    )
    runs = (
        pipeline is None
        or not comes.has_run
        or (comes.result in pipeline.results and any(within(comes.branch, wide) for wide in pipeline.branches))
    )
    facts = comes.has_run or start is Start.PUSH
    proved = LEVELS.index(comes.provenance) >= LEVELS.index(environment.provenance)
    return sure and not barred and enough and runs and facts and proved


LOOSEST = LeastGate(level=Level.LINK, required=1, require_known=False, own_change=True, fresh=None)


def as_least(gate: WrittenApprovalGate) -> LeastGate:
    """The least gate that this one just meets."""
    return LeastGate(**{name: getattr(gate, name) for name in LeastGate.model_fields})


GATE = st.builds(
    WrittenApprovalGate,
    approvers=st.sets(st.sampled_from(ROLES), min_size=2).map(lambda names: tuple(sorted(names))),
    required=st.integers(1, 2),
    level=st.sampled_from(Level),
    require_known=st.booleans(),
    own_change=st.booleans(),
    fresh=st.sampled_from(FRESH),
    each=st.sampled_from(((), (Share(of=(ROLES[0],)),), (Share(of=ROLES[:2]),), (Share(of=(ROLES[1],)),))),
)
WAIVE = st.sets(st.sampled_from(ROLES)).map(lambda names: tuple(sorted(names)))
PIPELINE_GIVEN = st.builds(
    Pipeline,
    project=st.just("Shop"),
    name=st.just("build"),
    branches=st.sets(st.sampled_from(BRANCHES), min_size=1).map(lambda names: tuple(sorted(names))),
    results=st.sets(st.sampled_from(RunResult), min_size=1).map(lambda names: tuple(sorted(names))),
)
PIPELINE = st.one_of(st.none(), PIPELINE_GIVEN, PIPELINE_GIVEN, PIPELINE_GIVEN)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """One environment or two, each in a cluster of its own, by any of three names: one can come back under another."""
    names = draw(st.lists(st.sampled_from(("production", "live", "eu")), min_size=1, max_size=2, unique=True))
    clusters = draw(st.permutations(CLUSTERS))
    pipeline = draw(PIPELINE)
    written, covered = list[WrittenEnvironment](), dict[str, ProjectEnvironment]()
    for name, cluster in zip(names, clusters, strict=False):
        namespace, gate = draw(st.sampled_from(NAMESPACES)), draw(GATE)
        written.append(
            WrittenEnvironment(name=name, clusters=(cluster,), namespace=namespace, gate=gate, verification=PROBED)
        )
        covered[name] = ProjectEnvironment(
            environment_class=draw(st.sampled_from((EnvironmentClass.TEST, *5 * (EnvironmentClass.PRODUCTION,)))),
            clusters=(cluster,),
            namespaces=draw(st.sampled_from([(namespace,), (namespace[:4] + "*",), ("*",), (namespace, "till")])),
            provenance=draw(st.sampled_from(LEVELS)),
            least_gate=draw(st.sampled_from((LOOSEST, as_least(gate)))),
        )
    application = WrittenApplication(
        application="shop",
        project="team",
        image=RegistryRepository(registry="ci", repository="team/shop"),
        start=draw(st.sampled_from(Start)) if pipeline is not None else Start.PUSH,
        pipeline=pipeline,
        notify=("inbox",),
        environments=tuple(written),
    )
    project = Project(project="team", repositories=("team/*",), environments=covered, waive=draw(WAIVE))
    made = Catalogue(project=project, written=application)
    assert made.fits
    return made


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Catalogue, Catalogue]:
    """Two catalogues; mostly the second is the first with one thing changed, which is how weak spots look."""
    before = draw(catalogues())
    if not draw(st.integers(0, 5)):
        return before, draw(catalogues())
    project, written, other = before.project, before.written, draw(catalogues())
    kinds = (*GATE_FIELDS, "branches", "results", "start", "class", "provenance", "name", "waive", "pipeline", "place")
    match draw(st.sampled_from(kinds)):
        case field if field in GATE_FIELDS:
            environments = tuple(_other_gate(each, draw(GATE), field) for each in written.environments)
            written, project = written.evolve(environments=environments), _each(project, least_gate=LOOSEST)
            before = Catalogue(project=project, written=before.written)
        case "branches" | "results" as field if written.pipeline is not None and other.written.pipeline is not None:
            pipeline = written.pipeline.evolve(**{field: getattr(other.written.pipeline, field)})
            written = written.evolve(pipeline=pipeline)
        case "start" if written.pipeline is not None:
            written = written.evolve(start=draw(st.sampled_from(Start)))
        case "name":
            written, project = _renamed(written, project)
        case "waive":
            project = project.evolve(waive=draw(WAIVE))
        case "pipeline":
            written = written.evolve(pipeline=None, start=Start.PUSH)
        case "place":
            written, project = _elsewhere(written, project, draw(st.sampled_from(NAMESPACES)))
        case field:
            name = "environment_class" if field == "class" else "provenance"
            project = _each(project, **{name: getattr(next(iter(other.project.environments.values())), name)})
    return before, Catalogue(project=project, written=written)


GATE_FIELDS = ("approvers", "required", "level", "require_known", "own_change", "fresh", "each")


def _other_gate(environment: WrittenEnvironment, other: WrittenApprovalGate, field: str) -> WrittenEnvironment:
    gate = WrittenApprovalGate.model_validate({**dict(environment.gate), field: getattr(other, field)})
    return environment.evolve(gate=gate)


def _each(project: Project, **fields: Any) -> Project:
    return project.evolve(environments={name: each.evolve(**fields) for name, each in project.environments.items()})


def _renamed(written: WrittenApplication, project: Project) -> tuple[WrittenApplication, Project]:
    """Every environment under another name, and nothing else changed."""
    environments = tuple(each.evolve(name=f"new-{each.name}") for each in written.environments)
    covered = {f"new-{name}": each for name, each in project.environments.items()}
    return written.evolve(environments=environments), project.evolve(environments=covered)


def _elsewhere(written: WrittenApplication, project: Project, namespace: str) -> tuple[WrittenApplication, Project]:
    """Every environment in another namespace, which the project also covers."""
    environments = tuple(each.evolve(namespace=namespace) for each in written.environments)
    covered = {
        name: each.evolve(namespaces=tuple(dict.fromkeys((*each.namespaces, namespace))))
        for name, each in project.environments.items()
    }
    return written.evolve(environments=environments), project.evolve(environments=covered)


@st.composite
def barely(draw: st.DrawFn, catalogue: Catalogue) -> Comes:
    """A release that the catalogue just lets through where it goes: one vote fewer, and it would not."""
    environment = draw(st.sampled_from(catalogue.application.environments))
    gate, pipeline = environment.gate, catalogue.written.pipeline
    assert isinstance(gate, ApprovalGate)
    known = draw(st.booleans())
    waived_by = draw(st.sampled_from(environment.waive)) if environment.waive and not known else None
    votes = {*draw(st.permutations(gate.approvers))[: gate.required], *(share.of[0] for share in gate.each)}
    place = (environment.cluster, environment.namespace)
    if len(production_of(catalogue.application)) and draw(st.integers(0, 4)) == 0:
        place = (environment.cluster, draw(st.sampled_from(NAMESPACES)))  # a place that it may have left
    return Comes(
        place=place,
        votes=frozenset(votes),
        waived_by=waived_by,
        level=gate.level,
        age=gate.fresh or timedelta(hours=1),
        own=gate.own_change and draw(st.booleans()),
        known=known or (gate.require_known and waived_by is None),
        branch=draw(st.sampled_from(pipeline.branches)) if pipeline else "main",
        result=draw(st.sampled_from(pipeline.results)) if pipeline else RunResult.SUCCEEDED,
        has_run=catalogue.written.start is not Start.PUSH or draw(st.booleans()),
        provenance=environment.provenance,
    )


def weaker(before: Catalogue, after: Catalogue) -> list[Any]:
    return [
        *project_weakenings(before.project, after.project),
        *weakenings(before.application, after.application),
    ]


@times(8)
@given(pair=pairs(), data=st.data())
def test_whatever_may_go_into_production_that_could_not_before_is_said(
    pair: tuple[Catalogue, Catalogue], data: st.DataObject
) -> None:
    before, after = pair
    comes = data.draw(barely(after))
    opened = lets_through(after, comes) and not lets_through(before, comes)
    event("opens something" if opened else "opens nothing")
    assert not opened or weaker(before, after)


@given(catalogues())
def test_a_catalogue_is_not_weaker_than_itself(catalogue: Catalogue) -> None:
    assert weaker(catalogue, catalogue) == []


@given(catalogues())
def test_an_environment_under_another_name_is_no_weaker(catalogue: Catalogue) -> None:
    written, project = _renamed(catalogue.written, catalogue.project)
    assert weaker(catalogue, Catalogue(project=project, written=written)) == []


@given(catalogues(), st.sampled_from(LEVELS))
def test_what_must_be_known_of_where_it_was_built_may_become_more(catalogue: Catalogue, level: ProvenanceLevel) -> None:
    asked = {each.provenance for each in catalogue.project.environments.values()}
    changed = Catalogue(project=_each(catalogue.project, provenance=level), written=catalogue.written)
    said = [each for each in weaker(catalogue, changed) if "provenance" in each.text]
    production = any(each.production for each in catalogue.project.environments.values())
    if production and all(LEVELS.index(level) >= LEVELS.index(each) for each in asked):
        assert said == []


@given(st.sampled_from(("a", "a*", "ab*", "*", "b", "a*c", "*c")), st.sampled_from(("a", "a*", "ab*", "*", "a*c")))
def test_a_pattern_within_another_matches_nothing_else(pattern: str, wide: str) -> None:
    from fnmatch import fnmatchcase  # noqa: PLC0415 - the judge, and no part of what is judged

    if within(pattern, wide):
        assert all(fnmatchcase(t, wide) for t in ("a", "ab", "abc", "ac", "b", "bc", "c") if fnmatchcase(t, pattern))
