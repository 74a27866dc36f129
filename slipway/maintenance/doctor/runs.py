"""The checks of the source of runs: whether the app's identity may ask about each pipeline, about people and about
services."""

from ...catalogue.entries import Entry
from ...domain.application import Application
from ...domain.gate import ApprovalGate
from ...domain.project import ProvenanceLevel
from ...domain.run_source import Absent, CannotKnow
from .check_input import CheckInput
from .failure import CheckFailed, NotChecked

_MEMBER = (
    "the app's identity as a member of the organization: Organization settings → Users → Add, access level Basic "
    "(repositories need it), with the group Project Readers of this project"
)

_NOBODY = "aadsp.MDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAw"
"""The descriptor of a service principal that does not exist, in the usual form: `aadsp.` and an id in base64."""


def _lost(application: Application) -> str:
    """The proofs that this application lacks in an installation without a source of runs."""
    lost = [
        "SLIPWAY_RUNS is claimed: Azure DevOps is not asked, so no run is proved and nobody knows who made a change"
    ]
    closed = [
        each.name
        for each in application.environments
        if isinstance(each.gate, ApprovalGate) and each.gate.require_known
    ]
    if closed:
        lost.append(
            f"nobody may approve in {', '.join(closed)} (require_known), unless somebody waives that for a release"
        )
    environments = [each.name for each in application.environments if each.provenance is not ProvenanceLevel.NONE]
    if environments:
        lost.append(
            f"nothing goes into {', '.join(environments)} (provenance), unless somebody waives that for a release"
        )
    return "; ".join(lost)


def check_runs(inputs: CheckInput, entry: Entry) -> str:
    """Ask about the application's pipeline, and about a person who does not exist."""
    pipeline, source = entry.application.pipeline, inputs.runs()
    if source is None:
        raise NotChecked(_lost(entry.application))
    if pipeline is None:
        raise NotChecked("no pipeline is named")
    if pipeline.organization is None or pipeline.definition is None:
        raise NotChecked("pipeline.organization and pipeline.definition are needed to ask for it")
    definition = source.pipeline(pipeline.organization, pipeline.project_id or pipeline.project, pipeline.definition)
    if isinstance(definition, Absent):
        raise CheckFailed(definition.why, missing=_MEMBER)
    if isinstance(definition, CannotKnow):
        raise CheckFailed(definition.why, missing=f"a way to Azure DevOps, and {_MEMBER}")
    people = source.identities_named(pipeline.organization, "slipway-doctor@example.invalid")
    if isinstance(people, Absent | CannotKnow):
        raise CheckFailed(people.why, missing="View instance-level information, to look people up by their ids")
    services = source.service_named(pipeline.organization, _NOBODY)
    if isinstance(services, CannotKnow):
        raise CheckFailed(
            services.why, missing="View instance-level information, to tell which application a service is"
        )
    return f"may see the pipeline {definition}, and look people and services up"
