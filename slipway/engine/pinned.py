"""The images of a plan, judged by the present rules of the project, whatever the source of the manifests.

A rollback brings back older manifests, and a bundle is made elsewhere, so both are judged here again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..domain.application import Application
from ..domain.images import ImageRules, kind_with_group
from ..manifests.problems import dotted_path
from ..manifests.references import digest_reference, image_places, unpinnable

_MOST_REFUSED = 5


class NotPinned(Exception):  # noqa: N818 - it is what happened
    """An image that may not run; the message says which."""


@dataclass(frozen=True, kw_only=True)
class PinnedImages:
    """The images of a plan, each once, by digest."""

    ours: tuple[str, ...]
    """Images in the environment's registry."""
    foreign: tuple[str, ...]
    """Images that are pulled from another registry, as the project allows."""


def pinned_images(objects: Iterable[Mapping[str, Any]], application: Application, login_server: str) -> PinnedImages:
    """Raises `NotPinned` if an object names an image that the project does not allow."""
    ours, foreign, refused = set[str](), set[str](), list[str]()
    for value in objects:
        rules = application.image_rules
        for image in image_places(value, rules):
            reference = digest_reference(image.text)
            if (
                reference is not None
                and str(reference) == f"{login_server}/{reference.repository}@{reference.digest}"
                and (
                    reference.repository == application.pushed.repository or application.may_bring(reference.repository)
                )
            ):
                ours.add(image.text)
            elif reference is not None and rules.is_foreign(reference.name):
                foreign.add(image.text)
            elif not rules.leaves(value):
                refused.append(f"{_label(value)}: {dotted_path(image.steps)}: {str(image.text)[:200]}")
        if not rules.leaves(value):
            refused += [f"{_label(value)}: {dotted_path(steps)} cannot be pinned" for steps in unpinnable(value, rules)]
    if refused:
        more = f" (and {len(refused) - _MOST_REFUSED} more)" if len(refused) > _MOST_REFUSED else ""
        raise NotPinned(
            f"the project {application.project} does not allow {'; '.join(refused[:_MOST_REFUSED])}{more}: expected "
            f"images of its repositories by digest in {login_server}, or of its foreign_images by digest"
        )
    return PinnedImages(ours=tuple(sorted(ours)), foreign=tuple(sorted(foreign)))


def not_pinned(value: Mapping[str, Any], rules: ImageRules) -> Iterator[str]:
    """A note for the voters about each image of an object whose kind the project leaves unpinned."""
    if not rules.leaves(value):
        return
    allowed = f"as the project allows for {kind_with_group(value)}: what runs may change after the vote"
    for image in image_places(value, rules):
        if digest_reference(image.text) is None:
            yield f"{dotted_path(image.steps)}: {str(image.text)[:200]} is not pinned by digest, {allowed}"
    for steps in unpinnable(value, rules):
        yield f"{dotted_path(steps)} may name an image, which is not pinned, {allowed}"


def _label(value: Mapping[str, Any]) -> str:
    return f"{value.get('kind')}/{value['metadata']['name']}"
