"""Three accounts with few rights, in the wrong hands, on the whole system: a reader's, an approver's at a gate that
asks two, and one that may send to `approvals` and do nothing else. What each tries is refused, or stops something."""

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from local.azuredevops import Somebody
from local.identity import COMMAND, laptop
from local.identity.browser import Browser
from local.identity.flow import Flow, Tokens
from local.person import PageRefused, Signer
from local.stack import Stack, StackOptions, azurite
from slipway.domain.commands import Verb
from tests.integration.system import PROJECT, ApplicationUnderTest, System, until, write_application

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("accounts")]

PEOPLE = {person.name: person for person in laptop().people}
TENANT = laptop().tenant
GATES = {
    "taken": 'approvers: ["role:shop-approvers"], required: 2, level: signed, fresh: 5m',
    "spoken": f'approvers: ["oid:{PEOPLE["Ben"].oid}"], level: queue',
}
"""The gate of production, by application."""


@dataclass
class Account:
    """An account in the wrong hands: its tokens, and a browser in which it is signed in."""

    system: System
    name: str
    browser: Signer = field(init=False)

    def __post_init__(self) -> None:
        self.browser = Signer(PEOPLE[self.name].oid)

    @cached_property
    def tokens(self) -> Tokens:
        return Flow(self.system.stack.identity, back="http://127.0.0.1/back").sign_in(COMMAND, self.name)

    def api(self, method: str, path: str, body: Any = None, *, bearer: str = "") -> tuple[int, Any]:
        headers = {
            "x-functions-key": self.system.stack.secrets.function_key,
            "Authorization": f"Bearer {bearer or self.tokens.access_token}",
            "Content-Type": "application/json",
        }
        return self._ask(method, path, None if body is None else json.dumps(body).encode(), headers)

    def vote(self, release: str, decision: str, **more: Any) -> tuple[int, Any]:
        plan = self.system.application(release.rpartition("-")[0]).release(release)["plan_hash"]
        body = {"decision": decision, "plan_hash": plan, "reason": "because", **more}
        return self.api("POST", f"/api/v1/approvals/{release}", body)

    def page(self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        """One request of the browser, with its cookies; redirects are not followed."""
        host = urlsplit(self.system.stack.url).hostname or ""
        cookies = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.get(host, {}).items())
        all_headers = {"Cookie": cookies, "Origin": self.system.stack.url, "Sec-Fetch-Site": "same-origin"} | headers
        all_headers["Content-Type"] = "application/x-www-form-urlencoded"
        return self._ask(method, path, urlencode(fields).encode() if fields else None, all_headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        http: urllib3.PoolManager = self.system.stack.http
        response = http.request(method, self.system.stack.url + path, body=body, headers=headers, redirect=False)
        try:
            return response.status, json.loads(response.data)
        except ValueError:
            return response.status, response.data.decode(errors="replace")

    def form(self, path: str) -> tuple[str, dict[str, str]]:
        """The address of a page's first form, and its fields."""
        return self.browser.form(self.system.stack.url + path)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("accounts")
    for name, gate in GATES.items():
        write_application(folder / "team", name, "push")
        file = folder / "team" / name / "application.yaml"
        file.write_text(file.read_text().replace("approvers: [ada@example.com]", gate))
    (folder / "team" / "project.yaml").write_text(PROJECT)
    with Stack(StackOptions(folder=folder / "stack", apply=folder / "team")) as stack:
        system = System(stack)
        yield system
        system.close()


@pytest.fixture(scope="module")
def ada(system: System) -> Account:
    return Account(system, "Ada")


@pytest.fixture(scope="module")
def grace(system: System) -> Account:
    """Grace, who has no role but `reader`."""
    return Account(system, "Grace")


@pytest.fixture(scope="module")
def application(system: System) -> ApplicationUnderTest:
    return system.application("taken")


def waits(application: ApplicationUnderTest, version: str, *, author: Somebody | None = None) -> str:
    """Bring a version whose run is proved to production's gate; returns the release's id."""
    options = {"author": author} if author else {}
    run = application.ci.begin(f"Release {version}", **options)
    digest = application.ci.push(application.ci.build(version, commit=run.commit), version)
    application.ci.end(run, digest)
    application.ci.report(run)
    release = str(application.reached("gate.opened", tag=version)["release"])
    until(lambda: application.release(release)["run"], f"the run of {release} is proved")
    return release


@pytest.fixture(scope="module")
def release(application: ApplicationUnderTest) -> str:
    return waits(application, "1.0.0")


def votes(application: ApplicationUnderTest, release: str) -> list[tuple[str, str]]:
    return [(vote["voter"], vote["decision"]) for vote in application.release(release)["gate"]["votes"]]


def refusals(application: ApplicationUnderTest) -> int:
    return [record["action"] for record in application.records()].count("vote.refused")


# ---- a reader
ORDERS: dict[Verb, dict[str, str]] = {
    Verb.FREEZE: {"application": "taken", "environment": "production"},
    Verb.UNFREEZE: {"application": "taken", "environment": "production"},
    Verb.CANCEL: {"release": "taken-1"},
    Verb.RETRY: {"release": "taken-1"},
    Verb.CREATE: {"application": "taken", "tag": "1.0.0"},
    Verb.ROLLBACK: {"application": "taken", "environment": "production", "release": "taken-1"},
    Verb.RESUME: {"application": "taken", "environment": "production"},
    Verb.OVERRIDE: {"release": "taken-1", "environment": "production"},
    Verb.FENCE_RESET: {"application": "taken"},
    Verb.REPLAY: {"parked": "0" * 24},
    Verb.SESSION_END: {"person": PEOPLE["Ada"].oid},
}


@pytest.mark.parametrize("verb", ORDERS)
def test_a_reader_may_give_no_command(grace: Account, verb: Verb) -> None:
    status, problem = grace.api("POST", "/api/v1/commands", {"verb": verb, "reason": "because", **ORDERS[verb]})
    assert (status, problem["title"]) == (403, "Forbidden")


@pytest.mark.parametrize("decision", ["approve", "reject", "withdraw", "object"])
def test_a_vote_of_a_reader_is_refused_and_leaves_no_record(
    grace: Account, application: ApplicationUnderTest, release: str, decision: str
) -> None:
    before = refusals(application)
    assert grace.vote(release, decision)[0] == 403
    assert grace.vote(release, decision, on_behalf_of=PEOPLE["Ada"].oid)[0] == 400
    assert refusals(application) == before


@pytest.mark.parametrize("kind", ["doctor", "reindex"])
def test_a_reader_may_order_no_look(grace: Account, kind: str) -> None:
    assert grace.api("POST", "/api/v1/looks", {"kind": kind, "subject": "taken"})[0] == 403


def test_a_reader_may_not_change_the_catalogue(grace: Account) -> None:
    removal = grace.api("POST", "/api/v1/catalogue/application/taken/removal", {"reason": "x"})
    assert (removal[0], "applied by role:platform" in removal[1]["detail"]) == (409, True)
    assert grace.api("POST", "/api/v1/catalogue/project/integration/removal", {"reason": "x"})[0] == 422


@pytest.mark.parametrize("path", ["/admin/host/keys", "/admin/functions/reconcile", "/admin/host/status"])
def test_a_reader_may_not_reach_the_hosts_own_endpoints(grace: Account, path: str) -> None:
    assert grace.api("GET", path)[0] in (401, 403, 404)


def test_an_id_token_or_a_cookie_is_not_accepted_as_a_token_of_the_api(grace: Account, ada: Account) -> None:
    assert grace.api("GET", "/api/v1/releases", bearer=ada.tokens.id_token)[0] == 401
    ada.browser.read(ada.system.stack.url)
    for cookie in filter(None, ada.browser.cookies[urlsplit(ada.system.stack.url).hostname or ""].values()):
        assert grace.api("GET", "/api/v1/releases", bearer=cookie)[0] == 401


def test_a_form_token_of_another_session_or_page_decides_nothing(grace: Account, ada: Account, release: str) -> None:
    action_url, fields = ada.form(f"/approvals/taken/{release.rpartition('-')[2]}/production")
    _, her_fields = grace.form("/sign-out")
    for form in (fields, her_fields | {"opening": "1"}):
        for decision in ("approve", "reject"):
            assert (
                grace.page("POST", _path(action_url), {"form_token": form["form_token"], "decision": decision})[0]
                == 400
            )


# ---- an approver
def test_an_approver_has_one_vote_however_they_cast_it_and_its_proof_is_hidden_from_a_reader(
    ada: Account, grace: Account, application: ApplicationUnderTest, release: str
) -> None:
    url = f"{application.system.stack.url}/approvals/taken/{release.rpartition('-')[2]}/production"
    ada.browser.decide(url, "approve", "seen")
    for browser in (ada.browser, Signer(ada.browser.oid)):
        with pytest.raises(PageRefused, match="one-vote-each"):
            browser.decide(url, "approve", "once more")
    assert ada.vote(release, "approve")[0] == 403
    assert ada.vote(release, "approve", token="made.up")[0] == 403
    assert votes(application, release) == [(f"oid:{ada.browser.oid}", "approve")]
    assert application.release(release)["phase"] == "awaiting_approval"
    (counted,) = [record for record in application.records() if record["action"] == "vote.approved"]
    assert grace.api("GET", f"/api/v1/evidence/{counted['proof']}")[0] == 404


def test_an_earlier_sign_in_approves_nothing(ada: Account, application: ApplicationUnderTest, release: str) -> None:
    identity = application.system.stack.identity
    url = f"{application.system.stack.url}/approvals/taken/{release.rpartition('-')[2]}/production"
    identity.back_date_sign_ins(3600)
    try:
        with pytest.raises(PageRefused, match="sign-in-is-fresh"):
            Signer(PEOPLE["Ben"].oid).decide(url, "approve", "of an old session")
    finally:
        identity.back_date_sign_ins(0)
    assert len(votes(application, release)) == 1


def test_an_approver_cannot_finish_a_vote_with_the_sign_in_of_another(
    ada: Account, application: ApplicationUnderTest, release: str
) -> None:
    """Ada leads Ben to the provider, and gets hold of the address at which he ends up."""
    before = votes(application, release)
    ada.browser.read(application.system.stack.url)
    action_url, fields = ada.form(f"/approvals/taken/{release.rpartition('-')[2]}/production")
    status, text = ada.page("POST", _path(action_url), fields | {"decision": "approve"})
    assert status == 200
    match = re.search(r'href="([^"]+/authorize[^"]+)"', text)
    assert match is not None, text
    leads = html.unescape(match[1])
    state = parse_qs(urlsplit(leads).query)["state"][0]
    redirect = Browser().go(leads, back_to=f"{application.system.stack.url}/say/back", who=PEOPLE["Ben"].oid)
    back = f"/say/back?{urlencode({'state': state, 'code': redirect.parameters['code']})}"
    elsewhere = Account(application.system, "Ben")
    elsewhere.browser.read(application.system.stack.url)
    assert elsewhere.page("GET", back)[0] == 403
    status, text = ada.page("GET", back)
    assert (status, "The person who signed in there is not the one who pressed the button" in text) == (403, True)
    assert votes(application, release) == before


def test_a_session_that_was_ended_decides_nothing(
    ada: Account, application: ApplicationUnderTest, release: str
) -> None:
    ada.browser.read(application.system.stack.url)
    action_url, fields = ada.form(f"/approvals/taken/{release.rpartition('-')[2]}/production")
    olu = Account(application.system, "Olu")
    ending = {"verb": "session.end", "person": ada.browser.oid, "reason": "taken over"}
    status, receipt = olu.api("POST", "/api/v1/commands", ending)
    assert status == 202
    until(lambda: application.system.get(receipt["address"])["state"] == "counted", "the worker has ended the sessions")
    for decision in ("approve", "reject"):
        assert ada.page("POST", _path(action_url), fields | {"decision": decision, "reason": "x"})[0] == 401
    assert len(votes(application, release)) == 1


def test_nobody_approves_their_own_change_and_a_rejection_of_it_counts(
    ada: Account, application: ApplicationUnderTest
) -> None:
    own_release = waits(application, "1.1.0", author=Somebody(name="Ada", mail=PEOPLE["Ada"].mail))
    url = f"{application.system.stack.url}/approvals/taken/{own_release.rpartition('-')[2]}/production"
    with pytest.raises(PageRefused, match="approver-is-not-committer"):
        ada.browser.decide(url, "approve", "it is mine")
    Signer(PEOPLE["Ben"].oid).decide(url, "approve", "seen")
    with pytest.raises(PageRefused, match="approver-is-not-committer"):
        ada.browser.decide(url, "approve", "it is mine")
    assert votes(application, own_release) == [(f"oid:{PEOPLE['Ben'].oid}", "approve")]
    ada.vote(own_release, "reject")
    until(lambda: application.release(own_release)["phase"] == "rejected", "her rejection counts")


# ---- who may send to `approvals`
def bens_message(**more: Any) -> dict[str, Any]:
    ben = {"tid": TENANT, "oid": PEOPLE["Ben"].oid}
    about = {"application": "spoken", "release": 1, "environment": "production"}
    return {"v": 1, **about, "on_behalf_of": ben, **more}


def ordered(verb: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in bens_message(verb=verb, reason="x", **more).items() if value is not None}


OPENING: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "voter-is-surely-known": lambda gate_fields: bens_message(decision="approve", application="taken", **gate_fields),
    "approver-is-listed": lambda gate_fields: bens_message(
        decision="approve", on_behalf_of={"tid": TENANT, "oid": PEOPLE["Grace"].oid}, **gate_fields
    ),
    "vote-is-for-this-opening": lambda gate_fields: bens_message(decision="approve", **gate_fields | {"opening": 2}),
    "vote-is-for-this-plan": lambda gate_fields: bens_message(
        decision="approve", **gate_fields | {"plan": "sha256:" + "0" * 64}
    ),
}
STOPS = frozenset({Verb.CANCEL, Verb.FREEZE})
PARKED: dict[str, dict[str, Any]] = {
    "level: expected no such field": bens_message(decision="approve", level="signed"),
    "proof: expected no such field": bens_message(decision="approve", proof={"id_token": "x"}),
    "on_behalf_of.roles: expected no such field": bens_message(
        decision="reject", on_behalf_of={"tid": TENANT, "oid": PEOPLE["Ben"].oid, "roles": ["shop-approvers"]}
    ),
    "on_behalf_of.tid: ": bens_message(
        decision="reject", on_behalf_of={"tid": PEOPLE["Ben"].oid, "oid": PEOPLE["Ben"].oid}
    ),
    "plan: expected what the approval is for": bens_message(decision="approve", opening=1),
    "application: ": bens_message(decision="reject", application="_installation"),
    "until: expected no such field": ordered("freeze", release=None, until="2020-01-01T00:00:00Z"),
    **{f"verb: expected 'cancel' or 'freeze', got '{verb}'": ordered(verb) for verb in Verb if verb not in STOPS},
}


