"""The Kubernetes manifests of an application's folder: which files are read, and in which order."""

from pathlib import Path

from slipway.domain.application import Environment

from ..manifests.documents import Document, read_file
from ..manifests.problems import ConfigError, Findings, Problem
from .delivery import DELIVERY_FILE, Delivery

MAX_FILES = 100
_SUFFIXES = {".yaml", ".yml"}


def read_manifests(delivery: Delivery, environment: Environment) -> tuple[Document, ...]:
    """All documents of the environment's manifests folder, ordered by file name and position in the file."""
    folder = _inside(delivery, environment.manifests)
    if not folder.is_dir():
        raise ConfigError([Problem(file=delivery.shown(folder), message="there is no such folder")])
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if len(files) > MAX_FILES:
        raise ConfigError(
            [Problem(file=delivery.shown(folder), expected=f"at most {MAX_FILES} files", got=str(len(files)))]
        )
    findings = Findings()
    documents: list[Document] = []
    for path in files:
        with findings.collecting():
            documents.extend(read_file(path, name=delivery.shown(path)))
    if not documents and not findings.problems:
        findings.add(Problem(file=delivery.shown(folder), expected="a manifest in a .yaml file", got="none"))
    findings.raise_any()
    return tuple(documents)


def read_job(delivery: Delivery, environment: Environment) -> Document:
    """The document of the environment's acceptance Job. Raises ConfigError unless the file has exactly one."""
    if environment.verify.job is None:
        raise LookupError(f"environment {environment.name} of {delivery.application.application} has no verify.job")
    path = _inside(delivery, environment.verify.job)
    documents = read_file(path, name=delivery.shown(path))
    if len(documents) != 1:
        expected, got = "one manifest of kind Job", f"{len(documents)} manifests"
        raise ConfigError([Problem(file=delivery.shown(path), expected=expected, got=got)])
    return documents[0]


def _inside(delivery: Delivery, relative: str) -> Path:
    path = delivery.inside(relative)
    if path is None:
        name = delivery.shown(delivery.folder / DELIVERY_FILE)
        message = f"{relative!r} leads out of the application's folder"
        raise ConfigError([Problem(file=name, message=message)])
    return path
