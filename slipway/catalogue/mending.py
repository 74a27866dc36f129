"""Makes a faulty document usable: removes each faulty part, or puts a stand-in there.

Rules that depend on a replaced value must not judge the stand-in; `unknown` says which values were replaced.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from slipway.domain.model import sha256

from ..manifests.documents import Document
from ..manifests.problems import Problem, Steps, dotted_path

_OF_ENVIRONMENT: Final = 2
"""Number of steps to an environment. An environment keeps its index, so it is emptied and not removed."""


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A problem, and the steps to the value that is wrong."""

    steps: Steps
    problem: Problem
    is_extra: bool = False
    """There is no field of this name, so nothing depends on it."""
    meant: str | None = None
    """For a field that does not exist: the field beside it that was probably meant."""
    of_several: Steps | None = None
    """The steps to the value whose fields do not go together; None if a value is wrong by itself."""


class Mending:
    """The value of a document, and which parts of it were replaced."""

    def __init__(self, document: Document) -> None:
        self.value = copy.deepcopy(document.value)
        self.unknown: dict[str, Problem] = {problem.field: problem for problem in document.problems}
        self._file = document.file
        self._replaced = set[Steps]()
        self._tried: dict[Steps, int] = {}

    def is_about_stand_in(self, wrong: Misfit) -> bool:
        """Whether the problem is about a stand-in."""
        return any(_leads_to_other(replaced, wrong.steps) for replaced in self._replaced)

    def why_unsure(self, wrong: Misfit) -> Problem | None:
        """The problem because of which it is not known whether fields go together."""
        unknown = (each for each in self._replaced if wrong.of_several is not None and each[:-1] == wrong.of_several)
        return next((self.unknown[dotted_path(each)] for each in unknown), None)

    def mend(self, wrong: Iterable[Misfit]) -> bool:
        """Replace the wrong parts. Returns whether that was possible for all of them."""
        just_now = set[Steps]()
        return False not in [self._replace(each, just_now) for each in wrong]

    def _replace(self, wrong: Misfit, just_now: set[Steps]) -> bool:
        if wrong.meant is not None:
            self._note((*wrong.steps[:-1], wrong.meant), wrong.problem)
        steps = wrong.steps
        while steps:
            if isinstance(steps[-1], int) and (steps[0], len(steps)) != ("environments", _OF_ENVIRONMENT):
                steps = steps[:-1]  # if an item is removed, the items after it would be mistaken for others
                continue
            holder = self._value_at(steps[:-1])
            if steps in just_now or not isinstance(holder, dict | list):
                return True  # it was replaced together with the value that contains it
            just_now.add(steps)
            if not wrong.is_extra:
                self._note(steps, wrong.problem)
            if self._next_try(holder, steps):
                return True
            steps = steps[:-1]
        return False

    def _next_try(self, holder: Any, steps: Steps) -> bool:
        """Put the next stand-in there: nothing, a text, a list of one. Returns whether there was another one to try."""
        key, tried = steps[-1], self._tried.get(steps, 0)
        stand_in = f"unknown-{sha256(str((self._file, steps)).encode())[-8:]}"
        if isinstance(key, int):
            others: list[Any] = [{}]
        else:
            others = [None, stand_in, [stand_in]][0 if key in holder or tried else 1 :]
        if tried == len(others):
            return False
        self._tried[steps] = tried + 1
        if others[tried] is None:
            del holder[key]
        else:
            holder[key] = others[tried]
        return True

    def _note(self, steps: Steps, problem: Problem) -> None:
        self._replaced.add(steps)
        self.unknown.setdefault(dotted_path(steps), problem)

    def _value_at(self, steps: Steps) -> Any:
        value = self.value
        for step in steps:
            is_there = (
                step in value if isinstance(value, dict) else isinstance(value, list) and step in range(len(value))
            )
            if not is_there:
                return None
            value = value[step]
        return value


def _leads_to_other(one: Steps, other: Steps) -> bool:
    """Whether one path leads to the other."""
    return one[: len(other)] == other[: len(one)]
