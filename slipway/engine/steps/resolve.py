"""Resolve: look up which digest a tag names. From here on the tag is only a label."""

from ...domain.errors import UnknownName
from ...domain.model import Record
from ...effects.registry import RegistryError
from ..outcome import Outcome, Retry, failed, passed
from ..run_step import Work
from .clients import Clients


class Resolved(Record):
    digest: str


def resolve(clients: Clients, work: Work) -> Outcome:
    release = work.release
    try:
        digest = clients.registry(release.registry).resolve(release.repository, release.tag)
    except UnknownName as error:
        return failed(str(error))
    except RegistryError as error:
        return Retry(reason=str(error)) if error.retryable else failed(str(error))
    if digest is None:
        return Retry(reason=f"{release.registry}/{release.repository} has no tag {release.tag} yet")
    return passed(Resolved(digest=digest))
