"""Resolve: look up which digest a tag names, and what a bundle says of itself. From here on a tag is only a label."""

from ...domain.application import SourceKind
from ...domain.bundle import Bundle
from ...domain.errors import UnknownName
from ...domain.model import Record
from ...effects.registry import RegistryError
from ..outcome import Outcome, Retry, failed, passed
from ..run_step import Work
from .bundles import BundleRefused, describe
from .clients import Clients


class Resolved(Record):
    digest: str
    bundle: Bundle | None = None


def resolve(clients: Clients, work: Work) -> Outcome:
    release, application = work.release, work.entry.application
    try:
        is_bundle = application.source is SourceKind.BUNDLE
        expected = release.digest if is_bundle else None
        digest = expected or clients.registry(release.registry).resolve(release.repository, release.tag)
        if digest is not None and is_bundle:
            return passed(Resolved(digest=digest, bundle=describe(clients, application, release, digest)))
    except (UnknownName, BundleRefused) as error:
        return failed(str(error))
    except RegistryError as error:
        return Retry(reason=str(error)) if error.retryable else failed(str(error))
    if digest is None:
        return Retry(reason=f"{release.registry}/{release.repository} has no tag {release.tag} yet", briefly=True)
    return passed(Resolved(digest=digest))
