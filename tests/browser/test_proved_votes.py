"""A vote with a proof in a real browser, on the whole stack: the button, the identity provider, the page that follows.

The gate asks for level `signed` and a fresh sign-in; Ada and Ben may vote by a role on both registrations, Grace has
it on neither, Una on that of the sign-in alone, and Vic on that of the votes alone. The provider is another site
(`localhost`; the app is on `127.0.0.1`), so that what browsers do between sites is done here: `form-action` on
redirects, `SameSite` cookies, `Sec-Fetch-Site`.
"""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from azure.data.tables import TableServiceClient, UpdateMode
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.ci import Pipeline
from local.identity import SIGN_IN, VOTES, Person
from local.stack import Stack, StackOptions, azurite
from slipway.bootstrap.roles import AppRole
from slipway.domain.phases import Phase
from slipway.http.saying import BACK
from tests.chromium import PHONE, SLOW, violations

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello-aks"
WITHIN = 180.0
"""Seconds to wait for a condition; only a test that fails waits so long."""
GATE = {"kind": "approval", "approvers": ["role:shop-approvers"], "deadline": "24h", "level": "signed", "fresh": "5m"}
ASKED, NOT_ASKED = ("reader", "shop-approvers"), ("reader",)
PEOPLE = (
    Person(
        oid="aaaaaaaa-0000-4000-8000-000000000021",
        name="Una",
        mail="una@example.com",
        roles={SIGN_IN: ASKED, VOTES: NOT_ASKED},
    ),
    Person(
        oid="aaaaaaaa-0000-4000-8000-000000000022",
        name="Vic",
        mail="vic@example.com",
        roles={SIGN_IN: NOT_ASKED, VOTES: ASKED},
    ),
)

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def strict(folder: Path) -> Path:
    """The example, started by a push, whose production takes approvals with a proof only."""
    example = folder / "example"
    for part in ("manifests", "verify"):
        shutil.copytree(EXAMPLE / part, example / part)
    shutil.copy(EXAMPLE / "project.yaml", example)
    application = yaml.safe_load((EXAMPLE / "application.yaml").read_text())
    application["start"] = "push"
    del application["pipeline"]
    application["environments"][-1]["gate"] = GATE
    (example / "application.yaml").write_text(yaml.safe_dump(application, sort_keys=False))
    return example


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("proved-votes")
    with Stack(StackOptions(folder=folder / "stack", apply=strict(folder), people=PEOPLE)) as running:
        yield running


@pytest.fixture(scope="module")
def waiting(stack: Stack) -> Callable[[str], str]:
    """Push a version and bring it to the gate of production; gives the path of its approval page."""
    ci = Pipeline(
        app_url=stack.url,
        hook_secret=stack.secrets.hook_secret,
        registry=stack.registries["nonprod"],
        ci_password=stack.secrets.ci_password,
        azure_devops=stack.azure_devops["url"],
    )

    def brought(version: str) -> str:
        ci.push(ci.build(version), version)
        release = until(lambda: at_the_gate(stack, version), f"{version} at the gate")
        return f"/approvals/hello/{release['number']}/production"

    return brought


