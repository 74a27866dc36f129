"""A release's bundle, read from the registry that CI pushed it to: its description, and the objects that it would
apply.

It is read by digest and as strictly as its format demands, no matter who made it. What a bundle may not decide is
compared with the catalogue: its application, its environments, and their registries and namespaces.
"""

from typing import Any

from ...bundle import (
    BundleConfig,
    ContentPart,
    Member,
    NotABundle,
    fetch,
    fetch_config,
    read_environments,
    unpack_bundle,
)
from ...bundle import EnvironmentContents as BundledEnvironment
from ...catalogue import ConfigError, labelled_object
from ...domain.application import Application
from ...domain.around import Side
from ...domain.bundle import Bundle, BundleImage
from ...domain.environment import Environment
from ...domain.images import ImageRules
from ...domain.release import Release
from ...effects.registry import DigestMismatch, Unsupported
from ...manifests.around import acceptance_job, job_around
from ...manifests.references import image_places
from ..run_step import Work
from .clients import Clients
from .rendered import RenderedObjects

_PROBLEMS_TOLD = 5


class BundleRefused(Exception):  # noqa: N818 - it is what happened
    """The bundle cannot be used; the message says why, and what to do."""


def describe(clients: Clients, application: Application, release: Release, digest: str) -> Bundle:
    """The bundle's own description. Raises `BundleRefused`, `RegistryError`, `UnknownName`."""
    try:
        config = fetch_config(clients.registry(release.registry), release.repository, digest)
    except NotABundle as error:
        raise BundleRefused(f"what was pushed is not a bundle: {error}") from error
    except (ConfigError, DigestMismatch, Unsupported) as error:
        raise BundleRefused(f"the bundle is refused: {_in_one_line(error)}") from error
    if config.application != application.application:
        raise BundleRefused(
            f"the bundle is for the application {config.application!r}, not {application.application!r}"
        )
    _check_images(application, config)
    environments = [environment.name for environment in application.environments]
    if unknown := sorted(set(config.environments) - set(environments)):
        names = ", ".join(environments)
        raise BundleRefused(
            f"the bundle has a folder for {unknown[0]!r}, and the application's environments are {names}"
        )
    return Bundle(
        version=config.version,
        images=tuple(BundleImage(name=i.name, repository=i.repository, digest=i.digest) for i in config.images),
        environments=tuple(name for name in environments if name in config.environments),
        targets=config.targets,
    )


def from_bundle(clients: Clients, work: Work, environment: Environment, *, job_name: str) -> RenderedObjects:
    """The bundle's objects for the environment, with the labels that mark them as Slipway's, and without fields that
    only a server sets.

    Raises `BundleRefused`, `RegistryError`, `UnknownName`.
    """
    release, application = work.release, work.entry.application
    try:
        packed = fetch(clients.registry(release.registry), release.repository, release.artifact.digest)
        config, files = unpack_bundle(packed)
        _check_images(application, config)
        _check_targets(clients, application, environment, config)
        contents = read_environments(config, files, application.image_rules)[environment.name]
    except (NotABundle, ConfigError, DigestMismatch, Unsupported) as error:
        raise BundleRefused(f"the bundle is refused: {_in_one_line(error)}") from error
    job = _verification(contents, environment)
    rules, within = application.image_rules, environment.verification.within
    return RenderedObjects(
        manifests=tuple(
            _marked(release, environment, member, rules) for member in contents.part(ContentPart.MANIFESTS)
        ),
        job=acceptance_job(_marked(release, environment, job, rules), within=within, name=job_name) if job else None,
        before=_around(release, contents, environment, Side.BEFORE, rules),
        after=_around(release, contents, environment, Side.AFTER, rules),
    )


def _around(
    release: Release, contents: BundledEnvironment, environment: Environment, side: Side, rules: ImageRules
) -> tuple[dict[str, Any], ...]:
    """The Jobs on one side of the rollout, in the order of their files."""
    jobs = (_marked(release, environment, member, rules) for member in contents.part(ContentPart(side)))
    return tuple(job_around(job, side=side, release=release.id, environment=environment.name) for job in jobs)


def _check_images(application: Application, config: BundleConfig) -> None:
    """Refuse images from repositories that the project does not list: a bundle may not bring another team's to
    production."""
    for image in config.images:
        if not application.may_bring(image.repository):
            allowed = ", ".join(application.repositories)
            raise BundleRefused(
                f"the bundle brings an image of {image.repository}, and the project {application.project} has {allowed}"
            )


def _check_targets(clients: Clients, application: Application, environment: Environment, config: BundleConfig) -> None:
    """Refuse an environment whose registry or namespace differs from what the bundle was rendered for."""
    rendered = config.environments.get(environment.name)
    if rendered is None:
        raise BundleRefused(f"the bundle has no folder for {environment.name}")
    login_server = clients.registry(application.registry_of(environment)).endpoint.login_server
    for what, then, now in (
        ("registry", rendered.registry, login_server),
        ("namespace", rendered.namespace, environment.namespace),
    ):
        if then != now:
            raise BundleRefused(
                f"the bundle was rendered for {environment.name} with the {what} {then}, which is {now} now: "
                "export targets.json again, and build the bundle again"
            )


def _verification(contents: BundledEnvironment, environment: Environment) -> Member | None:
    """The acceptance Job that the application names. A Job that it does not name would never run, so it is refused."""
    job_name, members = environment.verification.job, contents.part(ContentPart.VERIFICATION)
    for member in members:
        if member.file != job_name:
            expected = f"verification.job names {job_name!r}" if job_name else "the environment has no verification.job"
            raise BundleRefused(f"{member.document.file}: {expected}, so it would never run")
    if job_name and len(members) != 1:
        got = f"{len(members)} Jobs" if members else "none"
        raise BundleRefused(f"verification.job names {job_name!r}: expected one Job in the bundle, got {got}")
    return members[0] if members else None


def _marked(release: Release, environment: Environment, member: Member, rules: ImageRules) -> dict[str, Any]:
    runs_an_image = any(image_places(member.value, rules))
    return labelled_object(
        member.value,
        application=release.application,
        environment=environment.name,
        release=release.id if runs_an_image else None,
    )


def _in_one_line(error: Exception) -> str:
    if not isinstance(error, ConfigError):
        return str(error)
    problems = "; ".join(str(problem) for problem in error.problems[:_PROBLEMS_TOLD])
    more = len(error.problems) - _PROBLEMS_TOLD
    return problems + (f"; and {more} more" if more > 0 else "")
