"""From manifests in a folder to exactly what a rollout applies: names replaced, the image by digest, labels, namespace.

Rendering is deterministic: the same files, environment, image and values give the same objects in the same order, so a
plan's hash can stand for them. Reading (`manifests.py`) and rendering are separate; rendering one parsed document is a
pure function.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from slipway.domain.around import Side
from slipway.domain.environment import Environment

from ..manifests.around import acceptance_job, check_job_around, job_around
from ..manifests.documents import Document
from ..manifests.images import BY_DIGEST
from ..manifests.objects import CLUSTER_SCOPED, check_job, check_object, without_server_fields
from ..manifests.problems import Findings, short_value
from ..manifests.together import together_problems
from ..manifests.validity import validity_problems
from .definition import Definition
from .manifests import read_job, read_job_file, read_manifests
from .pinning import pin
from .substitution import substitute

BUILT_INS = ("SLIPWAY_APPLICATION", "SLIPWAY_ENVIRONMENT", "SLIPWAY_RELEASE", "SLIPWAY_VERSION")
"""The names that every manifest may use: application, environment, release id, and the tag that was pushed."""

_WITHOUT_WHICH_NONE = frozenset(
    {"", "apiVersion", "kind", "metadata", "metadata.name", "metadata.labels", "metadata.annotations"}
)
"""Fields of an object without which nothing else can be judged. The empty name stands for the whole object."""

type Hosts = frozenset[str] | None
"""The hosts of the application's registries; None if they are not known."""

MANAGED_BY = "app.kubernetes.io/managed-by"
APPLICATION_LABEL = "slipway.dev/application"
ENVIRONMENT_LABEL = "slipway.dev/environment"
RELEASE_ANNOTATION = "slipway.dev/release"


def render_objects(
    definition: Definition, environment: Environment, *, image: str, values: Mapping[str, str], hosts: Hosts = None
) -> tuple[dict[str, Any], ...]:
    """The objects of the environment, in the order of files and documents.

    `image` is `login_server/repository@sha256:…`; `values` has exactly the names in `BUILT_INS`. Raises ConfigError if
    a file is wrong.
    """
    documents = read_manifests(definition, environment)
    return render_documents(documents, definition, environment, image=image, values=values, hosts=hosts)


def render_job(
    definition: Definition,
    environment: Environment,
    *,
    image: str,
    values: Mapping[str, str],
    name: str,
    hosts: Hosts = None,
) -> dict[str, Any]:
    """The environment's acceptance Job under a name of its own: a Job cannot be changed, so each run is a new one.

    Unless the manifest says otherwise, it runs once, ends with the verification's time, and is removed after a day.
    """
    document = read_job(definition, environment)
    (job,) = render_documents(
        [document], definition, environment, image=image, values=values, hosts=hosts, renamed=True
    )
    findings = Findings()
    findings.extend(check_job(document, job))
    findings.raise_any()
    return acceptance_job(job, within=environment.verification.within, name=name)


def render_jobs_around(
    definition: Definition,
    environment: Environment,
    side: Side,
    *,
    image: str,
    values: Mapping[str, str],
    hosts: Hosts = None,
) -> tuple[dict[str, Any], ...]:
    """The Jobs on one side of a rollout, in order, as a plan has them. Raises ConfigError."""
    documents = [read_job_file(definition, path) for path in environment.jobs(side)]
    jobs = render_documents(documents, definition, environment, image=image, values=values, hosts=hosts, renamed=True)
    findings = Findings()
    for document, job in zip(documents, jobs, strict=True):
        findings.extend(check_job_around(document, job))
    findings.raise_any()
    release = values["SLIPWAY_RELEASE"]
    return tuple(job_around(job, side=side, release=release, environment=environment.name) for job in jobs)


def render_documents(
    documents: Iterable[Document],
    definition: Definition,
    environment: Environment,
    *,
    image: str,
    values: Mapping[str, str],
    hosts: Hosts = None,
    renamed: bool = False,
) -> tuple[dict[str, Any], ...]:
    """Like `render_objects`, from documents that were read before."""
    _check_arguments(image, values)
    findings = Findings()
    rendered: list[dict[str, Any]] = []
    for document in documents:
        value, own = render_document(
            document, definition, environment, image=image, values=values, hosts=hosts, renamed=renamed
        )
        findings.extend(own.problems)
        rendered += [value] if value is not None else []
    findings.raise_any()
    return tuple(rendered)


def _check_arguments(image: str, values: Mapping[str, str]) -> None:
    if not BY_DIGEST.fullmatch(image):
        raise ValueError(f"image: expected login_server/repository@sha256:<64 hex>, got {short_value(image)}")
    if set(values) != set(BUILT_INS):
        raise ValueError(f"values: expected exactly {', '.join(BUILT_INS)}, got {', '.join(sorted(values)) or 'none'}")


def render_document(
    document: Document,
    definition: Definition,
    environment: Environment,
    *,
    image: str,
    values: Mapping[str, str],
    hosts: Hosts = None,
    pins: bool = True,
    renamed: bool = False,
) -> tuple[dict[str, Any] | None, Findings]:
    """The object of one document and its problems; None if it is too wrong to be an object.

    `renamed` is for a Job that gets its own name wherever it runs. Without `pins` its images are not checked: for a
    check that does not know the application's own image.
    """
    value, findings = None, Findings()
    findings.extend(document.problems)
    with findings.collecting():
        names = Findings()
        value = substitute(document, names, built_ins=values, own=environment.substitutions)
        findings.extend_elsewhere(names.problems)
        findings.extend_elsewhere(check_object(document, value, namespace=environment.namespace))
        if isinstance(value, dict):
            findings.extend_elsewhere(validity_problems(document, value, renamed=renamed))
            findings.extend_elsewhere(together_problems(document, value))
    if any(problem.field in _WITHOUT_WHICH_NONE for problem in findings.problems):
        return None, findings
    pinned = pins and pin(document, findings, value, definition.application, image=image, hosts=hosts)
    if value["kind"] not in CLUSTER_SCOPED:
        value["metadata"]["namespace"] = environment.namespace
    release = values["SLIPWAY_RELEASE"] if pinned else None
    application = definition.application.application
    return labelled_object(value, application=application, environment=environment.name, release=release), findings


def labelled_object(
    value: dict[str, Any], *, application: str, environment: str, release: str | None
) -> dict[str, Any]:
    """The object as applied: with Slipway's labels, with the release if it runs the release's image, and without fields
    that only a server sets.

    The labels go only on the object, never on a pod template, where they would restart unchanged pods. Objects without
    the image do not get the release, so that a plan's diff shows them only when they change otherwise.
    """
    value = without_server_fields(value)
    metadata = dict(value["metadata"])
    ours = {MANAGED_BY: "slipway", APPLICATION_LABEL: application, ENVIRONMENT_LABEL: environment}
    metadata["labels"] = {**(metadata.get("labels") or {}), **ours}
    if release is not None:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), RELEASE_ANNOTATION: release}
    return {**value, "metadata": metadata}