def until[T](condition: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if (found := condition()) is not None:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {WITHIN:g} s: {what}")


def api(stack: Stack, path: str) -> Any:
    answer = stack.http.request("GET", stack.url + path, headers={"x-functions-key": stack.secrets.function_key})
    assert answer.status == 200, (path, answer.status, answer.data[:300])
    return answer.json()


def at_the_gate(stack: Stack, version: str) -> dict[str, Any] | None:
    releases = api(stack, "/api/v1/releases?application=hello&limit=50")["releases"]
    mine = [each for each in releases if each["tag"] == version and each["phase"] == Phase.AWAITING_APPROVAL]
    return {"number": mine[0]["id"].rpartition("-")[2]} if mine else None


def records(stack: Stack, action: str) -> list[dict[str, Any]]:
    found = api(stack, "/api/v1/audit/hello?limit=500")["records"]
    return [each for each in found if each["action"] == action]


def challenges(stack: Stack) -> int:
    tables = TableServiceClient.from_connection_string(stack.storage)
    return sum(1 for _ in tables.get_table_client("challenges").list_entities())


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """Gives browsers, each with no cookies."""
    opened: list[BrowserContext] = []

    def fresh() -> BrowserContext:
        context = browser.new_context(viewport=PHONE)
        context.set_default_timeout(SLOW)
        opened.append(context)
        return context

    yield fresh
    for context in opened:
        context.close()


def choose(page: Page, who: str) -> None:
    """The page of the identity provider."""
    page.get_by_role("button", name=re.compile(f"^{who}")).click()


def signed_in(context: BrowserContext, stack: Stack, path: str, who: str = "Ada") -> Page:
    """The approval page, as a signed-in person sees it."""
    page = context.new_page()
    page.goto(stack.url + path)
    choose(page, f"Sign in as {who}")
    expect(page.locator("h1")).to_contain_text("Approve")
    return page


def approve(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^✓ Approve|^Approve")).click()


def ended(page: Page, title: str, *, within: float = SLOW) -> None:
    """`within`: milliseconds."""
    expect(page.locator("h1")).to_have_text(title, timeout=within)


@pytest.fixture(scope="module")
def open_gate(waiting: Callable[[str], str]) -> str:
    """A release that stays at the gate while nobody's vote counts."""
    return waiting("2.0.0")


def at_the_provider(page: Page, stack: Stack) -> None:
    page.wait_for_url(re.compile(re.escape(stack.identity.issuer.rpartition("/v2.0")[0])))


def test_cancelled_at_the_provider_nothing_is_sent_and_the_button_is_offered_again(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    # The session at the provider is a moment old, so that the vote asks nobody; a browser that lost it is asked.
    page.context.clear_cookies(domain="localhost")
    approve(page)
    at_the_provider(page, stack)
    choose(page, "Cancel")
    ended(page, "Nothing was sent")
    assert violations(page) == []
    page.get_by_role("link", name="Back to where you were").click()
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_be_visible()


def test_whoever_signs_in_there_as_somebody_else_sends_nothing(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    approve(page)
    at_the_provider(page, stack)
    choose(page, "Sign in as Grace")
    ended(page, "Nothing was sent")
    expect(page.locator("main")).to_contain_text("The person who signed in there is not the one who pressed the button")
    assert violations(page) == []


def test_a_role_on_the_registration_of_the_sign_in_alone_shows_the_button_and_counts_for_nothing(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate, "Una")
    approve(page)
    ended(page, "Refused")
    expect(page.locator("main")).to_contain_text("approver-is-listed")
    assert violations(page) == []
    assert records(stack, "vote.approved") == []
    assert records(stack, "vote.refused")[-1]["actor"] == f"oid:{PEOPLE[0].oid}"


def test_a_role_on_the_registration_of_the_votes_alone_shows_no_button(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = person().new_page()
    page.goto(stack.url + open_gate)
    choose(page, "Sign in as Vic")
    ended(page, "You are not an approver")
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)


def test_the_way_back_of_another_browser_is_refused(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    approve(page)
    at_the_provider(page, stack)
    other = person().new_page()
    other.goto(next(address for address in asked if "/authorize?" in address))  # with the first browser's state
    choose(other, "Sign in as Ada")
    ended(other, "Nothing was sent")
    expect(other.locator("main")).to_contain_text("another browser")
    assert records(stack, "vote.approved") == []


def test_a_vote_asks_the_provider_for_a_sign_in_as_fresh_as_the_gate_demands(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    approve(page)
    at_the_provider(page, stack)
    query = parse_qs(urlsplit(next(address for address in asked if "/authorize?" in address)).query)
    assert query["max_age"] == ["300"]
    assert query["response_mode"] == ["query"]
    assert query["code_challenge_method"] == ["S256"]


def test_a_form_whose_session_is_over_leads_to_the_sign_in_and_sends_nothing(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="127.0.0.1", name=re.compile("session"))
    challenged = challenges(stack)
    approve(page)
    page.wait_for_load_state()
    assert challenges(stack) == challenged
    assert records(stack, "vote.approved") == []
    page.get_by_role("link", name=re.compile("Sign in")).click()
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_be_visible()


def test_with_the_provider_gone_nothing_is_counted(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    """The browser cannot reach the provider, so the person sees that; nothing was said in their name."""
    page = signed_in(person(), stack, open_gate)
    page.route(re.compile(r"^http://localhost:"), lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: request.url.startswith("http://localhost:")):
        approve(page)
    assert records(stack, "vote.approved") == []


# ---- a sign-in that is too old
@pytest.fixture
def hour_old(stack: Stack) -> Iterator[None]:
    """A provider that accepts a sign-in of an hour ago, whatever the request demands."""
    stack.identity.signed_in_ago(3600)
    yield
    stack.identity.signed_in_ago(0)


def prompts(page: Page) -> list[str]:
    """The `prompt` of each request to the provider, in the order of the requests."""
    asked: list[str] = []

    def note(address: str) -> None:
        if "/authorize?" in address:
            asked.append(parse_qs(urlsplit(address).query).get("prompt", [""])[0])

    page.on("request", lambda request: note(request.url))
    return asked


@pytest.mark.usefixtures("hour_old")
def test_a_sign_in_that_stays_too_old_is_refused_by_the_worker_and_the_page_says_what_to_do(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    asked = prompts(page)
    approve(page)
    at_the_provider(page, stack)
    choose(page, "Sign in as Ada")
    ended(page, "Refused")
    assert asked == ["", "login"], "the front asked once more, for the credential"
    expect(page.locator("main")).to_contain_text("sign-in-is-fresh")
    expect(page.locator("main")).to_contain_text("Press the button again, and give your password or key")
    assert violations(page) == []
    assert records(stack, "vote.approved") == []
    assert any("sign-in-is-fresh" in record["details"]["rules"] for record in records(stack, "vote.refused"))


# ---- too late
def grow_old(stack: Stack, by: timedelta) -> None:
    """Let the newest challenge be older: its row is the only clock that the way back goes by."""
    table = TableServiceClient.from_connection_string(stack.storage).get_table_client("challenges")
    rows = [row for row in table.list_entities() if row["RowKey"].startswith("challenge!")]
    newest = max(rows, key=lambda row: str(json.loads(row["Data"])["made_at"]))
    content = json.loads(newest["Data"])
    content["made_at"] = (datetime.fromisoformat(content["made_at"]) - by).isoformat()
    table.update_entity(newest | {"Data": json.dumps(content)}, mode=UpdateMode.REPLACE)


def test_whoever_comes_back_after_a_quarter_of_an_hour_has_sent_nothing_and_can_begin_again(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    approve(page)
    at_the_provider(page, stack)
    grow_old(stack, timedelta(minutes=15))
    said = challenges(stack)
    choose(page, "Sign in as Ada")
    ended(page, "Nothing was sent")
    expect(page.locator("main")).to_contain_text("More than a quarter of an hour passed")
    assert violations(page) == []
    assert challenges(stack) == said, "the challenge was not marked as answered"
    page.get_by_role("link", name="Back to where you were").click()
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_be_visible()


# ---- what is counted, each at a gate of its own
def test_two_tabs_of_one_browser_are_two_statements_of_which_one_counts(
    stack: Stack, waiting: Callable[[str], str], person: Callable[[], BrowserContext]
) -> None:
    path = waiting("2.1.0")
    context = person()
    first = signed_in(context, stack, path)
    second = context.new_page()
    second.goto(stack.url + path)
    held = len(records(stack, "vote.approved"))
    challenged = challenges(stack)
    came_back: list[str] = []
    first.on("request", lambda request: came_back.extend([request.url] if BACK in request.url else []))
    approve(first)
    ended(first, "Done")
    approve(second)
    ended(second, "Refused")
    assert len(records(stack, "vote.approved")) == held + 1
    assert challenges(stack) == challenged + 4, "a challenge and its mark for each tab"
    record = records(stack, "vote.approved")[-1]
    assert record["actor"].startswith("oid:")
    assert record["proof"].startswith("sha256:")
    assert record["inbox"]

    # The way back again, as Back, a reload or a restored tab ask for it: the same page, and nothing more is sent.
    followed = first.url
    first.go_back()
    first.wait_for_load_state()
    for tab in (first, context.new_page()):
        tab.goto(came_back[0])
        ended(tab, "Done")
        assert tab.url == followed
    stranger = person().new_page()
    stranger.goto(came_back[0])
    ended(stranger, "Nothing was sent")
    assert len(records(stack, "vote.approved")) == held + 1
    assert challenges(stack) == challenged + 4


@pytest.mark.usefixtures("hour_old")
def test_whoever_gives_the_credential_when_asked_once_more_is_counted(
    stack: Stack, waiting: Callable[[str], str], person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, waiting("2.2.0"))
    asked = prompts(page)
    approve(page)
    at_the_provider(page, stack)
    assert asked == ["", "login"]
    stack.identity.signed_in_ago(0)
    choose(page, "Sign in as Ada")
    ended(page, "Done")


def test_a_vote_that_arrived_before_the_provider_went_away_waits_and_counts_when_it_is_back(
    stack: Stack, waiting: Callable[[str], str], person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, waiting("2.3.0"))
    held = len(records(stack, "vote.approved"))
    stack.stop_role(AppRole.WORKER)  # a worker that starts again has fetched no keys of the provider
    try:
        approve(page)
        ended(page, "Received")
        stack.identity.goes_away()
    finally:
        stack.start_role(AppRole.WORKER)
    try:
        ended(page, "Received, not decided yet", within=1000 * WITHIN)
        expect(page.locator("main")).to_contain_text("the vote cannot be verified yet")
        expect(page.locator("main")).to_contain_text("will not be lost")
        assert violations(page) == []
        assert len(records(stack, "vote.approved")) == held
    finally:
        stack.identity.comes_back()
    ended(page, "Done", within=1000 * WITHIN)
    assert len(records(stack, "vote.approved")) == held + 1
