"""A rule about proof that is waived, in a real browser on the whole stack, while Azure DevOps does not answer.

The test follows `docs/how-to/waive-a-rule.md`: the plan shows what cannot be proved, a person whom the project names
waives the rule with a proof of their own, the plan is made again and mentions the waiver, and the release goes on after
a vote on that plan.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.azuredevops import Seeding
from local.ci import Pipeline
from local.process import python
from local.stack import Stack, StackOptions, azurite
from slipway.domain.phases import Phase
from tests.browser.test_proved_votes import api, approve, choose, expect_heading, signed_in, strict, until
from tests.chromium import PHONE, SLOW, too_wide, violations

VERSION = "3.0.0"
RULES = ("change-is-known", "built-by-run")
WHY = "Azure DevOps is down, and this mends what is broken"

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def known_changes(folder: Path) -> Path:
    """The example, whose production requires knowing who is behind a change and which run built it."""
    example = strict(folder)
    application = yaml.safe_load((example / "application.yaml").read_text())
    application["pipeline"] = {"project": "shop", "name": "hello-ci", "branches": ["main"]}
    application["environments"][-1]["gate"]["require_known"] = True
    (example / "application.yaml").write_text(yaml.safe_dump(application, sort_keys=False))
    project = yaml.safe_load((example / "project.yaml").read_text())
    project["waive"] = ["role:release-managers"]
    (example / "project.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
    return example


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not azurite.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("waiver")
    with Stack(StackOptions(folder=folder / "stack", apply=known_changes(folder))) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[Callable[[], BrowserContext]]:
    contexts: list[BrowserContext] = []

    def fresh() -> BrowserContext:
        contexts.append(browser.new_context(viewport=PHONE))
        contexts[-1].set_default_timeout(SLOW)
        return contexts[-1]

    yield fresh
    for browser_context in contexts:
        browser_context.close()


def deliver(stack: Stack) -> str:
    """Build, push and announce an image by a run while Azure DevOps does not answer; returns the release's id."""
    ci = Pipeline(
        app_url=stack.url,
        hook_secret=stack.secrets.hook_secret,
        registry=stack.registries["nonprod"],
        ci_password=stack.secrets.ci_password,
        azure_devops=stack.azure_devops["url"],
    )
    run = ci.begin("Mend what is broken")
    Seeding(stack.azure_devops["url"]).set_stopped(yes=True)
    digest = ci.push(ci.build(VERSION, commit=run.commit), VERSION)
    ci.tell(stack.bus, run, digest, tag=VERSION)
    return str(until(lambda: at_the_gate(stack), f"{VERSION} at the gate"))


def at_the_gate(stack: Stack) -> str | None:
    (newest, *_) = api(stack, "/api/v1/releases?application=hello")["releases"] or [None]
    return newest["id"] if newest and newest["phase"] == Phase.AWAITING_APPROVAL else None


def read_release(stack: Stack, release: str) -> dict[str, Any]:
    document: dict[str, Any] = api(stack, f"/api/v1/releases/{release}")
    return document


def plan_of(stack: Stack, release: str) -> str:
    return str(read_release(stack, release)["plan_hash"])


def slipway(stack: Stack, *words: str) -> str:
    environment = {**os.environ, **stack.command_environment()}
    process = subprocess.run(
        python("slipway.cli", *words), env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode in (0, 6), (words, process.stderr)  # 6: records younger than a day need no anchor yet
    return process.stdout


def waive(page: Page, stack: Stack, release: str, rule: str) -> None:
    page.goto(f"{stack.url}/releases/{release}")
    page.get_by_role("link", name="Cancel, override or waive").click()
    form = page.locator("form", has=page.locator(f'input[name="rule"][value="{rule}"]'))
    expect(page.locator("main")).to_contain_text(f"Waive {rule} for {release} in production")
    form.get_by_label("Why?").fill(WHY)
    form.get_by_role("button", name=re.compile(f"^Waive {rule}")).click()
    expect_heading(page, "Done")


def waive_by_command(page: Page, stack: Stack, release: str, rule: str) -> None:
    """The command names the page on which a person confirms it, and waits."""
    words = ("waive", release, "production", "--rule", rule, "--reason", WHY)
    environment = {**os.environ, **stack.command_environment()}
    with subprocess.Popen(
        python("slipway.cli", *words), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stderr is not None
        address = command.stderr.readline().removeprefix("a person has to confirm it: ").strip()
        assert address.startswith(f"{stack.url}/confirm/"), address
        page.goto(address)
        page.get_by_role("button", name="Confirm").click()
        expect_heading(page, "Done")
        result_url = page.url
        page.goto(address)  # opening the page again sends nothing more
        expect_heading(page, "Done")
        assert page.url == result_url
        output, errors = command.communicate(timeout=SLOW / 1000)
    assert command.returncode == 0, errors
    assert release in output


def test_a_release_whose_source_is_down_goes_on_by_waivers_that_everybody_can_read(
    stack: Stack, context: Callable[[], BrowserContext]
) -> None:
    release = deliver(stack)
    gate = f"/approvals/hello/{release.rpartition('-')[2]}/production"

    # The plan shows what cannot be proved. Nobody can approve it, and the page says who may waive the rule.
    ada = signed_in(context(), stack, gate)
    expect(ada.locator("main")).to_contain_text("TF24668")
    expect(ada.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)
    expect(ada.locator("#decide")).to_contain_text("Nobody can approve it until that is known")
    expect(ada.locator("#decide")).to_contain_text("role:release-managers")
    assert violations(ada) == []
    explanation = slipway(stack, "explain", release)
    assert all(rule in explanation for rule in RULES)
    assert f"slipway waive {release} production --rule change-is-known" in explanation
    before = plan_of(stack, release)

    # A person with the role waives one rule on the page and one by the command, and confirms each at the identity
    # provider.
    olu = context().new_page()
    olu.goto(f"{stack.url}/releases/{release}")
    choose(olu, "Sign in as Olu")
    waive(olu, stack, release, RULES[0])
    waive_by_command(olu, stack, release, RULES[1])
    until(lambda: at_the_gate(stack), "people are asked about the new plan")
    assert plan_of(stack, release) != before
    olu.goto(f"{stack.url}/releases/{release}")
    for rule in RULES:
        expect(olu.locator("main")).to_contain_text(f"In production, {rule} was waived by")
    expect(olu.locator("main")).to_contain_text(WHY)
    assert violations(olu) == []
    assert too_wide(olu) == 0

    # The vote is on the plan that names the waivers, and the release goes live with Azure DevOps still down.
    ada.goto(stack.url + gate)
    for rule in RULES:
        expect(ada.locator("main")).to_contain_text(f"{rule} was waived by")
    approve(ada)
    expect_heading(ada, "Done")
    until(lambda: read_release(stack, release)["phase"] == Phase.COMPLETED or None, f"{release} is live in production")

    # Anybody who looks later finds the waivers.
    listing = slipway(stack, "audit", "list", "--action", "waiver", "--application", "hello")
    verification = slipway(stack, "audit", "verify", "hello")
    explanation = slipway(stack, "explain", release)
    for output in (listing, verification, explanation):
        assert all(rule in output for rule in RULES), output
        assert WHY in output
    ada.goto(f"{stack.url}/numbers")
    expect(ada.locator("main")).to_contain_text("Waived")
