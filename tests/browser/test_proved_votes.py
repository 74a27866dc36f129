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
APPROVER_ROLES, READER_ROLES = ("reader", "shop-approvers"), ("reader",)
PEOPLE = (
    Person(
        oid="aaaaaaaa-0000-4000-8000-000000000021",
        name="Una",
        mail="una@example.com",
        roles={SIGN_IN: APPROVER_ROLES, VOTES: READER_ROLES},
    ),
    Person(
        oid="aaaaaaaa-0000-4000-8000-000000000022",
        name="Vic",
        mail="vic@example.com",
        roles={SIGN_IN: READER_ROLES, VOTES: APPROVER_ROLES},
    ),
)

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def strict(folder: Path) -> Path:
    """The example, started by a push, with a gate before production that takes only votes with a proof."""
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
def push_to_gate(stack: Stack) -> Callable[[str], str]:
    """Pushes a version, waits until it is at the gate of production, and returns the path of its approval page."""
    ci = Pipeline(
        app_url=stack.url,
        hook_secret=stack.secrets.hook_secret,
        registry=stack.registries["nonprod"],
        ci_password=stack.secrets.ci_password,
        azure_devops=stack.azure_devops["url"],
    )

    def push(version: str) -> str:
        ci.push(ci.build(version), version)
        release = until(lambda: at_the_gate(stack, version), f"{version} at the gate")
        return f"/approvals/hello/{release['number']}/production"

    return push


def until[T](condition: Callable[[], T | None], description: str) -> T:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if (value := condition()) is not None:
            return value
        time.sleep(0.2)
    raise AssertionError(f"not within {WITHIN:g} s: {description}")


def api(stack: Stack, path: str) -> Any:
    response = stack.http.request("GET", stack.url + path, headers={"x-functions-key": stack.secrets.function_key})
    assert response.status == 200, (path, response.status, response.data[:300])
    return response.json()


def at_the_gate(stack: Stack, version: str) -> dict[str, Any] | None:
    releases = api(stack, "/api/v1/releases?application=hello&limit=50")["releases"]
    at_gate = [
        release for release in releases if release["tag"] == version and release["phase"] == Phase.AWAITING_APPROVAL
    ]
    return {"number": at_gate[0]["id"].rpartition("-")[2]} if at_gate else None


def records(stack: Stack, action: str) -> list[dict[str, Any]]:
    all_records = api(stack, "/api/v1/audit/hello?limit=500")["records"]
    return [record for record in all_records if record["action"] == action]


def challenges(stack: Stack) -> int:
    tables = TableServiceClient.from_connection_string(stack.storage)
    return sum(1 for _ in tables.get_table_client("challenges").list_entities())


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    """Opens browsers, each without cookies."""
    contexts: list[BrowserContext] = []

    def fresh() -> BrowserContext:
        context = browser.new_context(viewport=PHONE)
        context.set_default_timeout(SLOW)
        contexts.append(context)
        return context

    yield fresh
    for context in contexts:
        context.close()


def choose(page: Page, label: str) -> None:
    """Press the button of the identity provider's page whose name begins with the label."""
    page.get_by_role("button", name=re.compile(f"^{label}")).click()


def signed_in(context: BrowserContext, stack: Stack, path: str, who: str = "Ada") -> Page:
    """The approval page, opened by a person who signs in."""
    page = context.new_page()
    page.goto(stack.url + path)
    choose(page, f"Sign in as {who}")
    expect(page.locator("h1")).to_contain_text("Approve")
    return page


