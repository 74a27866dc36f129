"""The guards that `--open` can leave out, each by its place in the app, and the app without one of them.

Nothing in `slipway/` or `functions/` can do this: no setting, no argument, no environment variable. An app without a
guard is a folder of its own, whose `function_app.py` replaces a function of the product before it builds the app.
"""

import importlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from local.process import ROOT
from slipway.domain.rules import Rule
from slipway.domain.runs import Fact, Trust
from slipway.effects.cluster.kinds import ManifestTarget
from slipway.effects.cluster.objects import built_in
from slipway.effects.cluster.records import JobState
from slipway.effects.cluster.rollout import look_at_rollout
from slipway.inbound.proving import ProvedRun

STARTED_AS = """\
import sys

sys.path.insert(1, {root!r})
from local.demo.guards import GUARDS, app_without

app = app_without(GUARDS[{guard!r}])
"""


@dataclass(frozen=True)
class ProductFunction:
    """A function of the product, by its module and its name there."""

    module: str
    name: str

    def replace(self, made: Callable[[Any], Any]) -> None:
        """Replace the function by another one, made from it. Raises `AttributeError` if there is none."""
        *outer, name = self.name.split(".")
        holder = importlib.import_module(self.module)
        for part in outer:
            holder = getattr(holder, part)
        setattr(holder, name, made(getattr(holder, name)))


class Guard(StrEnum):
    """The guards between an attack and a cluster."""

    place: ProductFunction
    finding: str

    def __new__(cls, name: str, finding: str, module: str, function: str) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.finding, member.place = finding, ProductFunction(module, function)
        return member

    OUR_JOB = "our-job", "S-01", "slipway.effects.cluster.jobs", "state"
    """Only the very Job that was created decides the acceptance tests."""
    PROVED_RUN = "proved-run", "S-02", "slipway.engine.proving_runs", "prove"
    """A message's claims about a run are checked with Azure DevOps."""
    OWN_WORK = "own-work", "S-03", "slipway.domain.decide.quorum", "_not_involved_rule"
    """Nobody approves their own change."""
    PINNED_IMAGES = "pinned-images", "S-04", "slipway.domain.images", "ImageRules.leaves"
    """Every image that would run is named by digest."""
    GATE_ON_RECORD = "gate-on-record", "S-05", "slipway.engine.on_record", "OnRecord.begin"
    """The gate is derived again from signed records before anything is copied or rolled out."""


GUARDS = {str(guard): guard for guard in Guard}


def _accept_any_job(_: Any) -> Any:
    def state(objects: Any, started: Any, manifest: Any, namespace: str, _: Any = ()) -> JobState:  # noqa: ARG001 - the signature of the real one
        job = ManifestTarget(manifest={}, kind=built_in("batch/v1", "Job"), name=started.name, namespace=namespace)
        verdict = look_at_rollout(objects, job)
        return JobState(state=verdict.state, reason=verdict.reason)

    return state


def _accept_any_run(real: Any) -> Any:
    def prove(source: Any, told: Any, *, live: Any, now: Any) -> Any:
        if told.digest is None:
            return real(source, told, live=live, now=now)  # a hook names no image, so there is nothing to believe
        fact = Fact(trust=Trust.PROVED, why="nobody was asked: the guard proved-run is open")
        return ProvedRun(run=told.claims.evolve(proof=fact, built=fact, behind=fact), document=None)

    return prove


def _accept_own_work(_: Any) -> Any:
    def differs(rule: Rule, *_: Any) -> Any:
        return rule.holds("nobody looked: the guard own-work is open")

    return differs


def _accept_any_image(_: Any) -> Any:
    def leaves(self: Any, value: Any) -> bool:  # noqa: ARG001 - the signature of the real one
        return True  # as if the project left every kind unpinned

    return leaves


def _accept_any_row(_: Any) -> Any:
    # Such a row is detected once more: when a step reports, it is compared with the signed end of the trail.
    ProductFunction("slipway.domain.decide.chain", "is_as_signed").replace(lambda _: lambda *_: True)

    def begin(self: Any, step: Any, environment: Any) -> Callable[[Any], tuple[()]]:  # noqa: ARG001 - the signature of the real one
        return lambda _: ()

    return begin


OPEN: dict[Guard, Callable[[Any], Any]] = {
    Guard.OUR_JOB: _accept_any_job,
    Guard.PROVED_RUN: _accept_any_run,
    Guard.OWN_WORK: _accept_own_work,
    Guard.PINNED_IMAGES: _accept_any_image,
    Guard.GATE_ON_RECORD: _accept_any_row,
}
"""Makes the function that replaces a guard while it is open, from the guard's own function."""


def app_without(guard: Guard) -> Any:
    """The function app with one guard left out. Only for a worker's process, in which the guard then stays open."""
    guard.place.replace(OPEN[guard])
    return the_app()


def the_app() -> Any:
    """The product's function app, as it is now in this process."""
    spec = importlib.util.spec_from_file_location("the_function_app", ROOT / "function_app.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no function_app.py in {ROOT}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@contextmanager
def folder_without(guard: Guard | None) -> Iterator[Path]:
    """The folder of the app to start: the sources as they are, or an app without the guard."""
    if guard is None:
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="slipway-open-") as name:
        folder = Path(name)
        shutil.copyfile(ROOT / "host.json", folder / "host.json")
        text = STARTED_AS.format(root=str(ROOT), guard=str(guard))
        (folder / "function_app.py").write_text(text, encoding="utf-8")
        yield folder
