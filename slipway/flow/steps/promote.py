"""Promote: copy the artifact, by digest and with all that hangs on it, into the environment's registry."""

import logging

from ...effects.registry import Progress, RegistryError, Source, Target
from ...effects.registry import promote as copy
from ...ledger import LedgerUnavailable
from ..outcome import Outcome, TryAgain, failed, passed
from ..perform import Work
from .places import Places

log = logging.getLogger(__name__)


def promote(places: Places, work: Work) -> Outcome:
    release = work.release
    environment = work.entry.application.environment(work.step.environment)
    if environment is None:
        return failed(f"the environment {work.step.environment!r} is no longer in delivery.yaml")

    def keep_lease(_: Progress) -> None:
        try:
            work.renew()
        except LedgerUnavailable as away:
            log.warning("%s: its lease was not renewed, the copy goes on: %s", work.step.id, away)

    target_registry = work.entry.application.registry_of(environment)
    try:
        source, target = places.registry(release.registry), places.registry(target_registry)
        digest = release.artifact.digest
        promotion = copy(
            Source(registry=source, repository=release.repository, digest=digest, tag=release.tag),
            Target(registry=target, repository=release.repository, digest=digest, tag=release.tag),
            progress=keep_lease,
        )
        target.lock(release.repository, release.tag, digest)
    except KeyError as error:
        return failed(str(error.args[0]))
    except RegistryError as error:
        return TryAgain(reason=str(error)) if error.retryable else failed(str(error))
    return passed(promotion)
