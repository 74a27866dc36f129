"""`slipway applications`, `releases`, `release`, `explain`: for people, and for scripts."""

import json
import re

import pytest

from slipway.domain.release import Evidence, Phase
from slipway.domain.rules import read_result
from slipway.domain.steps import StepKind
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served, application_json, explained, release_json
from tests.unit.domain.samples import ADA, application, digest
from tests.unit.domain.world import World


def rows(text: str) -> list[list[str]]:
    """The columns of plain output, which are two spaces apart at least."""
    return [re.split(r" {2,}", line) for line in text.splitlines()]


def test_releases_are_plain_aligned_columns_in_a_pipe(slipway: Command, shop: World) -> None:
    result = slipway("releases")
    assert result.exit_code == 0
    heading, second, first = rows(result.stdout)
    assert heading == ["RELEASE", "TAG", "PHASE", "ENVIRONMENT", "CHANGED", "REASON"]
    changed_at = f"{shop.releases[2].changed_at:%Y-%m-%dT%H:%M:%SZ}"
    assert second[:5] == ["shop-2", "v2", "awaiting approval", "production", changed_at]
    assert first[:3] == ["shop-1", "v1", "completed"]
    assert "\033" not in result.stdout


def test_columns_are_aligned(slipway: Command) -> None:
    lines = slipway("releases").stdout.splitlines()
    starts = [line.index(word) for line, word in zip(lines, ("PHASE", "awaiting", "completed"), strict=True)]
    assert len(set(starts)) == 1


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("releases",), "releases"),
        (("release", "shop-1"), "release"),
        (("explain", "shop-2"), "explain"),
        (("applications",), "applications"),
    ],
)
def test_json_is_what_the_app_answers(slipway: Command, shop: World, arguments: tuple[str, ...], path: str) -> None:
    result = slipway(*arguments, "--json")
    expected = {
        "releases": {"releases": [release_json(shop, 2), release_json(shop, 1)]},
        "release": {**release_json(shop, 1), "waits_for": "", "progress": None},
        "explain": explained(shop, 2),
        "applications": {"drift": None, "applications": [application_json(shop)], "not_shown": []},
    }
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"v": 1, **expected[path]}
    assert result.stdout.isascii()


def test_fields_that_this_version_does_not_know_reach_scripts_and_disturb_nobody(
    slipway: Command, app: Served, shop: World
) -> None:
    newer_answer = {"releases": [release_json(shop, 1) | {"mood": "fine"}], "more": 1}
    app.replies["releases"] = _reply(newer_answer)
    assert json.loads(slipway("releases", "--json").stdout) == {"v": 1, **newer_answer}
    assert slipway("releases").exit_code == 0


def test_a_release_that_is_being_copied_shows_how_far_it_is(slipway: Command, app: Served, shop: World) -> None:
    counts = {"how": "copy", "blobs": 3, "of_blobs": 12, "bytes": 1_240_000_000, "of_bytes": 5_020_000_000}
    progress = {"environment": "production", "at": "2026-11-23T08:00:00Z", **counts}
    app.replies["releases/shop-1"] = _reply(release_json(shop, 1) | {"waits_for": "", "progress": progress})
    assert re.search(r"(?m)^progress +3 of 12 blobs, 1\.2 of 5\.0 GB$", slipway("release", "shop-1").stdout)
    app.replies["releases/shop-1"] = _reply(release_json(shop, 1) | {"waits_for": "prod: 403", "progress": None})
    stdout = slipway("release", "shop-1").stdout
    assert "progress" not in stdout
    assert re.search(r"(?m)^waits for +prod: 403$", stdout)


def test_the_artifact_of_a_release_is_labelled_as_image_or_bundle(slipway: Command, app: Served, shop: World) -> None:
    assert re.search(r"(?m)^image +ci/team/shop:v1$", slipway("release", "shop-1").stdout)
    bundle = {"version": "v1", "images": [], "environments": ["staging"], "targets": digest("targets")}
    app.replies["releases/shop-1"] = _reply(
        release_json(shop, 1) | {"bundle": bundle, "waits_for": "", "progress": None}
    )
    assert re.search(r"(?m)^bundle +ci/team/shop:v1$", slipway("release", "shop-1").stdout)


def _reply(content: object) -> Reply:
    return Reply(body=json.dumps(content).encode())


