"""The part of a bundle that a release stores: its images, and the environments that it is for."""

from pydantic import Field

from .application import Application
from .environment import Environment
from .model import Digest, Name, Record, Repository, Tag


class BundleImage(Record):
    """An image of a bundle, by its repository in the registry that the bundle was pushed to."""

    name: str = Field(max_length=255)
    repository: Repository
    digest: Digest


class Bundle(Record):
    """The part of a bundle's own description that decisions need. It contains no rule and names no person."""

    version: Tag
    images: tuple[BundleImage, ...] = Field(max_length=100)
    environments: tuple[Name, ...] = Field(max_length=20)
    targets: Digest
    """Hash of the `targets.json` that it was rendered for."""


def reachable_environments(application: Application, bundle: Bundle | None) -> tuple[Environment, ...]:
    """The environments that a release can reach: the whole chain, or the part before the first that its bundle
    lacks."""
    end = ends_before(application, bundle)
    environments = application.environments
    return environments if end is None else environments[: environments.index(end)]


def ends_before(application: Application, bundle: Bundle | None) -> Environment | None:
    """The first environment of the chain for which the release's bundle has no folder; None if it has them all."""
    if bundle is None:
        return None
    return next((e for e in application.environments if e.name not in bundle.environments), None)
