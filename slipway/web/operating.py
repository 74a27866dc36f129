"""The operator's page: freeze and resume lanes, cancel, retry, roll back and override, each with its form.

GET is read-only; POST gives one command, once, on behalf of the signed-in person, and leads to the page that shows its
outcome. If a person lacks a permission, the page names it instead of showing the form.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from ..commands.foreseeing import WouldBeRefused
from ..commands.saying import CommandRequest
from ..domain.blocks import REASON_LIMIT
from ..domain.commands import FRESH, MUST_SAY_WHY, OPENS, PERMISSIONS, Verb
from ..domain.decide.commands import cancel_rules
from ..domain.decide.creating import create_rules
from ..domain.decide.rolling_back import is_live, rollback_rules
from ..domain.decide.waiving import waivable
from ..domain.errors import NotFound
from ..domain.inbox import Via
from ..domain.model import NAME_PATTERN, release_id
from ..domain.release import Lane, Phase, Release
from ..domain.reports import FreezeShown
from ..domain.roles import Caller
from ..domain.rules import not_passed
from ..http.forms import FIELD
from ..http.requests import RequestRefused
from ..http.speaking import speaker
from ..inbound.reading import BadInput
from ..ledger.table import ReadOfEach
from ..queries.blocks import lane_freezes
from .answer import Answer, html
from .messages import nothing_done
from .services import FormServices, follow
from .signin import Visitor
from .templating import render

FIELDS = frozenset({"verb", "application", "environment", "release", "reason", "hours", "rule", "tag", FIELD, "id"})
LONGEST = 31 * 24
"""The longest freeze that the page can set, in hours."""


@dataclass(frozen=True, kw_only=True)
class CommandForm:
    """The form for one command."""

    verb: Verb
    title: str
    hint: str
    hidden: Mapping[str, str] = field(default_factory=dict)
    permitted: bool = True
    roles: tuple[str, ...] = ()
    """The roles that the project lets do it, if the project decides that."""
    bad: bool = False
    warning: str = ""
    asks_tag: bool = False

    @property
    def must_explain(self) -> bool:
        return self.verb in MUST_SAY_WHY

    @property
    def opens(self) -> bool:
        """Whether the identity provider has to confirm who gives the command."""
        return self.verb in OPENS

    @property
    def permission(self) -> str:
        return " or ".join(self.roles) or PERMISSIONS[self.verb]


@dataclass(frozen=True, kw_only=True)
class PageSubject:
    """The subject of the page: a release, a lane, or everything."""

    application: str = ""
    environment: str = ""
    release: str = ""

    @property
    def address(self) -> str:
        query = {name: value for name, value in vars(self).items() if value}
        return "/operate" + (f"?{urlencode(query)}" if query else "")

    @property
    def title(self) -> str:
        return self.release or f"{self.application} {self.environment}".strip() or "Freezes and holds"


def show_commands(services: FormServices, subject: PageSubject, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    now, reader = services.clock(), services.reader
    release = reader.release(subject.release) if subject.release else None
    forms = tuple(_for_release(services, release) if release else _for_lanes(services, subject))
    blocks = blocks_of(services, subject, release)
    page = render(
        "operate.html",
        subject=subject,
        release=release,
        freezes=blocks.read,
        not_shown=blocks.not_shown,
        forms=tuple(_permitted(form, who.caller) for form in forms),
        lanes=tuple(_lanes(services)) if subject == PageSubject() else (),
        form_token=services.forms.new(who.sid, subject.address),
        new_id=services.writer.new_id,
        reason_limit=1000,
        who=who.caller,
        now=now,
        reader=who,
        here="operate",
    )
    return html(page)


def give_command(
    services: FormServices, subject: PageSubject, who: Visitor, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Give one command. Raises `NotFound`, `LedgerUnavailable`."""
    now = services.clock()
    try:
        fields = services.fields(who, subject.address, FIELDS, headers, body)
        command = _command_in(fields, now)
        check_permitted(command.verb, who.caller)
        if command.verb in OPENS:
            statement = services.writer.statement(command)
            services.foresight.check(statement)
            return services.prove(who, statement, FRESH, headers)
        return follow(services.writer.command(command, speaker(who.caller, Via.PAGE), id=fields.get("id", "")))
    except (RequestRefused, BadInput, WouldBeRefused) as refused:
        return nothing_done(refused, back=subject.address)


