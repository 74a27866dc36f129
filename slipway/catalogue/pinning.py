"""Writes every image in an application's own manifests by digest, or says why it cannot.

The release's image is written wherever its repository is named. Every other image beside it has to be pinned by digest
in the manifest already. It is either in one of the project's repositories, named in the environment's registry and
copied there before the rollout, or in another registry that the project allows. So the image voted on is the one that
runs.
"""

from collections.abc import Iterator
from typing import Any

from slipway.domain.application import Application

from ..manifests.documents import Document
from ..manifests.images import names_repository
from ..manifests.problems import Findings, Problem, short_value
from ..manifests.references import ImagePosition, Reference, digest_reference, image_places, unpinnable_problems


def pin(
    document: Document,
    findings: Findings,
    value: dict[str, Any],
    application: Application,
    *,
    image: str,
    hosts: frozenset[str] | None,
) -> bool:
    """Whether the release's own image is among those that were written into `value`; problems are added to the
    findings.

    `hosts` are those of the application's registries; if they are not known, any host may be one of them.
    """
    rules = application.image_rules
    findings.extend_elsewhere(unpinnable_problems(document, value, rules))
    is_own = False
    for image_place in image_places(value, rules):
        if isinstance(image_place.text, str) and names_repository(image_place.text, application.pushed.repository):
            image_place.holder[image_place.key] = image
            is_own = True
        elif (reference := digest_reference(image_place.text)) is not None:
            wrong = tuple(_image_not_allowed(document, image_place, reference, application, hosts))
            findings.extend_elsewhere(wrong if not rules.leaves(value) else ())
            if not wrong:
                host = reference.host if rules.is_foreign(reference.name) else image.partition("/")[0]
                image_place.holder[image_place.key] = f"{host}/{reference.repository}@{reference.digest}"
        elif not rules.leaves(value):
            wrong_name = document.problem(
                image_place.steps,
                "a tag may name another image after the vote",
                expected=f"{application.pushed.repository}, or an image by digest (name@sha256:…)",
                got=short_value(image_place.text),
            )
            findings.extend_elsewhere([wrong_name])
    return is_own


def _image_not_allowed(
    document: Document,
    position: ImagePosition,
    named: Reference,
    application: Application,
    hosts: frozenset[str] | None,
) -> Iterator[Problem]:
    is_ours = not named.host or hosts is None or named.host in hosts
    if application.image_rules.is_foreign(named.name) or (is_ours and application.may_bring(named.repository)):
        return
    repositories = ", ".join(application.repositories)
    expected = f"an image of the project {application.project} ({repositories}), or one of its foreign_images"
    is_ours_but_for_a_host = bool(named.host) and application.may_bring(named.name)
    hint = f"{named.host} is taken for the host of a registry: put the host of one of the application's before it"
    why = (hint,) if is_ours_but_for_a_host else ()
    yield document.problem(position.steps, *why, expected=expected, got=short_value(position.text))
