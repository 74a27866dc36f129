"""Runs the checks by name and reports their findings."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ...domain.errors import NotFound
from ...domain.queues import Queue
from ...domain.reports import Finding, OtherRole, Status
from ...telemetry import Attribute, Family, span
from ...telemetry.redaction import unexpected
from . import clusters, services
from . import runs as source_of_runs
from .check_input import CheckInput
from .failure import CheckFailed, NotChecked

log = logging.getLogger(__name__)
CHECK_TIMEOUT = 25.0
"""Seconds that one check may take; the caller's connection times out after a minute."""


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Runs checks by their names."""

    inputs: CheckInput
    timeout: float = CHECK_TIMEOUT

    @property
    def checks(self) -> Mapping[str, Callable[[], str]]:
        inputs = self.inputs
        checks_by_name: dict[str, Callable[[], str]] = {
            "applications": partial(services.check_applications, inputs),
            "signing-keys": partial(services.check_signing_keys, inputs),
            "table": partial(services.check_table, inputs),
            "installation": partial(services.check_installation, inputs),
            "blobs": partial(services.check_blobs, inputs),
        }
        checks_by_name |= {f"queue:{queue}": partial(services.check_queue, inputs, queue) for queue in Queue}
        checks_by_name |= {
            f"registry:{name}": partial(services.check_registry, inputs, name) for name in inputs.registries
        }
        for entry in inputs.catalogue:
            for environment in entry.application.environments:
                name = clusters.check_name(entry, environment)
                checks_by_name[name] = partial(clusters.check_cluster, inputs, entry, environment)
        with_pipeline = [entry for entry in inputs.catalogue if entry.application.pipeline is not None]
        checks_by_name |= {
            f"runs:{entry.application.application}": partial(source_of_runs.check_runs, inputs, entry)
            for entry in with_pipeline
        }
        checks_by_name |= {
            f"ledger:{name}": partial(services.check_ledger, inputs, name) for name in inputs.catalogue.entries
        }
        checks_by_name |= {f"channel:{name}": partial(services.check_channel, inputs, name) for name in inputs.channels}
        checks_by_name |= {
            "clock": partial(services.check_clock, inputs),
            "reconcile": partial(services.check_reconcile, inputs),
        }
        return checks_by_name

    def run(self, name: str) -> Finding:
        """Run one check; an exception of the check becomes its finding. Raises `NotFound` for an unknown check."""
        if (check := self.checks.get(name)) is None:
            raise NotFound(f"there is no check {name[:80]!r}")
        began = time.monotonic()
        with span(Family.CHECK, name.partition(":")[0], {Attribute.SERVICE: name}) as current:
            finding = self._within_time_limit(name, check)
            current.set({Attribute.OUTCOME: str(finding.status)})
            if finding.status is Status.FAILED:
                current.fail(finding.said)
        return finding.evolve(seconds=round(time.monotonic() - began, 3))

    def other_role(self, check: str, kinds: Sequence[str]) -> OtherRole:
        """The Role that the check's application, with these further kinds, needs in its cluster besides the role of
        Azure. Raises `NotFound` for an unknown check."""
        of_clusters = {
            clusters.check_name(entry, environment): (entry, environment)
            for entry in self.inputs.catalogue
            for environment in entry.application.environments
        }
        if check not in of_clusters:
            raise NotFound(f"there is no check {check[:80]!r} of a cluster")
        entry, environment = of_clusters[check]
        try:
            return OtherRole(documents=tuple(clusters.other_role(self.inputs, entry, environment, kinds)))
        except CheckFailed as failure:
            return OtherRole(problem=str(failure))

    def _within_time_limit(self, name: str, check: Callable[[], str]) -> Finding:
        """Run the check in a thread that is abandoned if it hangs; the clients' timeouts end it later."""
        findings: list[Finding] = []
        context = contextvars.copy_context()
        thread = threading.Thread(target=lambda: findings.append(context.run(_finding, name, check)), daemon=True)
        thread.start()
        thread.join(self.timeout)
        if findings:
            return findings[0]
        reason = f"it did not answer within {timedelta(seconds=self.timeout).total_seconds():g} seconds"
        return Finding(check=name, status=Status.FAILED, said=reason, missing="a way there through the network")


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(check=name, status=Status.OK, said=check())
    except NotChecked as skipped:
        return Finding(check=name, status=Status.SKIPPED, said=str(skipped))
    except CheckFailed as failure:
        return Finding(
            check=name, status=Status.FAILED, said=str(failure), missing=failure.missing, command=failure.command
        )
    except Exception as error:
        log.exception("the check %s went wrong", name)
        return Finding(check=name, status=Status.FAILED, said=unexpected(error))
