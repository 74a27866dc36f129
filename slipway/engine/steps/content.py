"""The objects of a rollout, from the catalogue's manifests or from the release's bundle."""

from typing import assert_never

from ...domain.application import SourceKind
from ...domain.environment import Environment
from ..run_step import Work
from .bundles import from_bundle
from .clients import Clients
from .rendered import RenderedObjects, from_catalogue


def rendered(clients: Clients, work: Work, environment: Environment, *, job_name: str) -> RenderedObjects:
    """The objects that the release applies in the environment.

    Raises `BundleRefused`, `ConfigError`, `RegistryError`, `UnknownName`.
    """
    match work.entry.application.source:
        case SourceKind.IMAGE:
            return from_catalogue(clients, work, environment, job_name=job_name)
        case SourceKind.BUNDLE:
            return from_bundle(clients, work, environment, job_name=job_name)
        case unreachable:
            assert_never(unreachable)