def _command_in(fields: Mapping[str, str], now: datetime) -> CommandRequest:
    if fields.get("verb") not in set(Verb):
        raise RequestRefused(400, f"verb: expected one of {', '.join(Verb)}.")
    reason, hours = fields.get("reason", "").strip(), fields.get("hours", "")
    if len(reason) > REASON_LIMIT:
        raise RequestRefused(400, f"reason: expected at most {REASON_LIMIT} characters, got {len(reason)}.")
    if hours and not (re.fullmatch(r"[0-9]{1,3}", hours) and 1 <= int(hours) <= LONGEST):
        raise RequestRefused(400, f"hours: expected a whole number from 1 to {LONGEST}.")
    return CommandRequest(
        verb=Verb(fields["verb"]),
        application=fields.get("application", ""),
        environment=fields.get("environment", ""),
        release=fields.get("release", ""),
        reason=reason,
        until=now + timedelta(hours=int(hours)) if hours else None,
        rule=fields.get("rule", ""),
        tag=fields.get("tag", "").strip(),
    )


def check_permitted(verb: Verb, who: Caller) -> None:
    if not who.may(PERMISSIONS[verb]):
        raise RequestRefused(403, f"This needs the permission {PERMISSIONS[verb]}, which you do not have.")


def _permitted(form: CommandForm, who: Caller) -> CommandForm:
    """Whether the session offers this person the button; whether their proof counts is decided later, by its token."""
    has_role = form.verb is not Verb.WAIVE or not who.claims.isdisjoint(form.roles)
    may = who.may(PERMISSIONS[form.verb]) and has_role
    return form if may else CommandForm(**{**vars(form), "permitted": False})


# ---- the possible commands
def _for_release(services: FormServices, release: Release) -> Iterator[CommandForm]:
    about = {"release": release.id}
    if _may_be_cancelled(services, release):
        yield CommandForm(
            verb=Verb.CANCEL,
            title=f"Cancel {release.id}",
            hint=_what_cancelling_does(release),
            hidden=about,
            bad=True,
        )
    if retry := words_of_retry(release):
        yield CommandForm(verb=Verb.RETRY, title=retry[0], hint=retry[1], hidden=about)
    entry = services.reader.catalogue.get(release.application)
    if entry is not None and not not_passed(create_rules(entry.application, release)):
        yield CommandForm(
            verb=Verb.CREATE,
            title=f"Release {release.tag} again",
            hint="A new release of the same image or bundle, with the manifests now in force. It passes every gate; "
            "the person who starts it counts as one who asked for it.",
            hidden=about,
        )
    if release.phase is Phase.HELD_BACK and release.environment:
        yield CommandForm(
            verb=Verb.OVERRIDE,
            title=f"Let {release.id} past what blocks it in {release.environment}",
            hint="Once, and only past a freeze, a closed window or drift.",
            hidden={**about, "environment": release.environment},
            bad=True,
        )
    yield from _waivers(services, release)
    yield from _rollbacks(services, release)


def words_of_retry(release: Release) -> tuple[str, str] | None:
    """Title and effect of sending the release out again, for the person who orders or confirms it; None if nobody
    can."""
    where = f" in {release.environment}" if release.environment else ""
    if release.phase.ended_in_failure:
        hint = "The same image, from the step that failed. It is planned again; if the new plan is identical, its votes"
        return f"Try {release.id} again{where}", f"{hint} still count."
    if release.phase.retryable and release.environment:
        hint = "The same image. It is planned again, and people are asked again: no earlier vote counts."
        return f"Send {release.id} out again{where}", hint
    return None


def _what_cancelling_does(release: Release) -> str:
    if release.phase.writes_first:
        return "It ends before its first object, unless that has been written already: then the rollout goes on."
    if release.environment:
        return "It ends here. Somebody can send it out again from here, with votes of its own."
    return "It ends here. Another one begins once it is pushed or built again."


def _waivers(services: FormServices, release: Release) -> Iterator[CommandForm]:
    """A form for each rule about proof that blocks the release where it is."""
    environment = services.reader.catalogue.environment(release.application, release.environment or "")
    if environment is None:
        return
    for result in waivable(release, environment):
        yield CommandForm(
            verb=Verb.WAIVE,
            title=f"Waive {result.name} for {release.id} in {environment.name}",
            hint=f"{result.reason}. The plan is made again, so earlier votes are void, and the person who waives it "
            "may not approve this release there.",
            hidden={"release": release.id, "environment": environment.name, "rule": str(result.rule)},
            roles=environment.waive or ("a role that the project names in waive",),
            bad=True,
        )


def _rollbacks(services: FormServices, release: Release) -> Iterator[CommandForm]:
    lanes = services.reader.ledger.lanes(release.application)
    for name, lane in lanes.items():
        if not not_passed(tuple(rollback_rules(release, lane))):
            rollout = next(
                rollout
                for rollout in reversed(release.rollouts)
                if (rollout.environment, rollout.outcome) == (name, "live")
            )
            title = f"Roll {name} back to {release.id} ({release.tag})"
            if is_live(release.number, lane):
                title = f"Bring {name} back to the live release: {release.id} ({release.tag})"
            yield CommandForm(
                verb=Verb.ROLLBACK,
                title=title,
                hint=effect_of_rollback(release.application, release.number, lane),
                hidden={"release": release.id, "environment": name},
                bad=True,
                warning=_warning_of_lost_plan(services, rollout.plan_hash),
            )


