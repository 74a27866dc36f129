"""What others have added to a pod template: containers and variables that are not in the manifest.

An apply leaves them in place. One that the project does not allow fails the rollout (`running`), so the plan reports it
before people vote. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.images import InjectedContainer
from ...domain.model import Record
from ...manifests.images import pod_spec
from .as_planned import added_containers, difference_from_template, is_injected
from .hands import Owners, owners_of
from .records import Manifest

_SHOWN = 10


class ObjectNotes(Record):
    """The additions to one object, as texts for the plan."""

    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def notes_on_additions(
    manifest: Manifest, after: Mapping[str, Any], answer: Mapping[str, Any], injected: Sequence[InjectedContainer]
) -> ObjectNotes:
    """`after` is the object after an apply; `answer` is that of a dry run, with the managers of its fields."""
    planned, live_pod, owners = pod_spec(manifest), pod_spec(after), owners_of(answer)
    warnings, notes = list[str](), list[str]()
    for name, image in added_containers(planned, live_pod):
        text = f"container {name} ({image}) is not in the manifest; {_who_set_container(owners, name)}"
        if is_injected(name, image, injected):
            notes.append(f"{text}, as the project allows")
        else:
            warnings.append(
                f"{text}. An apply leaves it in place, nobody votes on it, and the rollout fails as long as it is "
                "there: remove it, or have the project list it under injected"
            )
    injected_containers = [
        InjectedContainer(container=name, image=image or "*") for name, image in added_containers(planned, live_pod)
    ]
    if planned and (why := difference_from_template(planned, live_pod, injected_containers, more_variables=True)):
        warnings.append(f"{why}. An apply leaves that in place, and the rollout fails as long as it is there")
    return ObjectNotes(warnings=tuple(warnings[:_SHOWN]), notes=tuple(notes[:_SHOWN]))


def _who_set_container(owners: Owners, container: str) -> str:
    """The managers that put the container there, by the keys of its fields."""
    key = f'k:{{"name":"{container}"}}'
    managers_of_key = {manager for path, managers in owners.items() if key in path for manager in managers}
    return f"{', '.join(sorted(managers_of_key))} set it" if managers_of_key else "the cluster adds it"
