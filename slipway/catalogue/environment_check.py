"""Checks the files that one environment of an application names: manifests as they will be rendered, Jobs, trust,
windows."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from slipway.domain.application import Application, SourceKind
from slipway.domain.around import Side
from slipway.domain.environment import Environment

from ..manifests.around import check_job_around
from ..manifests.documents import Document
from ..manifests.limits import limit_problems
from ..manifests.objects import check_job
from ..manifests.problems import Findings, Problem, Steps
from ..manifests.references import names_application
from .conflicts import SampleObject
from .definition import Definition
from .files import path_inside
from .manifests import SUFFIXES, read_job_file, readable_manifests
from .rendering import BUILT_INS, render_document
from .windows import window_faults

type Checks = Callable[[Document, Any], Iterable[Problem]]
"""Further rules for an object in one place."""

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
    """The tool that this file belongs to, by its name or by words that only a Helm template has, and the line that
    shows it."""
    if tool := _OTHER_TOOLS.get(posixpath.basename(path)):
        return tool, 1
    match = _HELM.search(text)
    return ("Helm", text.count("\n", 0, match.start()) + 1) if match else None


class EnvironmentCheck:
    """Checks the files that one environment names. Problems with the names point to their line in the document.

    The problems are in `findings`, the objects to apply in `rendered`. A mistake hides only what depends on it.
    """

    def __init__(
        self,
        document: Document,
        definition: Definition,
        environment: Environment,
        at: Steps,
        *,
        within: bool,
        knows_image: bool,
    ) -> None:
        """`within` says whether the definition is inside its own project, so that its limits are checked;
        `knows_image`, whether the document says which image is the application's."""
        self._document, self._at, self._within = document, at, within
        self._definition, self._environment = definition, environment
        self.findings = Findings()
        self.rendered: list[SampleObject] = []
        application: Application = definition.application
        self._repository, self._rules = application.pushed.repository, application.image_rules
        self._sample: dict[str, Any] = {
            "image": _SAMPLE_IMAGE.format(repository=self._repository),
            "values": _SAMPLE_VALUES,
            "pins": knows_image,
        }

    def look_at_manifests(self) -> None:
        """The objects that the environment would apply."""
        steps, folder, files = (*self._at, "manifests"), self._environment.manifests, self._definition.files
        listed = files.below(folder)
        lost = [path for path in sorted(files.unread) if path.startswith(f"{path_inside(folder)}/")]
        if not listed and not lost:
            self._add_problem(
                steps, expected="a folder of manifests", got=f"{files.shown(folder)}: not there, or empty"
            )
            return
        passed_over = self._files_not_read(listed)
        documents = list[Document]()
        with self.findings.collecting():
            documents += readable_manifests(self._definition, self._environment, self.findings, without=passed_over)
        all_read = not lost and not self.findings.problems
        for document in documents:
            self._judge(document, deployed=True)
        self._look_for_image(steps, all_judged=all_read and len(self.rendered) == len(documents))

    def _look_for_image(self, steps: Steps, *, all_judged: bool) -> None:
        """Add a problem if no container runs the application's image, unless a misspelt name already explains that."""
        if not self._sample["pins"] or any(
            names_application(each.value, self._repository, self._rules) for each in self.rendered
        ):
            return
        image = f"a container with image {self._repository}"
        if not all_judged:
            self.findings.skip(f"whether there is {image}", because="not all of the manifests could be judged")
        elif not any(problem.field.endswith(".image") for problem in self.findings.problems):
            self._add_problem(steps, expected=image, got="none in these manifests")

    def _judge(self, document: Document, *, deployed: bool, as_job: Checks | None = None) -> None:
        """Everything about one object. If two readers have a problem with the same field, the first one's counts."""
        value, findings = render_document(
            document, self._definition, self._environment, renamed=not deployed, **self._sample
        )
        if value is None:
            findings.skip("the rest of the object", because="it does not say what it is", at=findings.problems[0])
        else:
            findings.extend_elsewhere(as_job(document, value) if as_job else ())
            findings.extend_elsewhere(self._object_problems(document, value))
            faulty = frozenset(problem.field for problem in findings.problems)
            self.rendered.append(
                SampleObject(
                    environment=self._environment.name,
                    document=document,
                    value=value,
                    deployed=deployed,
                    faulty=faulty,
                )
            )
        self.findings.take(findings)

    def _object_problems(self, document: Document, value: dict[str, Any]) -> tuple[Problem, ...]:
        if value["kind"] == "Namespace":
            message = "leave it out: a namespace is created, and Slipway given its rights there, when the team joins"
            expected, got = "objects inside the environment's namespace", "the Namespace itself"
            return (document.problem(("kind",), message, expected=expected, got=got),)
        return tuple(limit_problems(document, value, self._definition.application.kinds)) if self._within else ()

    def _files_not_read(self, listed: Iterable[str]) -> frozenset[str]:
        """The files that are not manifests. If a file were skipped silently, its author would believe that it is
        applied."""
        folder, files, passed_over = path_inside(self._environment.manifests), self._definition.files, set[str]()
        for path in listed:
            expected, advice, line = "", "", 1
            if hint := _tool_of(path, files.text(path) or ""):
                tool, line = hint
                self.findings.skip(
                    f"what else is in {posixpath.basename(path)}", because=f"{tool} makes manifests of it"
                )
                expected = "Kubernetes objects"
                advice = f"{tool} is run where CI builds a bundle: say source: bundle"
            elif posixpath.dirname(path) != folder:
                expected = f"manifests directly in {folder}/"
            elif posixpath.splitext(path)[1] not in SUFFIXES:
                expected = "files that end in .yaml or .yml"
            if expected:
                got = posixpath.relpath(path, str(folder))
                passed_over.add(path)
                self.findings.add(
                    Problem(file=files.shown(path), line=line, expected=expected, got=got, message=advice)
                )
        return frozenset(passed_over)

    def look_at_jobs(self) -> None:
        """The acceptance Job, if there is one, and the Jobs before and after a rollout."""
        if job := self._environment.verification.job:
            self._look_at_job(job, (*self._at, "verification", "job"), check_job)
        for side in Side:
            for number, path in enumerate(self._environment.jobs(side)):
                self._look_at_job(path, (*self._at, str(side), number), check_job_around)

    def _look_at_job(self, path: str, steps: Steps, as_job: Checks) -> None:
        files = self._definition.files
        if path_inside(path) in files.unread:
            return
        if files.text(path) is None:
            self._add_problem(steps, expected="a file with a Job", got=f"{files.shown(path)}: not there")
            return
        if path_inside(posixpath.dirname(path) or ".") == path_inside(self._environment.manifests):
            self._add_problem(steps, "it would be deployed with the manifests; put it into a folder of its own")
            return
        with self.findings.collecting():
            self._judge(read_job_file(self._definition, path), deployed=False, as_job=as_job)

    def trust_problems(self) -> Iterator[Problem]:
        """Problems with the keys and certificates that the requirements name, and with rules for images that never
        come."""
        required = self._environment.require
        if required.each and self._definition.application.source is SourceKind.IMAGE:
            steps = (*self._at, "require", "each")
            yield self._document.problem(steps, "there is only one image; write its rules without each")
        if not any(required.files()):
            return
        from .trust import trust_faults  # noqa: PLC0415 - cryptography is slow to import and rarely needed

        unread = {field for field, name in required.files() if path_inside(name) in self._definition.files.unread}
        for fault in trust_faults(self._definition.files, required):
            if fault.field in unread:
                continue
            steps = (*self._at, "require", *fault.field)
            yield self._document.problem(steps, expected=fault.expected, got=fault.got)

    def window_problems(self) -> Iterator[Problem]:
        """Problems with the time windows: rules, time zone, holidays."""
        windows, files = self._environment.windows, self._definition.files
        if windows.exists and (not windows.holidays_file or path_inside(windows.holidays_file) not in files.unread):
            for fault in window_faults(files, windows):
                steps = (*self._at, "windows", *fault.field)
                yield self._document.problem(steps, expected=fault.expected, got=fault.got)

    def _add_problem(self, steps: Steps, message: str = "", *, expected: str = "", got: str = "") -> None:
        self.findings.add(self._document.problem(steps, message, expected=expected, got=got))