def test_application_and_limit_are_passed_on(slipway: Command, app: Served) -> None:
    result = slipway("releases", "--application", "shop", "--limit", "1")
    assert "shop-2" in result.stdout
    assert "shop-1" not in result.stdout
    assert app.requests[-1].target == "/api/v1/releases?application=shop&limit=1"


def test_an_empty_list_of_releases_says_so_on_stderr(slipway: Command, app: Served) -> None:
    app.worlds["shop"] = World(application())
    result = slipway("releases")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no releases yet\n")


def test_a_release_shows_its_artifact_and_where_it_is_live(slipway: Command, shop: World) -> None:
    text = slipway("release", "shop-1").stdout
    assert digest("v1") in text
    assert "ci/team/shop:v1" in text
    assert re.search(r"in staging +live since 2026-11-23T", text)
    assert re.search(r"in production +live since 2026-11-23T", text)
    assert "by ci" in text


def test_a_release_shows_its_timeline_and_no_other_releases_records(slipway: Command, shop: World) -> None:
    text = slipway("release", "shop-1").stdout
    timeline = rows(text[text.index("SEQUENCE") :])[1:]
    own_records = [record for record in shop.audit if record.release == "shop-1"]
    assert [(row[0], row[2]) for row in timeline] == [(str(record.sequence), record.action) for record in own_records]


def test_a_vote_is_shown_with_its_reason(slipway: Command, shop: World) -> None:
    shop.vote(2, ADA, reason="looks fine")
    text = slipway("release", "shop-2").stdout
    assert f"by {ADA}: looks fine" in text


def test_the_evidence_is_shown_with_where_its_log_is(slipway: Command, shop: World) -> None:
    log = digest("log")
    evidence = Evidence(name="acceptance", environment="production", passed=False, summary="2 of 9 failed", log=log)
    shop.effects.fail(
        StepKind.VERIFY, "production", reason="2 of 9 failed", evidence=[evidence.model_dump(mode="json")]
    )
    shop.vote(2, ADA)
    shop.settle()
    assert shop.phase(2) is Phase.ROLLED_BACK
    text = slipway("release", "shop-2").stdout
    assert re.search(r"in production +rolled back since 2026-11-23T", text)
    assert f"✗ acceptance: 2 of 9 failed  (log: slipway evidence {log})" in text


def test_an_explanation_names_every_rule_with_a_mark(slipway: Command, shop: World) -> None:
    result = slipway("explain", "shop-2")
    explanation = explained(shop, 2)
    assert result.stdout.startswith("shop-2  awaiting approval\n" + explanation["headline"])
    assert f"\nnext: {explanation['next']}\npage: " in result.stdout
    assert result.stdout.rstrip().endswith("/releases/shop-2")
    table = rows(result.stdout[result.stdout.index("ENVIRONMENT") :])[1:-3]
    assert table == [
        [environment["environment"], result.mark, result.name, result.reason]
        for environment in explanation["rules"]
        for rule in environment["rules"]
        for result in [read_result(rule)]
        if result
    ]


def test_applications_show_what_runs_where(slipway: Command, shop: World) -> None:
    heading, staging, production = rows(slipway("applications").stdout)
    assert heading == ["APPLICATION", "ENVIRONMENT", "GATE", "LIVE", "STATE", "TAG", "SINCE", "ROLLING", "WAITING"]
    assert staging[:6] == ["shop", "staging", "auto", "shop-2", "-", "v2"]
    assert production[:6] == ["shop", "production", "approval", "shop-1", "-", "v1"]
    assert production[8] == "shop-2"


def test_a_name_with_a_slash_stays_one_part_of_the_path(slipway: Command, app: Served) -> None:
    result = slipway("release", "../parked?x#y")
    assert result.exit_code == 3
    assert app.requests[0].target == "/api/v1/releases/..%2Fparked%3Fx%23y"


def test_reports_that_a_waiting_release_ignored_are_listed_before_its_next_step(
    slipway: Command, app: Served, shop: World
) -> None:
    report = {"at": "2026-11-23T08:00:00Z", "what": "run 7", "why": "branch-counts: branch topic, of main"}
    app.replies["releases/shop-1/explain"] = _reply(explained(shop, 1) | {"later_reports": [report]})
    lines = slipway("explain", "shop-1").stdout.splitlines()
    at = lines.index("reported meanwhile, and ignored:")
    assert re.split(r" {2,}", lines[at + 2]) == ["2026-11-23T08:00:00Z", "run 7", report["why"]]
    assert lines[at + 4].startswith("next: ")
