"""A run as somebody reports it: every field is a claim until its source was asked."""

from datetime import datetime

from ..domain.runs import Fact, InvolvedPerson, Involvement, Run, Trust

_ADDRESS = 254
NOT_ASKED = Fact(trust=Trust.NOT_PROVED, why="its source was not asked yet")


def claimed_run(
    *,
    organization: str,
    project: str,
    project_id: str = "",
    pipeline: str,
    folder: str = "",
    definition: int | None = None,
    id: int,
    number: str,
    result: str,
    branch: str = "",
    commit: str = "",
    finished_at: datetime,
    requester: str = "",
    committer: str = "",
) -> Run:
    """`requester` and `committer` are addresses; empty ones are left out. Texts have to fit their fields already."""
    people_by_part = {Involvement.REQUESTER: requester, Involvement.COMMITTER: committer}
    return Run(
        organization=organization,
        project=project,
        project_id=project_id,
        pipeline=pipeline,
        folder=folder,
        definition=definition,
        id=id,
        number=number,
        result=result,
        branch=branch,
        commit=commit,
        finished_at=finished_at,
        proof=NOT_ASKED,
        built=NOT_ASKED,
        behind=NOT_ASKED,
        people=tuple(
            InvolvedPerson(part=part, trust=Trust.CLAIMED, mail=mail[:_ADDRESS])
            for part, mail in people_by_part.items()
            if mail
        ),
    )
