"""Removes from a preview the values that the server assigns at random to an object that does not exist yet.

A dry run invents an address, a port or a uid that the object will not have. Two plans of the same object would differ
by them, and readers of the plan would believe them. Pure.
"""

from collections.abc import Mapping
from typing import Any

from .records import Json

_OF_SERVICES = ("clusterIP", "clusterIPs", "healthCheckNodePort")
_OF_JOBS = ("batch.kubernetes.io/controller-uid", "controller-uid")


def without_given_out(answer: Json, manifest: Mapping[str, Any]) -> Json:
    """The answer to a dry run that would make the object, without assigned values that the manifest does not set."""
    spec, planned_spec = answer.get("spec") or {}, manifest.get("spec") or {}
    match answer.get("kind"):
        case "Service":
            return {**answer, "spec": _service_spec(spec, planned_spec)}
        case "Job":
            return {**answer, "spec": _job_spec(spec)}
        case _:
            return answer


def _service_spec(spec: Json, desired: Mapping[str, Any]) -> Json:
    fields = {field: value for field, value in spec.items() if field in desired or field not in _OF_SERVICES}
    planned_ports = {port.get("port"): port for port in desired.get("ports") or () if isinstance(port, Mapping)}
    ports = [
        {
            field: value
            for field, value in port.items()
            if field != "nodePort" or field in planned_ports.get(port["port"], ())
        }
        for port in spec.get("ports") or ()
    ]
    return {**fields, "ports": ports} if ports else fields


def _job_spec(spec: Json) -> Json:
    template = spec.get("template") or {}
    metadata = template.get("metadata") or {}
    labelled = {**metadata, "labels": _without_uid(metadata.get("labels") or {})}
    selector = spec.get("selector") or {}
    matched = {**selector, "matchLabels": _without_uid(selector.get("matchLabels") or {})}
    return {**spec, "template": {**template, "metadata": labelled}, "selector": matched}


def _without_uid(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in _OF_JOBS}