def approve(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^✓ Approve|^Approve")).click()


def expect_heading(page: Page, title: str, *, within: float = SLOW) -> None:
    """Wait for the heading, at most `within` milliseconds."""
    expect(page.locator("h1")).to_have_text(title, timeout=within)


@pytest.fixture(scope="module")
def open_gate(push_to_gate: Callable[[str], str]) -> str:
    """A release that stays at the gate while nobody's vote counts."""
    return push_to_gate("2.0.0")


def wait_for_provider(page: Page, stack: Stack) -> None:
    page.wait_for_url(re.compile(re.escape(stack.identity.issuer.rpartition("/v2.0")[0])))


def test_a_vote_cancelled_at_the_provider_is_not_sent_and_the_button_is_offered_again(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    # The session at the provider is a moment old, so it would not ask; a browser that lost the session is asked.
    page.context.clear_cookies(domain="localhost")
    approve(page)
    wait_for_provider(page, stack)
    choose(page, "Cancel")
    expect_heading(page, "Nothing was sent")
    assert violations(page) == []
    page.get_by_role("link", name="Back to where you were").click()
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_be_visible()


def test_a_sign_in_as_another_person_at_the_provider_sends_no_vote(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    approve(page)
    wait_for_provider(page, stack)
    choose(page, "Sign in as Grace")
    expect_heading(page, "Nothing was sent")
    expect(page.locator("main")).to_contain_text("The person who signed in there is not the one who pressed the button")
    assert violations(page) == []


def test_a_role_only_on_the_sign_in_registration_shows_the_button_but_the_vote_is_refused(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate, "Una")
    approve(page)
    expect_heading(page, "Refused")
    expect(page.locator("main")).to_contain_text("approver-is-listed")
    assert violations(page) == []
    assert records(stack, "vote.approved") == []
    assert records(stack, "vote.refused")[-1]["actor"] == f"oid:{PEOPLE[0].oid}"


def test_a_role_only_on_the_registration_of_votes_shows_no_button(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = person().new_page()
    page.goto(stack.url + open_gate)
    choose(page, "Sign in as Vic")
    expect_heading(page, "You are not an approver")
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)


def test_a_return_from_the_provider_in_another_browser_is_refused(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    approve(page)
    wait_for_provider(page, stack)
    other_page = person().new_page()
    other_page.goto(next(address for address in urls if "/authorize?" in address))  # with the first browser's state
    choose(other_page, "Sign in as Ada")
    expect_heading(other_page, "Nothing was sent")
    expect(other_page.locator("main")).to_contain_text("another browser")
    assert records(stack, "vote.approved") == []


def test_a_vote_asks_the_provider_for_a_sign_in_as_fresh_as_the_gate_demands(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    approve(page)
    wait_for_provider(page, stack)
    query = parse_qs(urlsplit(next(address for address in urls if "/authorize?" in address)).query)
    assert query["max_age"] == ["300"]
    assert query["response_mode"] == ["query"]
    assert query["code_challenge_method"] == ["S256"]


def test_a_form_whose_session_is_over_leads_to_the_sign_in_and_sends_nothing(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="127.0.0.1", name=re.compile("session"))
    challenges_before = challenges(stack)
    approve(page)
    page.wait_for_load_state()
    assert challenges(stack) == challenges_before
    assert records(stack, "vote.approved") == []
    page.get_by_role("link", name=re.compile("Sign in")).click()
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_be_visible()


def test_no_vote_is_counted_while_the_provider_is_unreachable(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    """The browser shows the person that it cannot reach the provider; nothing was sent in their name."""
    page = signed_in(person(), stack, open_gate)
    page.route(re.compile(r"^http://localhost:"), lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: request.url.startswith("http://localhost:")):
        approve(page)
    assert records(stack, "vote.approved") == []


# ---- a sign-in that is too old
@pytest.fixture
def hour_old(stack: Stack) -> Iterator[None]:
    """A provider that accepts a sign-in of an hour ago, whatever the request demands."""
    stack.identity.back_date_sign_ins(3600)
    yield
    stack.identity.back_date_sign_ins(0)


def prompts(page: Page) -> list[str]:
    """The `prompt` of each request to the provider, in the order of the requests."""
    values: list[str] = []

    def note(address: str) -> None:
        if "/authorize?" in address:
            values.append(parse_qs(urlsplit(address).query).get("prompt", [""])[0])

    page.on("request", lambda request: note(request.url))
    return values


@pytest.mark.usefixtures("hour_old")
def test_a_sign_in_that_stays_too_old_is_refused_by_the_worker_and_the_page_says_what_to_do(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    prompt_values = prompts(page)
    approve(page)
    wait_for_provider(page, stack)
    choose(page, "Sign in as Ada")
    expect_heading(page, "Refused")
    assert prompt_values == ["", "login"], "the front asked once more, for the credential"
    expect(page.locator("main")).to_contain_text("sign-in-is-fresh")
    expect(page.locator("main")).to_contain_text("Press the button again, and give your password or key")
    assert violations(page) == []
    assert records(stack, "vote.approved") == []
    assert any("sign-in-is-fresh" in record["details"]["rules"] for record in records(stack, "vote.refused"))


# ---- too late
def grow_old(stack: Stack, by: timedelta) -> None:
    """Make the newest challenge older: the way back takes its age from its row alone."""
    table = TableServiceClient.from_connection_string(stack.storage).get_table_client("challenges")
    rows = [row for row in table.list_entities() if row["RowKey"].startswith("challenge!")]
    newest = max(rows, key=lambda row: str(json.loads(row["Data"])["made_at"]))
    content = json.loads(newest["Data"])
    content["made_at"] = (datetime.fromisoformat(content["made_at"]) - by).isoformat()
    table.update_entity(newest | {"Data": json.dumps(content)}, mode=UpdateMode.REPLACE)


def test_a_return_from_the_provider_after_a_quarter_of_an_hour_sends_no_vote_and_can_begin_again(
    stack: Stack, open_gate: str, person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, open_gate)
    page.context.clear_cookies(domain="localhost")
    approve(page)
    wait_for_provider(page, stack)
    grow_old(stack, timedelta(minutes=15))
    challenges_before = challenges(stack)
    choose(page, "Sign in as Ada")
    expect_heading(page, "Nothing was sent")
    expect(page.locator("main")).to_contain_text("More than a quarter of an hour passed")
    assert violations(page) == []
    assert challenges(stack) == challenges_before, "the challenge was not marked as answered"
    page.get_by_role("link", name="Back to where you were").click()
    expect(page.get_by_role("button", name=re.compile("Approve"))).to_be_visible()


# ---- what is counted, each at a gate of its own
def test_two_tabs_of_one_browser_make_two_statements_and_one_counts(
    stack: Stack, push_to_gate: Callable[[str], str], person: Callable[[], BrowserContext]
) -> None:
    path = push_to_gate("2.1.0")
    context = person()
    first = signed_in(context, stack, path)
    second = context.new_page()
    second.goto(stack.url + path)
    approved_before = len(records(stack, "vote.approved"))
    challenges_before = challenges(stack)
    return_urls: list[str] = []
    first.on("request", lambda request: return_urls.extend([request.url] if BACK in request.url else []))
    approve(first)
    expect_heading(first, "Done")
    approve(second)
    expect_heading(second, "Refused")
    assert len(records(stack, "vote.approved")) == approved_before + 1
    assert challenges(stack) == challenges_before + 4, "a challenge and its mark for each tab"
    record = records(stack, "vote.approved")[-1]
    assert record["actor"].startswith("oid:")
    assert record["proof"].startswith("sha256:")
    assert record["inbox"]

    # The way back once more, as the Back button, a reload or a restored tab requests it: it leads to the same page, and
    # nothing more is sent.
    result_url = first.url
    first.go_back()
    first.wait_for_load_state()
    for tab in (first, context.new_page()):
        tab.goto(return_urls[0])
        expect_heading(tab, "Done")
        assert tab.url == result_url
    stranger = person().new_page()
    stranger.goto(return_urls[0])
    expect_heading(stranger, "Nothing was sent")
    assert len(records(stack, "vote.approved")) == approved_before + 1
    assert challenges(stack) == challenges_before + 4


@pytest.mark.usefixtures("hour_old")
def test_a_vote_counts_after_the_person_gives_the_credential_when_asked_again(
    stack: Stack, push_to_gate: Callable[[str], str], person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, push_to_gate("2.2.0"))
    prompt_values = prompts(page)
    approve(page)
    wait_for_provider(page, stack)
    assert prompt_values == ["", "login"]
    stack.identity.back_date_sign_ins(0)
    choose(page, "Sign in as Ada")
    expect_heading(page, "Done")


def test_a_vote_that_arrived_before_the_provider_went_away_waits_and_counts_when_it_is_back(
    stack: Stack, push_to_gate: Callable[[str], str], person: Callable[[], BrowserContext]
) -> None:
    page = signed_in(person(), stack, push_to_gate("2.3.0"))
    approved_before = len(records(stack, "vote.approved"))
    stack.stop_role(AppRole.WORKER)  # a worker that starts again has fetched no keys of the provider
    try:
        approve(page)
        expect_heading(page, "Received")
        stack.identity.make_unreachable()
    finally:
        stack.start_role(AppRole.WORKER)
    try:
        expect_heading(page, "Received, not decided yet", within=1000 * WITHIN)
        expect(page.locator("main")).to_contain_text("the vote cannot be verified yet")
        expect(page.locator("main")).to_contain_text("will not be lost")
        assert violations(page) == []
        assert len(records(stack, "vote.approved")) == approved_before
    finally:
        stack.identity.make_reachable()
    expect_heading(page, "Done", within=1000 * WITHIN)
    assert len(records(stack, "vote.approved")) == approved_before + 1
