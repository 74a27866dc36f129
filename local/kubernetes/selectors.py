"""Matches label and field selectors, from a query parameter or a spec, against an object."""

import re
from typing import Any

from .errors import bad_request
from .resources import Json

_SET = re.compile(r"(?P<key>[^\s=!,()]+)\s+(?P<how>in|notin)\s+\((?P<values>[^)]*)\)")
_EQUALS = re.compile(r"(?P<key>[^\s=!,()]+)\s*(?P<how>!=|==|=)\s*(?P<value>[^\s=!,()]*)")
_EXISTS = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s=!,()]+)")
_FIELD = re.compile(r"(?P<path>[A-Za-z.]+)(?P<how>!=|==|=)(?P<value>[^,]*)")
_EVERY = ("metadata.name", "metadata.namespace")
_FIELDS = {
    "Pod": "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork status.phase "
    "status.podIP status.nominatedNodeName",
    "Event": "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid reason type source "
    "involvedObject.apiVersion involvedObject.resourceVersion involvedObject.fieldPath reportingComponent",
    "Namespace": "status.phase",
    "Node": "spec.unschedulable",
    "Secret": "type",
    "Job": "status.successful",
    "ReplicaSet": "status.replicas",
    "Service": "spec.clusterIP spec.type",
}
"""The fields by which a kind can be selected besides name and namespace; no others, as on a cluster."""
_OUTSIDE_BRACKETS = re.compile(r",(?![^(]*\))")


def labels_match(selector: str | None, labels: dict[str, str]) -> bool:
    return all(_label_term(term.strip(), labels) for term in _OUTSIDE_BRACKETS.split(selector or "") if term.strip())


def _label_term(term: str, labels: dict[str, str]) -> bool:
    if match := _SET.fullmatch(term):
        values = {v.strip() for v in match["values"].split(",")}
        return (labels.get(match["key"]) in values) == (match["how"] == "in")
    if match := _EQUALS.fullmatch(term):
        return (labels.get(match["key"]) == match["value"]) == (match["how"] != "!=")
    if match := _EXISTS.fullmatch(term):
        return (match["key"] in labels) != bool(match["absent"])
    raise bad_request(f"unable to parse requirement: found {term!r}, expected a label selector such as app=web")


def fields_match(selector: str | None, api_object: Json) -> bool:
    return all(_field_term(term, api_object) for term in (selector or "").split(",") if term)


def _field_term(term: str, api_object: Json) -> bool:
    match = _FIELD.fullmatch(term)
    if match is None:
        raise bad_request(f"invalid selector: {term!r}; can't understand it, expected path=value")
    selectable = _FIELDS.get(api_object["kind"], "").split()
    if match["path"] not in (*_EVERY, *selectable):
        if selectable:
            raise bad_request(f"field label not supported: {match['path']}")
        only = ", ".join(f'"{path}"' for path in _EVERY)
        raise bad_request(f'"{match["path"]}" is not a known field selector: only {only}')
    value: Any = api_object
    for step in match["path"].split("."):
        value = value.get(step) if isinstance(value, dict) else None
    text = "" if value is None else str(value)
    return (text == match["value"]) == (match["how"] != "!=")


def spec_selects(selector: Json | None, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector of a spec (matchLabels and matchExpressions) matches; an empty one selects nothing."""
    if not selector:
        return False
    if any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(e, labels) for e in selector.get("matchExpressions") or [])


def _expression(expression: Json, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in (expression.get("values") or ())
        case "NotIn":
            return value not in (expression.get("values") or ())
        case "Exists":
            return value is not None
        case _:
            return value is None
