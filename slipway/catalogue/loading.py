"""Reads `deliveries/`: each folder is an application, and the problems of all of them are reported at once.

Loading checks everything that needs neither a cluster nor a registry: the file against the models, the tag rule, the
manifests as each environment will render them, and (`conflicts.py`) that no two lanes claim the same thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.domain.application import Application, Environment

from ..manifests.documents import Document, read_file
from ..manifests.objects import names_application
from ..manifests.problems import ConfigError, Findings, Problem, Steps, nearest, shown_path
from .conflicts import Claims, conflicts
from .delivery import DELIVERY_FILE, Deliveries, Delivery
from .manifests import read_manifests
from .rendering import BUILT_INS, render_documents, render_job
from .tags import fault_of
from .validation import validate
from .windows import window_faults

MAX_DELIVERIES = 500
_SAMPLE_IMAGE = "registry.invalid/{repository}@sha256:" + "0" * 64
_SAMPLE_VALUES = dict.fromkeys(BUILT_INS, "sample")


@dataclass(frozen=True, kw_only=True)
class Known:
    """The names that the installation's settings define."""

    registries: frozenset[str]
    clusters: frozenset[str]
    channels: frozenset[str]


def load_deliveries(folder: Path, *, known: Known | None = None) -> Deliveries:
    """All applications in the folder, by name. Raises a ConfigError with the problems of all of them.

    With `known`, the names of registries, clusters and channels are checked against the installation's.
    """
    if not folder.is_dir():
        raise ConfigError([Problem(file=folder.name, message="there is no such folder")])
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
    if len(folders) > MAX_DELIVERIES:
        expected = f"at most {MAX_DELIVERIES} applications"
        raise ConfigError([Problem(file=folder.name, expected=expected, got=str(len(folders)))])
    return _load_all(folders, known)


def load_delivery(path: Path, *, known: Known | None = None) -> Delivery:
    """One application, from its folder or its delivery.yaml. Raises ConfigError."""
    folder = path.parent if path.name == DELIVERY_FILE else path
    (delivery,) = _load_all([folder], known).values()
    return delivery


def _load_all(folders: list[Path], known: Known | None) -> Deliveries:
    findings = Findings()
    claims: list[Claims] = []
    for folder in folders:
        with findings.collecting():
            claims.append(_load(folder, known, findings))
    findings.extend(conflicts(claims))
    findings.raise_any()
    return {claim.delivery.application.application: claim.delivery for claim in claims}


def _load(folder: Path, known: Known | None, findings: Findings) -> Claims:
    """Read one folder. Raises ConfigError if delivery.yaml is invalid; other problems are added to the findings."""
    document = _read_delivery(folder)
    application = validate(document)
    delivery = Delivery(application=application, folder=folder)
    findings.extend(_own_problems(document, delivery))
    if known:
        findings.extend(_unknown_names(document, application, known))
    objects = {}
    for index, environment in enumerate(application.environments):
        loader = _EnvironmentLoader(document, delivery, environment, ("environments", index))
        with findings.collecting():
            objects[environment.name] = loader.objects()
        with findings.collecting():
            loader.check_job()
        findings.extend(loader.trust_problems())
        findings.extend(loader.window_problems())
    return Claims(delivery=delivery, document=document, objects=objects)


def _read_delivery(folder: Path) -> Document:
    name = shown_path(folder / DELIVERY_FILE, root=folder.parent)
    documents = read_file(folder / DELIVERY_FILE, name=name)
    if len(documents) != 1:
        raise ConfigError([Problem(file=name, expected="one YAML document", got=f"{len(documents)} documents")])
    return documents[0]


def _own_problems(document: Document, delivery: Delivery) -> Iterator[Problem]:
    """The problems that the models cannot detect."""
    application = delivery.application
    if application.application != delivery.folder.name:
        expected = f"the folder's name, {delivery.folder.name!r}"
        yield document.problem(("application",), expected=expected, got=repr(application.application))
    if fault := fault_of(application.image.tags):
        field, reason = fault
        yield document.problem(("image", "tags", field), reason)
    for index, environment in enumerate(application.environments):
        for name in environment.substitutions:
            if name.startswith("SLIPWAY_"):
                steps = ("environments", index, "substitutions", name)
                yield document.problem(steps, "names that begin with SLIPWAY_ are Slipway's own")