def effect_of_rollback(application: str, release: int, lane: Lane) -> str:
    """The effect of a rollback to the release there, for the person who orders or confirms it."""
    if is_live(release, lane):
        return "Its plan is applied again, over any change that somebody made. No vote is needed, and no release waits."
    live = release_id(application, lane.live.release) if lane.live else "nothing"
    return f"{live} is live there now. No vote is needed; newer releases wait until the lane is resumed."


def _warning_of_lost_plan(services: FormServices, plan_hash: str | None) -> str:
    try:
        services.reader.plan(plan_hash or "")
    except (NotFound, ValueError):
        return "Its manifests are no longer kept: the current ones would be used, with its image."
    return ""


def _may_be_cancelled(services: FormServices, release: Release) -> bool:
    if release.phase.final:
        return False
    status = services.reader.ledger.application_rows(release.application)
    return not not_passed(cancel_rules(release, status.lanes, status.head.epoch if status.head else 0))


def _for_lanes(services: FormServices, subject: PageSubject) -> Iterator[CommandForm]:
    if not subject.environment:
        frozen = services.blocks.everything() is not None
        verb, title = (Verb.UNFREEZE, "End the freeze of everything") if frozen else (Verb.FREEZE, "Freeze everything")
        yield CommandForm(verb=verb, title=title, hint=_hint(verb), bad=not frozen)
        return
    lane = _lane(services, subject)
    about = {"application": subject.application, "environment": subject.environment}
    frozen = lane.freeze is not None and lane.freeze.in_force(services.clock())
    verb, title = (Verb.UNFREEZE, "End the freeze of") if frozen else (Verb.FREEZE, "Freeze")
    yield CommandForm(verb=verb, title=f"{title} {subject.title}", hint=_hint(verb), hidden=about, bad=not frozen)
    if lane.hold is not None:
        yield CommandForm(
            verb=Verb.RESUME,
            title=f"Resume {subject.title}",
            hint="Newer releases continue, and replace the live one.",
            hidden=about,
        )
    if _is_first(services, subject):
        yield CommandForm(
            verb=Verb.CREATE,
            title=f"Release a pushed artifact of {subject.application}",
            hint="A release of the artifact with this tag, even if no release delivered it before. It passes every "
            f"gate from {subject.environment} on; the person who starts it counts as one who asked for it.",
            hidden={"application": subject.application},
            asks_tag=True,
        )


def _is_first(services: FormServices, subject: PageSubject) -> bool:
    entry = services.reader.catalogue.get(subject.application)
    return entry is not None and entry.application.environments[0].name == subject.environment


def _hint(verb: Verb) -> str:
    if verb is Verb.UNFREEZE:
        return "Releases approved in the meantime continue automatically."
    return "No new rollout starts. Releases are still planned and can be approved ahead; running rollouts continue."


def _lane(services: FormServices, subject: PageSubject) -> Lane:
    if services.reader.catalogue.environment(subject.application, subject.environment) is None:
        raise NotFound(f"there is no {subject.title} here")
    lanes = services.reader.ledger.lanes(subject.application)
    return lanes.get(subject.environment) or Lane(environment=subject.environment)


def _lanes(services: FormServices) -> Iterator[PageSubject]:
    for name, entry in services.reader.catalogue.entries.items():
        yield from (PageSubject(application=name, environment=e.name) for e in entry.application.environments)


def blocks_of(services: FormServices, subject: PageSubject, release: Release | None = None) -> ReadOfEach[FreezeShown]:
    """The freezes and holds that affect the subject of the page."""
    if subject == PageSubject():
        return services.blocks.freezes()
    application = release.application if release else subject.application
    environment = (release.environment or "") if release else subject.environment
    lane = services.reader.ledger.lanes(application).get(environment)
    of_lane = lane_freezes(application, lane, services.clock().astimezone(UTC)) if lane else ()
    return ReadOfEach(read=(*services.blocks.of_everything(), *of_lane), not_shown=())


def read_subject(parameters: Mapping[str, str]) -> PageSubject:
    """Raises `NotFound` for invalid names."""
    names = {name: parameters.get(name, "") for name in ("application", "environment", "release")}
    if any(names[name] and not re.fullmatch(NAME_PATTERN, names[name]) for name in ("application", "environment")):
        raise NotFound("there is no such application or environment here")
    return PageSubject(**names)
