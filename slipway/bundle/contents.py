"""The content of a bundle's files, environment by environment, with all its problems.

The worker reads the bundles of other people's CI by these rules, and the command line checks its own by the same. Each
file is in a folder of the format, each object may be applied as it is, and each image is named by digest, in the
registry that the environment pulls from, as `bundle.json` lists it. No object is rewritten on the way to the cluster.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..domain.around import MOST_JOBS
from ..domain.images import ImageRules
from ..manifests.around import check_job_around
from ..manifests.documents import Document, read_text
from ..manifests.objects import CLUSTER_SCOPED, MOST_OBJECTS, check_job, check_object, identity
from ..manifests.problems import ConfigError, Findings, Problem, Steps, short_value
from ..manifests.references import ImagePosition, digest_reference, image_places, unpinnable_problems
from ..manifests.together import together_problems
from ..manifests.validity import validity_problems
from .archive import Files
from .model import CONFIG_FILE, BundleConfig, BundleEnvironment, folder_of

NOT_FOR_US = frozenset({"kustomization.yaml", "kustomization.yml", "chart.yaml", "values.yaml", "skaffold.yaml"})
"""Files that other tools would read as their own in a folder of manifests."""
MOST_VALUES = 300_000
"""The most values in all YAML of a bundle: they take some seconds to read, for which every reader would wait."""
_LARGEST_EXACT = 2**53 - 1
_FORMS = (2, 3)
"""Parts of a path below `environments/`: `<name>/<file>` or `<name>/<part>/<file>`."""


class ContentPart(StrEnum):
    """The purpose of a file of an environment."""

    MANIFESTS = ""
    """Applied by a rollout."""
    VERIFICATION = "verification"
    """Jobs that test the rollout afterwards."""
    BEFORE = "before"
    """Jobs that run before a rollout."""
    AFTER = "after"
    """Jobs that run after a rollout."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One object of an environment, with the file that it comes from."""

    file: str
    """Name of the file in its folder, such as `migrate.yaml`."""
    document: Document

    @property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = self.document.value
        return value


@dataclass(frozen=True, kw_only=True)
class EnvironmentContents:
    """The objects of one environment, by part, in the order of files and documents."""

    name: str
    parts: Mapping[ContentPart, tuple[Member, ...]] = field(default_factory=dict)

    def part(self, part: ContentPart) -> tuple[Member, ...]:
        return self.parts.get(part, ())

    @property
    def members(self) -> Iterator[Member]:
        for part in ContentPart:
            yield from self.part(part)


@dataclass(frozen=True, kw_only=True)
class BundlePath:
    """The place of a file in a bundle."""

    environment: str
    part: ContentPart
    file: str


def bundle_path(path: str) -> BundlePath | str:
    """The file's place, or the problem with its path."""
    root, *rest = path.split("/")
    if root != "environments" or len(rest) not in _FORMS:
        return "expected environments/<name>/<file>.yaml, or <file>.yaml in verification/, before/ or after/ below it"
    environment, *middle, file = rest
    if middle and middle[0] not in set(ContentPart):
        return f"expected one of the folders verification, before and after, got {middle[0]!r}"
    if not file.endswith(".yaml"):
        return f"expected a file that ends in .yaml, got {file!r}"
    if file.casefold() in NOT_FOR_US:
        return f"{file} belongs to another tool: render it, and put the result here"
    return BundlePath(
        environment=environment, part=ContentPart(middle[0]) if middle else ContentPart.MANIFESTS, file=file
    )


def read_environments(
    config: BundleConfig, files: Files, rules: ImageRules | None = None
) -> dict[str, EnvironmentContents]:
    """Every environment of the bundle, checked. `rules` are the project's, if it is known; by default those that the
    bundle was built with. Raises `ConfigError` with all problems.
    """
    image_rules = config.image_rules if rules is None else rules
    findings = Findings()
    grouped: dict[str, dict[ContentPart, list[Member]]] = {name: {} for name in config.environments}
    values = 0
    for path in sorted(files):
        file_place = bundle_path(path)
        if isinstance(file_place, str):
            findings.add(Problem(file=path, message=file_place))
            continue
        if file_place.environment not in grouped:
            expected, got = f"an environment of {CONFIG_FILE}", repr(file_place.environment)
            findings.add(Problem(file=path, expected=expected, got=got))
            continue
        with findings.collecting():
            documents = read_text(files[path], name=path)
            values += sum(len(document.positions) for document in documents)
            members = [Member(file=file_place.file, document=document) for document in documents]
            grouped[file_place.environment].setdefault(file_place.part, []).extend(members)
        if values > MOST_VALUES:
            expected = f"at most {MOST_VALUES} values in all files"
            raise ConfigError([Problem(file=path, expected=expected, got="more")])
    environments = {
        name: EnvironmentContents(name=name, parts={part: tuple(members) for part, members in parts.items()})
        for name, parts in grouped.items()
    }
    for name, environment in environments.items():
        findings.extend(_problems(config, config.environments[name], environment, image_rules))
    findings.raise_any()
    return environments


