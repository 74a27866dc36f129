"""Documents in files as they are sent to an installation, and the installation's problems at the lines of the files.

Each document is judged by itself: one with a problem is not sent, and does not hold up the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slipway.api.catalogue import Changes, ChangeShown, ProblemShown
from slipway.catalogue import CheckedDocuments, Problem, check_each
from slipway.manifests.problems import dotted_path, in_order

from .api import Api, read_answer
from .errors import CliError, ProblemsError
from .placing import placed
from .schemas import Schemas


@dataclass(frozen=True, kw_only=True)
class LocalDocuments:
    """The documents in the files, as far as they can be judged here."""

    path: Path
    checked: CheckedDocuments
    not_compared: tuple[str, ...]
    """Objects that Kubernetes' schemas do not cover."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems found here, with paths relative to the current folder."""
        return tuple(placed(self.checked.problems, self.path))

    def body(self, *, without: Changes | None = None) -> dict[str, Any]:
        """The documents without a problem, in the API's form; without those that the app refuses."""
        refused = {change.subject for change in without.changes if change.refused} if without else frozenset[str]()
        return {
            "documents": [
                {"kind": each.kind, "value": each.document.value, "files": dict(each.files.contents)}
                for each in self.checked.good
                if f"{each.kind}:{each.name}" not in refused
            ]
        }

    def placed(self, problem: ProblemShown) -> Problem:
        """A problem that the app found, at its line in the files."""
        document = next((e.document for e in self.checked.documents if f"{e.name}/{e.kind}.yaml" == problem.file), None)
        if document is None:
            return as_problem(problem)
        steps = next((steps for steps in document.positions if dotted_path(steps) == problem.field), ())
        position = document.position(steps)
        problem_in_file = replace(as_problem(problem), file=document.file, line=position.line, column=position.column)
        return next(placed([problem_in_file], self.path))


def read_local(path: Path, version: str) -> LocalDocuments:
    """It also compares manifests with Kubernetes' schemas."""
    schemas = Schemas()
    checked = _compared_with_schemas(check_each(path), schemas, version)
    return LocalDocuments(path=path, checked=checked, not_compared=schemas.not_compared)


def read_good(path: Path, version: str) -> LocalDocuments:
    """As `read_local`. Ends the command if every document has a problem."""
    local = read_local(path, version)
    if not local.checked.good:
        raise ProblemsError(local.problems)
    return local


def _compared_with_schemas(checked: CheckedDocuments, schemas: Schemas, version: str) -> CheckedDocuments:
    by_document = [(claim.document, list(schemas.of_environments(claim.rendered, version))) for claim in checked.claims]
    wrong = [document for document, problems in by_document if problems]
    return replace(
        checked,
        good=tuple(each for each in checked.good if not any(each.document is one for one in wrong)),
        problems=in_order((*checked.problems, *(problem for _, problems in by_document for problem in problems))),
    )


def compare(api: Api, local: LocalDocuments) -> Changes:
    """The changes that applying would make, and the app's problems with their lines."""
    changes = read_answer(Changes, post_documents(api, local, "difference", body=local.body()))
    return changes.model_copy(
        update={
            "changes": tuple(
                each.model_copy(update={"problems": _placed_problems(local, each)}) for each in changes.changes
            )
        }
    )


def _placed_problems(local: LocalDocuments, change: ChangeShown) -> tuple[ProblemShown, ...]:
    return tuple(ProblemShown.of(local.placed(each)) for each in change.problems)


def post_documents(api: Api, local: LocalDocuments, *below: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The app's answer. If every document is refused, its problems are shown at their lines in the files."""
    try:
        return api.post("catalogue", *below, body=body)
    except CliError as error:
        problems = error.problem.get("problems")
        if not isinstance(problems, list):
            raise
        shown = (local.placed(read_answer(ProblemShown, each)) for each in problems)
        raise ProblemsError(tuple(dict.fromkeys((*shown, *local.problems)))) from error


def as_problem(shown: ProblemShown) -> Problem:
    return Problem(**shown.model_dump())


def problems_in_app(api: Api, local: LocalDocuments) -> tuple[Problem, ...]:
    """The installation's problems with documents in which this check finds none."""
    try:
        return tuple(as_problem(each) for change in compare(api, local).changes for each in change.problems)
    except ProblemsError as error:
        return error.problems
