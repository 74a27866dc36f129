"""Checks what one environment of an application names: manifests as they will be rendered, Jobs, trust, windows."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

from slipway.domain.application import Application, SourceKind
from slipway.domain.around import Side
from slipway.domain.environment import Environment

from ..manifests.documents import Document
from ..manifests.limits import limit_problems
from ..manifests.problems import ConfigError, Findings, Problem, Steps
from ..manifests.references import names_application
from ..manifests.workloads import workload_problems
from .conflicts import Rendered
from .definition import Definition
from .files import inside
from .manifests import SUFFIXES, read_job, read_job_file, read_manifests
from .rendering import BUILT_INS, render_documents, render_job, render_jobs_around
from .windows import window_faults

_SAMPLE_IMAGE = "registry.invalid/{repository}@sha256:" + "0" * 64
_SAMPLE_VALUES = dict.fromkeys(BUILT_INS, "sample")
_OTHER_TOOLS = {
    "kustomization.yaml": "Kustomize",
    "kustomization.yml": "Kustomize",
    "Chart.yaml": "Helm",
    "values.yaml": "Helm",
}
_HELM = re.compile(r"\{\{-?\s*\.(?:Release|Values|Chart)\b")


def _tool_of(path: str, text: str) -> tuple[str, int] | None:
    """The tool whose file this is, by its name or by what only a template of Helm says, and the line that says so."""
    if tool := _OTHER_TOOLS.get(posixpath.basename(path)):
        return tool, 1
    match = _HELM.search(text)
    return ("Helm", text.count("\n", 0, match.start()) + 1) if match else None


class EnvironmentCheck:
    """Checks the files that one environment names. Problems with the names point to their line in the document."""

    def __init__(
        self, document: Document, definition: Definition, environment: Environment, at: Steps, *, within: bool
    ) -> None:
        """`within` says whether the definition is inside its own project, whose limits are looked at."""
        self._document, self._at, self._within = document, at, within
        self._definition, self._environment = definition, environment
        application: Application = definition.application
        self._repository, self._rules = application.pushed.repository, application.image_rules
        self._sample: dict[str, Any] = {
            "image": _SAMPLE_IMAGE.format(repository=self._repository),
            "values": _SAMPLE_VALUES,
        }

    def objects(self) -> tuple[Rendered, ...]:
        """The objects that the environment would apply. Raises ConfigError with all problems."""
        steps, folder, files = (*self._at, "manifests"), self._environment.manifests, self._definition.files
        listed = files.below(folder)
        if not listed:
            raise self._error(
                steps, expected="a folder of manifests", got=f"{files.shown(folder)}: not there, or empty"
            )
        self._refuse_what_is_not_read(listed)
        documents = read_manifests(self._definition, self._environment)
        objects = render_documents(documents, self._definition, self._environment, **self._sample)
        findings, rendered = Findings(), tuple(map(self._rendered, documents, objects))
        for each in rendered:
            findings.extend(self._object_problems(each.document, each.value))
        findings.raise_any()
        if not any(names_application(value, self._repository, self._rules) for value in objects):
            raise self._error(
                steps, expected=f"a container with image {self._repository}", got="none in these manifests"
            )
        return rendered

    def _object_problems(self, document: Document, value: dict[str, Any]) -> tuple[Problem, ...]:
        own = tuple(workload_problems(document, value))
        if not self._within or any(problem.field == "kind" for problem in own):
            return own
        return (*own, *limit_problems(document, value, self._definition.application.kinds))

    def _rendered(self, document: Document, value: dict[str, Any], *, deployed: bool = True) -> Rendered:
        return Rendered(environment=self._environment.name, document=document, value=value, deployed=deployed)

    def _refuse_what_is_not_read(self, listed: Iterable[str]) -> None:
        """A file that would be passed over in silence is one that its author believes to be applied."""
        findings, folder, files = Findings(), inside(self._environment.manifests), self._definition.files
        for path in listed:
            expected, advice, line = "", "", 1
            if hint := _tool_of(path, files.text(path) or ""):
                tool, line = hint
                expected = "Kubernetes objects"
                advice = f"{tool} is run where CI builds a bundle: say source: bundle"
            elif posixpath.dirname(path) != folder:
                expected = f"manifests directly in {folder}/"
            elif posixpath.splitext(path)[1] not in SUFFIXES:
                expected = "files that end in .yaml or .yml"
            if expected:
                got = posixpath.relpath(path, str(folder))
                findings.add(Problem(file=files.shown(path), line=line, expected=expected, got=got, message=advice))
        findings.raise_any()

    def job(self) -> Iterator[Rendered]:
        """The acceptance Job, if there is one."""
        job = self._environment.verification.job
        if job is None:
            return
        self._refuse_misplaced(job, (*self._at, "verification", "job"))
        value = render_job(self._definition, self._environment, **self._sample, name="sample")
        yield self._job(read_job(self._definition, self._environment), value)

    def jobs_around(self) -> Iterator[Rendered]:
        """The Jobs before and after a rollout."""
        for side in Side:
            paths = self._environment.jobs(side)
            for number, path in enumerate(paths):
                self._refuse_misplaced(path, (*self._at, str(side), number))
            jobs = render_jobs_around(self._definition, self._environment, side, **self._sample)
            for path, value in zip(paths, jobs, strict=True):
                yield self._job(read_job_file(self._definition, path), value)

    def _job(self, document: Document, value: dict[str, Any]) -> Rendered:
        if problems := self._object_problems(document, value):
            raise ConfigError(problems)
        return self._rendered(document, value, deployed=False)

    def _refuse_misplaced(self, path: str, steps: Steps) -> None:
        """Refuse a Job's file that is not there, or that would be applied as a manifest."""
        files = self._definition.files
        if files.text(path) is None:
            raise self._error(steps, expected="a file with a Job", got=f"{files.shown(path)}: not there")
        if inside(posixpath.dirname(path) or ".") == inside(self._environment.manifests):
            raise self._error(steps, "it would be deployed with the manifests; put it into a folder of its own")

    def trust_problems(self) -> Iterator[Problem]:
        """Problems with the keys and certificates that the requirements name, and rules for images that never come."""
        required = self._environment.require
        if required.each and self._definition.application.source is SourceKind.IMAGE:
            steps = (*self._at, "require", "each")
            yield self._document.problem(steps, "there is only one image; write its rules without each")
        if not any(required.files()):
            return
        from .trust import trust_faults  # noqa: PLC0415 - cryptography is slow to import and rarely needed

        for fault in trust_faults(self._definition.files, required):
            steps = (*self._at, "require", *fault.field)
            yield self._document.problem(steps, expected=fault.expected, got=fault.got)

    def window_problems(self) -> Iterator[Problem]:
        """Problems with the time windows: rules, time zone, holidays."""
        if self._environment.windows.given:
            for fault in window_faults(self._definition.files, self._environment.windows):
                steps = (*self._at, "windows", *fault.field)
                yield self._document.problem(steps, expected=fault.expected, got=fault.got)

    def _error(self, steps: Steps, message: str = "", *, expected: str = "", got: str = "") -> ConfigError:
        return ConfigError([self._document.problem(steps, message, expected=expected, got=got)])