def test_a_message_with_an_unacceptable_vote_or_command_in_the_queue_of_approvals_opens_nothing(system: System) -> None:
    application = system.application("spoken")
    release = waits(application, "1.0.0")
    gate = application.release(release)["gate"]
    gate_fields = {"opening": gate["opening"], "plan": gate["plan_hash"]}
    for number, message in enumerate(
        [message_for(gate_fields) for message_for in OPENING.values()] + list(PARKED.values())
    ):
        system.send("approvals", {"id": f"an-attempt-{number}", **message})
    for reason in PARKED:
        system.parked(source="approvals", reason=reason)

    def refused() -> set[str]:
        records = [*application.records(), *system.application("taken").records()]
        broken_rules = [record["details"]["rules"] for record in records if record["action"] == "vote.refused"]
        return {rule for broken in broken_rules for rule in broken}

    until(lambda: OPENING.keys() <= refused(), "each approval is refused by its rule")
    assert application.release(release)["phase"] == "awaiting_approval"
    assert votes(application, release) == []
    assert system.get("/api/v1/freezes")["freezes"] == []


@pytest.mark.parametrize("about", [{"application": "spoken", "environment": "staging"}, {}], ids=["a lane", "all"])
def test_a_refused_message_does_not_use_up_the_id_of_a_later_freeze(system: System, about: dict[str, str]) -> None:
    who = {"tid": TENANT, "oid": PEOPLE["Olu"].oid}
    stop = {"v": 1, "id": f"incident-{len(about)}", "verb": "freeze", "on_behalf_of": who, **about}
    chain = system.application(about.get("application", "_installation"))

    def refused() -> int:
        return [record["action"] for record in chain.records()].count("command.refused")

    before = refused()
    system.send("approvals", stop | {"reason": ""}, message_id=f"bus-{len(about)}")
    until(lambda: refused() > before, "the attempt without a reason is refused")
    reason = f"the database of {about or 'everything'} is on fire"
    system.send("approvals", stop | {"reason": reason}, message_id=f"bus-{len(about)}")
    until(lambda: reason in [freeze["reason"] for freeze in system.get("/api/v1/freezes")["freezes"]], "it is frozen")


def _path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"
