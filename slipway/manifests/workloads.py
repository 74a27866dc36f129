"""Mistakes in single objects that are valid YAML and valid by their schema, and that only a cluster would tell of."""

from collections.abc import Iterator
from typing import Any

from .documents import Document
from .objects import look_up
from .problems import Problem, Steps, short_value

_SELECTING = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
_JOB_TEMPLATES: dict[str, Steps] = {"Job": ("spec",), "CronJob": ("spec", "jobTemplate", "spec")}
_POLICY: Steps = ("template", "spec", "restartPolicy")


def workload_problems(document: Document, value: dict[str, Any]) -> Iterator[Problem]:
    """`value` is the document's value with its names replaced."""
    kind = value["kind"]
    if kind == "Namespace":
        yield document.problem(
            ("kind",),
            "leave it out: a namespace is created, and Slipway given its rights there, when the team joins",
            expected="objects inside the environment's namespace",
            got="the Namespace itself",
        )
    if kind in _SELECTING:
        yield from _selects_others(document, value)
    if kind in _JOB_TEMPLATES:
        steps = (*_JOB_TEMPLATES[kind], *_POLICY)
        policy = look_up(value, steps)
        if policy not in ("Never", "OnFailure"):
            got = "Always, the default" if policy is None else short_value(policy)
            yield document.problem(steps, expected="Never or OnFailure, as a Job has an end", got=got)


def _selects_others(document: Document, value: dict[str, Any]) -> Iterator[Problem]:
    match_labels = look_up(value, ("spec", "selector", "matchLabels"))
    labels = look_up(value, ("spec", "template", "metadata", "labels"))
    labels = labels if isinstance(labels, dict) else {}
    for name, text in (match_labels if isinstance(match_labels, dict) else {}).items():
        if labels.get(name) != text:
            yield document.problem(
                ("spec", "selector", "matchLabels", name),
                "the selector has to be among the labels of the template",
                expected=f"{name}: {text} in spec.template.metadata.labels",
                got=short_value(labels.get(name)),
            )
