"""Values that every API server refuses although the object keeps its schema: names, labels, keys, ports, and sizes.

Without these a release would fail when it is planned, after its push. A refusal of only some clusters is left to them.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from .documents import Document
from .images import containers
from .problems import Problem, Steps, look_up, short_value
from .rules import DATA_KEY, DNS_LABEL, LABEL_KEY, LETTERS, SERVICE_NAME, SUBDOMAIN, labels, mapping

MOST_DATA: Final = 1024 * 1024
"""Bytes of all values of a ConfigMap or Secret."""
_MOST_ANNOTATIONS: Final = 256 * 1024
_LABEL: Final = re.compile(DNS_LABEL)
_NAME: Final = re.compile(SUBDOMAIN)
_FREELY_NAMED: Final = ("rbac.authorization.k8s.io/", "policy/")
"""Groups of kinds that may have names like `system:node`."""
_FREE_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[^/%]+")
_DEFINITION: Final = "CustomResourceDefinition"
_USUAL: Final = (_NAME, "lower-case letters, digits, '-' and '.', a letter or digit first and last")
_ONE_PART: Final = (_LABEL, "lower-case letters, digits and '-', a letter or digit first and last")
_SERVICE: Final = re.compile(SERVICE_NAME)
_NAMES: Final[Mapping[tuple[str, str], tuple[re.Pattern[str], str, int]]] = {
    ("v1", "Namespace"): (*_ONE_PART, 63),
    ("v1", "Service"): (_SERVICE, "lower-case letters, digits and '-', a letter first, a letter or digit last", 63),
    ("apps/v1", "StatefulSet"): (*_ONE_PART, 52),  # a longer one is taken, but its pods have a label of it and a hash
    ("batch/v1", "CronJob"): (*_USUAL, 52),
    ("batch/v1", "Job"): (*_USUAL, 63),
}
"""The characters and the greatest length of names, for kinds where those are not the usual ones."""
_DATA: Final[Mapping[str, tuple[str, ...]]] = {"ConfigMap": ("data", "binaryData"), "Secret": ("data", "stringData")}
_IN_BASE64: Final = frozenset({("ConfigMap", "binaryData"), ("Secret", "data")})


def validity_problems(document: Document, value: Mapping[str, Any], *, renamed: bool = False) -> Iterator[Problem]:
    """`value` is the document's value with its names replaced. `renamed` marks a Job that gets another name where it
    runs, so its own may have any length."""
    name = look_up(value, ("metadata", "name"))
    if isinstance(name, str) and (expected := _expected_name(value, name, renamed)):
        yield document.problem(("metadata", "name"), expected=expected, got=short_value(name))
    for steps in (("metadata",), ("spec", "template", "metadata")):
        for each in (steps, (*steps, "labels"), (*steps, "annotations")):
            if (labels_value := look_up(value, each)) is not None and not isinstance(labels_value, Mapping):
                yield document.problem(each, expected="a mapping", got=short_value(labels_value))
        for label_position, expected in labels(look_up(value, (*steps, "labels"))):
            at = (*steps, "labels", *label_position)
            yield document.problem(at, expected=expected, got=short_value(look_up(value, at) or label_position[0]))
        annotations = mapping(look_up(value, (*steps, "annotations")))
        for key in annotations:
            if not LABEL_KEY.fullmatch(str(key).lower()):
                at = (*steps, "annotations", key)
                yield document.problem(at, expected=f"a name of {LETTERS}", got=short_value(key))
        if (size := _bytes(chain(annotations, annotations.values()))) > _MOST_ANNOTATIONS:
            yield _too_large(document, (*steps, "annotations"), size, _MOST_ANNOTATIONS)
    yield from _data_problems(document, value)
    yield from _container_problems(document, value)


def _expected_name(value: Mapping[str, Any], name: str, renamed: bool) -> str:
    """The expected form of the name; empty if the name has it."""
    version, kind = str(value.get("apiVersion")), str(value.get("kind"))
    if version.startswith(_FREELY_NAMED):
        return "" if _FREE_NAME.fullmatch(name) else "a name without / and %"
    if kind == _DEFINITION:
        plural, group = look_up(value, ("spec", "names", "plural")), look_up(value, ("spec", "group"))
        return "" if name == f"{plural}.{group}" else "spec.names.plural, a dot, and spec.group"
    usual = (*_USUAL, 253)
    pattern, words, longest = usual if renamed else _NAMES.get((version, kind), usual)
    return "" if len(name) <= longest and pattern.fullmatch(name) else f"{words}, at most {longest}"


def _data_problems(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    kind, size, first = str(value.get("kind")), 0, ""
    for part in _DATA.get(kind, ()) if value.get("apiVersion") == "v1" else ():
        entries = mapping(value.get(part))
        first = first or (part if entries else "")
        length = _bytes(entries.values())
        size += length * 3 // 4 if (kind, part) in _IN_BASE64 else length
        for key in entries:
            if not DATA_KEY.fullmatch(str(key)):
                expected = "letters, digits, '-', '_' and '.', not '..' at first, at most 253"
                yield document.problem((part, key), expected=expected, got=short_value(key))
    if size > MOST_DATA:
        yield _too_large(document, (first,), size, MOST_DATA)


def _container_problems(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    names = set[tuple[Steps, str]]()
    for at, container in containers(value):
        name = container.get("name")
        if isinstance(name, str) and not _LABEL.fullmatch(name):
            expected = "lower-case letters, digits and '-', at most 63"
            yield document.problem((*at, "name"), expected=expected, got=short_value(name))
        elif isinstance(name, str) and (at[:-2], name) in names:
            yield document.problem(
                (*at, "name"), expected="another name than the other containers", got=short_value(name)
            )
        names.add((at[:-2], str(name)))


def _too_large(document: Document, steps: Steps, size: int, most: int) -> Problem:
    return document.problem(steps, expected=f"at most {most} bytes, which is all that a cluster takes", got=f"{size}")


def _bytes(texts: Any) -> int:
    return sum(len(text.encode()) for text in texts if isinstance(text, str))
