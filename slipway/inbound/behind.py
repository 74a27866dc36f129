"""The people behind a change: those that the server signed in, by object id, and those that commits claim.

The server vouches for the people who asked for the run, pushed a commit, or opened or completed a pull request. Author
and committer of a commit are only text: they can keep a person from voting, and prove nothing. All commits since the
live one count; the commits of a branch that was squashed are found by its pull request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ..domain.run_source import (
    Absent,
    CannotKnow,
    CommitInfo,
    CommitSignature,
    CommitSummary,
    Identity,
    PersonReference,
    PullRequest,
    RunInfo,
    SourceAnswer,
)
from ..domain.runs import PEOPLE_LIMIT, Fact, InvolvedPerson, Involvement, Trust

COMMITS_LIMIT: Final = 100
"""The most commits that are asked for one by one. If there are more, the rest is not read, and their people are not
known."""
ADDRESSES_LIMIT: Final = 20
"""The most addresses of commits that are looked up."""
_NAME: Final = 254
_WHY: Final = 600


class PeopleSource(Protocol):
    """The part of a source that knows commits and people."""

    def changes(self, run: RunInfo) -> SourceAnswer[tuple[CommitSummary, ...]]: ...

    def commit(self, run: RunInfo, id: str) -> SourceAnswer[CommitInfo]: ...

    def merge_bases(self, run: RunInfo, one: str, other: str) -> SourceAnswer[tuple[str, ...]]: ...

    def commits(self, run: RunInfo, old: str, new: str) -> SourceAnswer[tuple[CommitInfo, ...]]: ...

    def pull_requests(self, run: RunInfo, commits: Sequence[str]) -> SourceAnswer[tuple[PullRequest, ...]]: ...

    def commits_of(self, run: RunInfo, pull_request: int) -> SourceAnswer[tuple[str, ...]]: ...

    def identities(self, organization: str, ids: Sequence[str]) -> SourceAnswer[tuple[Identity, ...]]: ...

    def identities_named(self, organization: str, mail: str) -> SourceAnswer[tuple[Identity, ...]]: ...


@dataclass(frozen=True, kw_only=True)
class PeopleBehindChange:
    """The people behind a change, and whether the list is complete."""

    fact: Fact
    people: tuple[InvolvedPerson, ...]
    all_named: bool
    """Whether nobody is missing among the people, known or not."""


class _SourceAway(Exception):  # noqa: N818 - it ends the asking, nothing is wrong
    def __init__(self, answer: CannotKnow) -> None:
        super().__init__(answer.why)
        self.answer = answer


def people_behind(source: PeopleSource, run: RunInfo, *, live: Sequence[str]) -> PeopleBehindChange | CannotKnow:
    """Everybody behind what the run built. `CannotKnow` only if asking again later helps."""
    asking = _Findings(source, run)
    try:
        asking.gather(live)
        return asking.answer()
    except _SourceAway as away:
        return away.answer


@dataclass
class _Findings:
    """The findings so far about one run."""

    source: PeopleSource
    run: RunInfo
    vouched: dict[tuple[Involvement, str], PersonReference] = field(default_factory=dict)
    """The people for whom the server vouches, by their part and the source's id."""
    claimed: dict[tuple[Involvement, str], CommitSignature] = field(default_factory=dict)
    """The people whom commits claim, by their part and address."""
    commits: dict[str, None] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    """The reasons why somebody may be missing."""
    unknown: list[str] = field(default_factory=list)
    """The people whose identity is not known, each with the reason."""

    # ---- gathering
    def gather(self, live: Sequence[str]) -> None:
        self._vouch(Involvement.REQUESTER, self.run.requested_for, "Azure DevOps does not say who asked for the run")
        if not self.run.repository_is_here:
            self.gaps.append("the repository is not in Azure Repos, which alone vouches for who pushed")
            for change in self._need(self.source.changes(self.run), ()):
                self._claim(Involvement.AUTHOR, change.author)
            return
        for old in live:
            self._take_commits_since(old)
        if not live:
            changes = self._need(self.source.changes(self.run), ())
            self._take_commits([change.id for change in changes] or [self.run.commit])
        if self.commits:
            self._take_pull_requests()

    def _take_commits_since(self, old: str) -> None:
        """Every commit that is new since an old one, which need not be an ancestor."""
        if old == self.run.commit:
            return
        bases = self._need(self.source.merge_bases(self.run, self.run.commit, old), ())
        if len(bases) != 1:
            self.gaps.append(f"the histories of {self.run.commit[:12]} and of {old[:12]}, which is live, have parted")
            return
        if bases[0] == self.run.commit:
            return  # an older commit comes back: nobody has changed anything
        commits = self._need(self.source.commits(self.run, bases[0], self.run.commit), ())
        if bases[0] in (ids := {commit.id for commit in commits}) or self.run.commit not in ids:
            self.gaps.append(f"the commits since {bases[0][:12]} are incomplete")
        for commit in commits:
            self._take(commit)

    def _take_commits(self, ids: Iterable[str]) -> None:
        """The commits with these ids, each asked for separately."""
        commit_ids = [id for id in dict.fromkeys(ids) if id not in self.commits]
        room = max(0, COMMITS_LIMIT - len(self.commits))
        if len(commit_ids) > room:
            self.gaps.append(f"there are more than {COMMITS_LIMIT} commits")
        for id in commit_ids[:room]:
            commit = self._need(self.source.commit(self.run, id), None)
            if commit is not None:
                self._take(commit)

    def _take(self, commit: CommitInfo) -> None:
        if commit.id in self.commits:
            return
        self.commits[commit.id] = None
        self._vouch(Involvement.PUSHER, commit.pushed_by, f"nothing says who pushed {commit.id[:12]}")
        self._claim(Involvement.AUTHOR, commit.author)
        self._claim(Involvement.COMMITTER, commit.committer)

    def _claim(self, part: Involvement, signature: CommitSignature) -> None:
        if signature.mail:
            self.claimed.setdefault((part, signature.mail.casefold()), signature)

    def _take_pull_requests(self) -> None:
        """The pull requests that brought the commits, and the commits of their branches."""
        for request in self._need(self.source.pull_requests(self.run, list(self.commits)), ()):
            if not request.completed:
                continue
            which = f"pull request {request.id}"
            self._vouch(Involvement.CREATOR, request.created_by, f"nothing says who opened {which}")
            self._vouch(Involvement.COMPLETER, request.closed_by, f"nothing says who completed {which}")
            if request.completed_for is not None:
                self._vouch(Involvement.COMPLETER, request.completed_for, "")
            self._take_commits(self._need(self.source.commits_of(self.run, request.id), ()))

    def _vouch(self, part: Involvement, who: PersonReference | None, missing: str) -> None:
        if who is None:
            self.gaps.append(missing)
        else:
            self.vouched.setdefault((part, who.id), who)

    def _need[T](self, answer: SourceAnswer[T], otherwise: T) -> T:
        """The value in the answer; if it is missing, a gap is noted. Raises `_SourceAway` if asking again later
        helps."""
        match answer:
            case CannotKnow(retryable=True):
                raise _SourceAway(answer)
            case Absent() | CannotKnow():
                self.gaps.append(answer.why)
                return otherwise
            case _:
                return answer

    # ---- their identities
    def answer(self) -> PeopleBehindChange:
        identity_ids = list(dict.fromkeys(who.id for who in self.vouched.values()))
        identities = self._need(self.source.identities(self.run.organization, identity_ids), ()) if identity_ids else ()
        by_id = {identity.id.casefold(): identity for identity in identities}
        people = [self._person(part, who, by_id) for (part, _), who in self.vouched.items()]
        people += self._signatures(by_id.values())
        people.sort(key=lambda person: tuple(Involvement).index(person.part))
        if len(people) > PEOPLE_LIMIT:
            self.gaps.append(f"more than {PEOPLE_LIMIT} people are behind it")
        return PeopleBehindChange(fact=self._fact(), people=tuple(people[:PEOPLE_LIMIT]), all_named=not self.gaps)

    def _person(self, part: Involvement, who: PersonReference, known: dict[str, Identity]) -> InvolvedPerson:
        identity = known.get(who.id.casefold())
        if identity is None or not (identity.object_id or identity.is_service):
            unknown = self._note_unknown(f"{who.name or who.id} {part.did}, and nobody can tell who that is")
            name, mail = who.name[:_NAME], who.unique_name[:_NAME]
            return InvolvedPerson(part=part, trust=Trust.NOT_PROVED, name=name, mail=mail, unknown=unknown)
        unknown = ""
        if identity.is_service and part is not Involvement.REQUESTER:
            unknown = self._note_unknown(f"{identity.name} {part.did}, which is not a person: nobody can tell for whom")
        return InvolvedPerson(
            part=part,
            trust=Trust.PROVED,
            name=identity.name[:_NAME],
            mail=identity.mail[:_NAME],
            object_id=identity.object_id or None,
            tenant=identity.tenant or None,
            is_service=identity.is_service,
            client_id=identity.client_id or None,
            unknown=unknown,
        )

    def _note_unknown(self, why: str) -> str:
        self.unknown.append(why)
        return why[:_WHY]

    def _signatures(self, known: Iterable[Identity]) -> list[InvolvedPerson]:
        """Authors and committers, with an object id if exactly one member has the address."""
        by_mail = {identity.mail.casefold(): identity for identity in known if identity.mail}
        addresses = dict.fromkeys(mail for _, mail in self.claimed)
        for mail in [mail for mail in addresses if mail not in by_mail][:ADDRESSES_LIMIT]:
            identities = self.source.identities_named(self.run.organization, mail)
            people = (
                [one for one in identities if one.object_id and not one.is_service]
                if isinstance(identities, tuple)
                else []
            )
            if len(people) == 1:
                by_mail[mail] = people[0]
        return [
            self._signed_person(part, signature, by_mail.get(mail)) for (part, mail), signature in self.claimed.items()
        ]

    @staticmethod
    def _signed_person(part: Involvement, signature: CommitSignature, identity: Identity | None) -> InvolvedPerson:
        return InvolvedPerson(
            part=part,
            trust=Trust.CLAIMED,
            name=signature.name[:_NAME],
            mail=signature.mail[:_NAME],
            object_id=(identity.object_id or None) if identity else None,
            tenant=(identity.tenant or None) if identity else None,
        )

    def _fact(self) -> Fact:
        if self.gaps or self.unknown:
            gaps = "; ".join(dict.fromkeys(gap for gap in (*self.gaps, *self.unknown) if gap))
            return Fact(trust=Trust.NOT_PROVED, why=f"who is behind the change: not proved; {gaps}"[:1000])
        commits = f"{len(self.commits)} commit{'' if len(self.commits) == 1 else 's'}"
        return Fact(trust=Trust.PROVED, why=f"Azure DevOps signed in everybody who is behind {commits}")
