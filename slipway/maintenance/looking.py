"""One function for each kind of look: the doctor's checks, the audit index, an application's targets."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..catalogue.entries import Catalogue
from ..catalogue.tags import check_tag
from ..domain.errors import NotFound, SourceAway
from ..domain.inbox import Look
from ..domain.project import KIND_PATTERN
from ..engine.proving_pushes import PushProver, pushed_names
from ..inbound.reading import BadInput
from ..ledger.keys import INSTALLATION
from ..ledger.reindexing import Reindexing
from ..queries.reading import Reader
from .doctor import Doctor

LIST = "list"
"""The subject of a look at the doctor that asks for the names of the checks."""
ROLE_OF = "rbac:"
"""Begins a subject that asks for the Role which a check of a cluster would need; the look's options are kinds."""

type LookHandler = Callable[[Look], Mapping[str, Any]]


def at_checks(doctor: Callable[[], Doctor]) -> LookHandler:
    """A check's finding, the names of all checks, or the Role that a cluster's own administrators would have to
    make."""

    def look(look: Look) -> Mapping[str, Any]:
        if look.subject == LIST:
            return {"checks": list(doctor().checks)}
        if look.subject.startswith(ROLE_OF):
            return _other_role(doctor(), look)
        return doctor().run(look.subject).model_dump(mode="json")

    return look


def _other_role(doctor: Doctor, look: Look) -> Mapping[str, Any]:
    check = look.subject.removeprefix(ROLE_OF)
    kinds = tuple(dict.fromkeys(look.options.values()))
    for kind in kinds:
        if not re.fullmatch(KIND_PATTERN, kind):
            raise BadInput("options", "kinds such as argoproj.io/Rollout", repr(kind[:80]))
    return doctor.other_role(check, kinds).model_dump(mode="json")


def at_index(reader: Callable[[], Reader], reindexing: Callable[[], Reindexing]) -> LookHandler:
    """The comparison of a part of the audit index with the trail; repaired if that was asked for."""

    def look(look: Look) -> Mapping[str, Any]:
        application, head = look.subject, reader().head(look.subject)
        if head.sequence == 0 and application != INSTALLATION:
            reader().catalogue.entry(application)
        after, repair = _sequence(look), look.options.get("repair") == "yes"
        compared = reindexing().compare(application, head=head.sequence, after=after, repair=repair)
        return compared.model_dump(mode="json")

    return look


def at_targets(catalogue: Callable[[], Catalogue], login_servers: Mapping[str, str]) -> LookHandler:
    """The places of an application's environments; only the worker's settings say how registries are reached."""

    def look(look: Look) -> Mapping[str, Any]:
        application = catalogue().entry(look.subject).application
        environments = {
            each.name: {
                "registry": login_servers[application.registry_of(each)],
                "cluster": each.cluster,
                "namespace": each.namespace,
            }
            for each in application.environments
            if application.registry_of(each) in login_servers
        }
        return {
            "application": application.application,
            "environments": environments,
            "image_paths": application.image_rules.paths,
            "foreign_images": application.image_rules.foreign,
            "unpinned": sorted(application.image_rules.unpinned),
        }

    return look


def at_pushed(reader: Callable[[], Reader], pushes: Callable[[], PushProver]) -> LookHandler:
    """Why no release can be created from a tag or digest; empty if one can, or if the registry does not answer: then a
    person may still confirm the command, which waits for the registry."""

    def look(look: Look) -> Mapping[str, Any]:
        application = reader().catalogue.entry(look.subject).application
        named = pushed_names(look.options)
        try:
            if reader().release_of(application, **named) is not None:
                return {"why": ""}
            pushed = pushes().look_up(application, **named)
        except NotFound as missing:
            return {"why": str(missing)}
        except SourceAway:
            return {"why": ""}
        matches = check_tag(application.versions, pushed.tag)
        return {"why": pushed.no_image or ("" if matches.passed else matches.reason)}

    return look


def _sequence(look: Look) -> int:
    text = look.options.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):  # noqa: PLR2004 - the width of a sequence
        raise BadInput("options.after", "a whole number", repr(text[:40]))
    return int(text)
