"""Plans a query: which axis it reads, the one with the fewest records, and which conditions the service checks."""

from dataclasses import dataclass
from typing import Final

from ..domain.audit_query import SERVICE, ActionClass, AuditQuery
from . import index_keys as keys
from .table import RowCondition


@dataclass(frozen=True, kw_only=True)
class QueryPlan:
    """The axis and key range to read, newest first, and the conditions left for the service to check."""

    axis: str
    first: str
    last: str
    where: tuple[RowCondition, ...]


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """An axis, and the filters that all of its records satisfy."""

    answers: frozenset[str]
    name: str


_INTERVENTIONS: Final = frozenset(ActionClass) - {ActionClass.CHANGE}


def plan_query(query: AuditQuery) -> QueryPlan:
    """The plan of a query. Queries for which `goes_by_digest` is true are answered by `digest_walk.py` instead."""
    axis = _axis(query)
    return QueryPlan(
        axis=axis.name,
        first=f"{axis.name}!" + (keys.time_key(query.until) + keys.LAST if query.until else ""),
        last=f"{axis.name}!" + (keys.time_key(query.since) if query.since else "") + keys.LAST,
        where=conditions(query, answered=axis.answers),
    )


def goes_by_digest(query: AuditQuery) -> bool:
    return query.digest is not None and query.release is None


def _axis(query: AuditQuery) -> _Axis:
    """The axis with the fewest records: one release, one person, one kind of rare action, one application, …"""
    release, actor, application, environment = query.release, query.actor, query.application, query.environment
    axis = _Axis(answers=frozenset(), name=keys.TIME)
    if release:
        axis = _Axis(answers=frozenset({"release"}), name=keys.by_release(release))
    elif actor and actor.casefold() != SERVICE:
        axis = _Axis(answers=frozenset({"actor"}), name=keys.by_actor(actor))
    elif query.action_class in _INTERVENTIONS:
        axis = _Axis(answers=frozenset(), name=keys.INTERVENTION)
    elif application:
        answers = frozenset({"application"})
        axis = _Axis(answers=answers, name=keys.by_application(application))
    elif environment and query.action_class is ActionClass.CHANGE:
        answers = frozenset({"environment", "action"})
        axis = _Axis(answers=answers, name=keys.by_change(environment))
    elif environment:
        answers = frozenset({"environment"})
        axis = _Axis(answers=answers, name=keys.by_environment(environment))
    return axis


def conditions(query: AuditQuery, *, answered: frozenset[str]) -> tuple[RowCondition, ...]:
    """The conditions for the filters that the axis does not satisfy already."""
    conditions = list[RowCondition]()
    for name, column, value in (
        ("application", "Application", query.application),
        ("environment", "Environment", query.environment),
        ("release", "Release", query.release),
        ("actor", keys.BY, query.actor.casefold() if query.actor else None),
    ):
        if value is not None and name not in answered:
            conditions.append(RowCondition(column, "eq", value))
    if query.action and "action" not in answered:
        conditions += _action(query.action, query.action_class)
    if query.digest and "digest" not in answered:
        conditions += [RowCondition("Digest", "ge", query.digest), RowCondition("Digest", "lt", query.digest + "~")]
    return tuple(conditions)


def _action(action: str, kind: ActionClass | None) -> list[RowCondition]:
    match kind:
        case None:
            return [RowCondition("Action", "eq", action)]
        case ActionClass.CHANGE:
            return [RowCondition(keys.CHANGE, "eq", True)]
        case ActionClass.INTERVENTION:
            return [RowCondition(keys.CLASS, "ge", "a")]  # any; a row without the column does not pass
        case _:
            return [RowCondition(keys.CLASS, "eq", str(kind))]