def _problems(
    config: BundleConfig, entry: BundleEnvironment, environment: EnvironmentContents, known: ImageRules
) -> Iterator[Problem]:
    if not environment.part(ContentPart.MANIFESTS):
        yield Problem(file=folder_of(environment.name), expected="a manifest in a .yaml file", got="none")
    if (count := len(environment.part(ContentPart.MANIFESTS))) > MOST_OBJECTS:
        yield Problem(file=folder_of(environment.name), expected=f"at most {MOST_OBJECTS} objects", got=str(count))
    for part in (ContentPart.BEFORE, ContentPart.AFTER):
        if (count := len(environment.part(part))) > MOST_JOBS:
            expected = f"at most {MOST_JOBS} Jobs"
            yield Problem(file=f"{folder_of(environment.name)}/{part}", expected=expected, got=str(count))
    names = {f"{entry.registry}/{image.repository}@{image.digest}": image.name for image in config.images}
    listed = {reference: name for reference, name in names.items() if name in entry.images}
    used: set[str] = set()
    sound: list[Member] = []
    for part, members in environment.parts.items():
        for member in members:
            problems = list(object_problems(member, part, namespace=entry.namespace, rules=known))
            problems.extend(() if problems else together_problems(member.document, member.document.value))
            yield from problems
            if not problems:
                yield from _image_problems(member, listed, used, known)
                sound.append(member)
    yield from _repeats(sound)
    for name in sorted(set(entry.images) - used):
        message = f"the image {name!r} is listed for the environment, and no manifest there runs it"
        yield Problem(file=CONFIG_FILE, field=f"environments.{environment.name}.images", message=message)


def object_problems(member: Member, part: ContentPart, *, namespace: str, rules: ImageRules) -> Iterator[Problem]:
    """The problems that keep an object out of a bundle, apart from problems with its images, and with fields that do
    not go together."""
    document, value = member.document, member.document.value
    yield from check_object(document, value, namespace=namespace)
    if not isinstance(value, dict):
        return
    yield from validity_problems(document, value, renamed=part is not ContentPart.MANIFESTS)
    if part is ContentPart.VERIFICATION:
        yield from check_job(document, value)
    elif part is not ContentPart.MANIFESTS:
        yield from check_job_around(document, value)
    if value.get("kind") == "Secret":
        for name in ("data", "stringData"):
            if value.get(name):
                message = "everybody who may pull a bundle can read it: let the cluster fetch the value from a vault"
                yield document.problem(
                    (name,), message, expected="a Secret without values", got=short_value(value[name])
                )
    for steps in _inexact(value, ()):
        expected = "a number that every reader reads exactly"
        yield document.problem(steps, "write it in quotes", expected=expected, got="a larger one")
    yield from unpinnable_problems(document, value, rules)


def _inexact(value: Any, steps: Steps) -> Iterator[Steps]:
    """The places of integers that readers of JSON would round: a plan's hash could not stand for them."""
    if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
        yield steps
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from _inexact(item, (*steps, key))


def _image_problems(member: Member, listed: Mapping[str, str], used: set[str], rules: ImageRules) -> Iterator[Problem]:
    for image in image_places(member.value, rules):
        if isinstance(image.text, str) and image.text in listed:
            used.add(listed[image.text])
        elif not _may_stay_as_is(member, image, rules):
            expected = "an image of the environment by digest, in its registry"
            expected += f" ({', '.join(sorted(listed)[:3])})" if listed else " (none is listed)"
            yield member.document.problem(image.steps, expected=expected, got=short_value(image.text))


def _may_stay_as_is(member: Member, image: ImagePosition, rules: ImageRules) -> bool:
    """Whether the project allows the image as it is: from another registry by digest, or in an unpinned kind."""
    reference = digest_reference(image.text)
    return rules.leaves(member.value) or (reference is not None and rules.is_foreign(reference.name))


def _repeats(members: list[Member]) -> Iterator[Problem]:
    first: dict[tuple[str, str, str, str], Member] = {}
    for member in members:
        key = identity(member.value)
        if key in first:
            where = f"{first[key].document.file}:{first[key].document.position(()).line}"
            yield member.document.problem(("metadata", "name"), f"the same {key[1]} {key[3]!r} is in {where}")
        first.setdefault(key, member)


def in_namespace(value: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The object with its namespace written out: tools that read a bundle fill it in differently, or not at all."""
    if value.get("kind") in CLUSTER_SCOPED:
        return value
    return {**value, "metadata": {**value["metadata"], "namespace": namespace}}
