"""The Kubernetes manifests among an application's files: which files are read, and in which order."""

import posixpath
from collections.abc import Collection

from slipway.domain.environment import Environment

from ..manifests.documents import Document
from ..manifests.objects import MOST_OBJECTS
from ..manifests.problems import ConfigError, Findings, Problem
from .definition import Definition
from .files import path_inside

MAX_FILES = 100
SUFFIXES = frozenset({".yaml", ".yml"})


def read_manifests(definition: Definition, environment: Environment) -> tuple[Document, ...]:
    """All documents of the environment's manifests folder, ordered by file name and position in the file."""
    findings = Findings()
    documents = readable_manifests(definition, environment, findings)
    findings.raise_any()
    return documents


def readable_manifests(
    definition: Definition, environment: Environment, findings: Findings, *, without: Collection[str] = ()
) -> tuple[Document, ...]:
    """The manifests in the readable files; the problems of the others are added to the findings."""
    files, folder = definition.files, environment.manifests
    names = [
        path for path in files.below(folder) if posixpath.dirname(path) == path_inside(folder) and path not in without
    ]
    names = [path for path in names if posixpath.splitext(path)[1] in SUFFIXES]
    if len(names) > MAX_FILES:
        raise ConfigError(
            [Problem(file=files.shown(folder), expected=f"at most {MAX_FILES} files", got=str(len(names)))]
        )
    documents: list[Document] = []
    for path in names:
        try:
            documents.extend(files.read(path))
        except ConfigError as error:
            findings.extend(error.problems)
            findings.skip(
                f"the objects in {posixpath.basename(path)}", because="it cannot be read", at=error.problems[0]
            )
    if not documents and not findings.problems:
        findings.add(Problem(file=files.shown(folder), expected="a manifest in a .yaml file", got="none"))
    if len(documents) > MOST_OBJECTS:
        expected = f"at most {MOST_OBJECTS} objects"
        findings.add(Problem(file=files.shown(folder), expected=expected, got=str(len(documents))))
    return tuple(documents)


def read_job(definition: Definition, environment: Environment) -> Document:
    """The document of the environment's acceptance Job. Raises ConfigError unless the file has exactly one."""
    path = environment.verification.job
    if path is None:
        name = definition.application.application
        raise LookupError(f"environment {environment.name} of {name} has no verification.job")
    return read_job_file(definition, path)


def read_job_file(definition: Definition, path: str) -> Document:
    """The only document of a file, which has to be a Job. Raises ConfigError."""
    documents = definition.files.read(path)
    if len(documents) != 1:
        expected, got = "one manifest of kind Job", f"{len(documents)} manifests"
        raise ConfigError([Problem(file=definition.files.shown(path), expected=expected, got=got)])
    return documents[0]
