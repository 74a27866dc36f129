"""Copy: bring the artifact, by digest and with everything attached to it, into the environment's registry.

Images that run beside the artifact, or come with a bundle, are copied first and the artifact last, so an artifact that
has arrived has everything it needs.

One message copies for at most `Clients.copy_time`; the next one continues from there. An import is started once,
and later messages poll it. Both ways end alike: missing parts are copied, both sides are compared, the tag is set, and
tag and manifest are locked.
"""

from datetime import timedelta

from ...clock import Clock
from ...domain.environment import Environment
from ...domain.errors import UnknownName
from ...domain.model import Digest, Record, canonical
from ...domain.plan import brought_images
from ...domain.promotion import LONGEST_WHY, PromotionMethod
from ...effects.registry import (
    CopyResult,
    CopySource,
    CopyTarget,
    ImportDenied,
    Lock,
    NotImportable,
    RegistryError,
    Unfinished,
    copy_artifact,
)
from ..outcome import Outcome, Requeue, Retry, failed, passed
from ..run_step import Work
from .clients import Clients
from .copying import CopyRun, TimeIsOver
from .ends import ends_of_artifact, ends_of_image, with_advice
from .plan import PlanLost, plan_of

AT_ONCE = timedelta(0)
SOON = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
DIGESTS_KEPT = 80
"""The most digests of each list in the audit record: three lists of that length fit into one property of a row."""


IMAGES_KEPT = 20
"""The most images that were brought along in the audit record."""


class CopiedImage(Record):
    """An image that was brought along with the artifact."""

    target: str
    digest: Digest
    platforms: tuple[str, ...]
    blobs_copied: int
    bytes_copied: int
    lock: Lock


class CopyReport(CopyResult):
    """The copy's result as the step reports it."""

    how: PromotionMethod
    lock: Lock
    not_imported: str | None = None
    """Why the artifact was copied although the policy asks for an import; None otherwise."""
    images: tuple[CopiedImage, ...] = ()
    document: Digest | None = None
    """Blob with the full record, named by its hash, if the record is too long for the audit trail."""


def copy(clients: Clients, clock: Clock, work: Work) -> Outcome:
    environment = work.environment
    if environment is None:
        return failed(f"the environment {work.step.environment!r} is no longer one of the application's")
    run = CopyRun.begin(clients, clock, work)
    try:
        return _copy(clients, environment, run)
    except (UnknownName, PlanLost, TimeIsOver) as error:
        return failed(str(error), afterwards=run.forget)
    except Unfinished:
        if run.is_last:
            return failed(run.too_late(), afterwards=run.forget)
    except RegistryError as error:
        return _after_error(error, environment, run)
    return Requeue(after=AT_ONCE, reason=run.copied_so_far)


def _after_error(error: RegistryError, environment: Environment, run: CopyRun) -> Outcome:
    if not error.retryable:
        return failed(with_advice(error, environment, run.release), afterwards=run.forget)
    if run.is_last:
        return failed(f"{run.too_late()}; the last error: {error}", afterwards=run.forget)
    pause = min(timedelta(seconds=error.retry_after or 0), LONGEST_PAUSE)
    if run.made_progress:
        # A copy makes progress between failures, so they do not count as tries.
        run.remember(waits=str(error)[:LONGEST_WHY])
        return Requeue(after=max(pause, SOON), reason=f"{run.copied_so_far}; {error}")
    return Retry(reason=str(error), after=pause, afterwards=run.forget)


def _copy(clients: Clients, environment: Environment, run: CopyRun) -> Outcome:
    source, target = ends_of_artifact(clients, run.application, environment, run.release, before_moving=run.moving)
    images = list[CopiedImage]()
    for repository, digest in brought_images(plan_of(clients, run.work)):
        from_there, to_here = ends_of_image(source, target, repository, digest)
        copied = _brought(clients, environment, run, from_there, to_here)
        if isinstance(copied, Requeue):
            return copied
        images.append(
            CopiedImage(
                target=copied.target,
                digest=digest,
                platforms=copied.platforms,
                blobs_copied=copied.blobs_copied,
                bytes_copied=copied.bytes_copied,
                lock=target.registry.lock(repository, to_here.tag, digest),
            )
        )
    result = _brought(clients, environment, run, source, target)
    if isinstance(result, Requeue):
        return result
    lock = target.registry.lock(target.repository, target.tag, target.digest)
    imported = environment.promotion.how is PromotionMethod.IMPORT and not run.state.not_imported
    done = CopyReport(
        **{name: getattr(result, name) for name in CopyResult.model_fields}
        # An earlier message that died right after moving the tag has recorded what the tag named before.
        | {"tag_was": result.tag_was or run.state.tag_was},
        how=PromotionMethod.IMPORT if imported else PromotionMethod.COPY,
        lock=lock,
        not_imported=run.state.not_imported or None,
        images=tuple(images),
    )
    return passed(_fitting(clients, done), afterwards=run.forget)


def _brought(
    clients: Clients, environment: Environment, run: CopyRun, source: CopySource, target: CopyTarget
) -> CopyResult | Requeue:
    """The finished copy, or the time to look again while the registry imports."""
    if environment.promotion.how is PromotionMethod.IMPORT and not run.state.not_imported:
        waiting = _import(clients, environment, run, source, target)
        if waiting is not None:
            return waiting
    return copy_artifact(source, target, progress=run.progress, time_is_up=run.time_is_up)


def _fitting(clients: Clients, done: CopyReport) -> CopyReport:
    """The result shortened to fit an audit record: the first digests of long lists, and a blob with the full result."""
    if len(done.manifests) <= DIGESTS_KEPT and len(done.images) <= IMAGES_KEPT:
        return done
    whole = clients.blobs.put(canonical(done.model_dump(mode="json")), "application/json")
    compared = done.comparison.evolve(read_back=done.comparison.read_back[:DIGESTS_KEPT])
    return done.evolve(
        manifests=done.manifests[:DIGESTS_KEPT],
        referrers=done.referrers[:DIGESTS_KEPT],
        images=done.images[:IMAGES_KEPT],
        comparison=compared,
        document=whole,
    )


def _import(
    clients: Clients, environment: Environment, run: CopyRun, source: CopySource, target: CopyTarget
) -> Requeue | None:
    """None once the image has been imported, or if it has to be copied instead; otherwise when to poll again."""
    try:
        return _imported(clients, environment, run, source, target)
    except (ImportDenied, NotImportable) as error:
        if not environment.promotion.fallback:
            raise
        run.remember(operation="", not_imported=str(error)[:2000])
        return None
    except RegistryError:
        run.remember(operation="")  # the next try starts a new import
        raise


def _imported(
    clients: Clients, environment: Environment, run: CopyRun, source: CopySource, target: CopyTarget
) -> Requeue | None:
    importer = clients.importer
    if run.state.operation and run.state.importing == target.digest:
        import_state = importer.look(run.state.operation, target)
    elif target.registry.resolve(target.repository, target.digest) is not None:
        return None  # already imported, including its platforms: no registry stores an index without them
    else:
        run.check_tag(target)
        import_state = importer.start(
            source,
            target,
            source_id=clients.resource_ids.get(run.release.registry, ""),
            target_id=clients.resource_ids.get(run.application.registry_of(environment), ""),
        )
    run.remember(operation=import_state.operation, importing=target.digest)
    if import_state.is_done:
        return None
    if run.is_last:
        raise TimeIsOver(run.too_late())
    run.importing()
    return Requeue(after=timedelta(seconds=import_state.after), reason="the registry imports it")