def _unknown_names(document: Document, application: Application, known: Known) -> Iterator[Problem]:
    def check(steps: Steps, name: str | None, kind: str, names: frozenset[str]) -> Iterator[Problem]:
        if name is not None and name not in names:
            yield document.problem(
                steps, nearest(name, names), expected=f"a {kind} of this installation", got=repr(name)
            )

    yield from check(("image", "registry"), application.image.registry, "registry", known.registries)
    for index, channel in enumerate(application.notify):
        yield from check(("notify", index), channel, "channel", known.channels)
    for index, environment in enumerate(application.environments):
        at: Steps = ("environments", index)
        yield from check((*at, "cluster"), environment.cluster, "cluster", known.clusters)
        yield from check((*at, "registry"), environment.registry, "registry", known.registries)


class _EnvironmentLoader:
    """Checks the files that one environment names. Problems with the names point to their line in delivery.yaml."""

    def __init__(self, document: Document, delivery: Delivery, environment: Environment, at: Steps) -> None:
        self._document = document
        self._delivery = delivery
        self._environment = environment
        self._at = at
        repository = delivery.application.image.repository
        self._sample: dict[str, Any] = {
            "image": _SAMPLE_IMAGE.format(repository=repository),
            "values": _SAMPLE_VALUES,
        }

    def objects(self) -> tuple[dict[str, Any], ...]:
        """The objects that the environment would apply. Raises ConfigError with all problems."""
        steps = (*self._at, "manifests")
        folder = self._inside(self._environment.manifests, steps)
        if not folder.is_dir():
            raise self._error(steps, expected="a folder of manifests", got=f"{self._delivery.shown(folder)}: not there")
        documents = read_manifests(self._delivery, self._environment)
        objects = render_documents(documents, self._delivery, self._environment, **self._sample)
        repository = self._delivery.application.image.repository
        if not any(names_application(value, repository) for value in objects):
            raise self._error(steps, expected=f"a container with image {repository}", got="none in these manifests")
        return objects

    def check_job(self) -> None:
        if self._environment.verify.job is None:
            return
        steps = (*self._at, "verify", "job")
        path = self._inside(self._environment.verify.job, steps)
        if not path.is_file():
            raise self._error(steps, expected="a file with a Job", got=f"{self._delivery.shown(path)}: not there")
        if path.parent.resolve() == (self._delivery.folder / self._environment.manifests).resolve():
            raise self._error(steps, "it would be deployed with the manifests; put it into a folder of its own")
        render_job(self._delivery, self._environment, **self._sample, name="sample")

    def trust_problems(self) -> Iterator[Problem]:
        """Problems with the keys and certificates that the requirements name."""
        required = self._environment.require
        if not any(required.files()):
            return
        from .trust import trust_faults  # noqa: PLC0415 - cryptography is slow to import and rarely needed

        for fault in trust_faults(self._delivery, required):
            steps = (*self._at, "require", *fault.field)
            yield self._document.problem(steps, expected=fault.expected, got=fault.got)

    def window_problems(self) -> Iterator[Problem]:
        """Problems with the time windows: rules, time zone, holidays."""
        if self._environment.windows.given:
            for fault in window_faults(self._delivery, self._environment.windows):
                steps = (*self._at, "windows", *fault.field)
                yield self._document.problem(steps, expected=fault.expected, got=fault.got)

    def _inside(self, relative: str, steps: Steps) -> Path:
        path = self._delivery.inside(relative)
        if path is None:
            raise self._error(steps, expected="a path inside the application's folder", got=repr(relative))
        return path

    def _error(self, steps: Steps, message: str = "", *, expected: str = "", got: str = "") -> ConfigError:
        return ConfigError([self._document.problem(steps, message, expected=expected, got=got)])
