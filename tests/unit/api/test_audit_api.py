"""Queries of the trail over the API: each is one request, and each wrong one a 400 that names the parameter."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import azure.functions as func
import pytest

from slipway.domain.roles import Role
from slipway.ledger import LedgerUnavailable
from slipway.ledger.index_keys import COPIES, copies
from slipway.ledger.table import Act, Write
from slipway.testing import ADA
from tests.unit.api.in_process import Served, serve
from tests.unit.web.installation import ScriptedInstallation, digest


def two_releases(patch: pytest.MonkeyPatch) -> tuple[ScriptedInstallation, Served]:
    """hello 1.4.0 is live in production, approved by Ada; 1.5.0 was rejected by her."""
    home = ScriptedInstallation()
    served = serve(patch, home)
    home.hear_at_once()
    for version, decision in (("1.4.0", "approve"), ("1.5.0", "reject")):
        release = home.bring(version)
        body = {"decision": decision, "reason": f"{version} is so", "token": home.token(release)}
        headers = {"Content-Type": "application/json"}
        response = served.request(
            "POST", f"/api/v1/approvals/{release.id}", headers=headers, body=json.dumps(body).encode()
        )
        assert response.status_code == 200
        home.settle()
        home.wait(timedelta(hours=1))
    return home, served


@pytest.fixture(scope="module")
def home_and_app() -> Iterator[tuple[ScriptedInstallation, Served]]:
    """Two releases, for tests that only read."""
    with pytest.MonkeyPatch.context() as patch:
        yield two_releases(patch)


@pytest.fixture
def home(home_and_app: tuple[ScriptedInstallation, Served]) -> ScriptedInstallation:
    return home_and_app[0]


@pytest.fixture
def app(home_and_app: tuple[ScriptedInstallation, Served]) -> Served:
    return home_and_app[1]


def get_json(app: Served, target: str, **headers: str) -> dict[str, Any]:
    response = app.get(f"/api/v1/{target}", **headers)
    assert response.status_code == 200, response.get_body()
    content: dict[str, Any] = json.loads(response.get_body())
    return content


def problem_of(response: func.HttpResponse, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.get_body()
    assert response.mimetype == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = json.loads(response.get_body())
    assert problem["status"] == status
    assert problem["type"].startswith("urn:slipway:problem:")
    return problem


def actions(page: dict[str, Any]) -> list[str]:
    return [record["action"] for record in page["records"]]


# ---- queries
def test_the_records_of_a_release_are_listed_newest_first(app: Served, home: ScriptedInstallation) -> None:
    content = get_json(app, "audit?release=hello-1&limit=200")
    records = [record for record in home.app.reader.audit("hello") if getattr(record, "release", None) == "hello-1"]
    assert [record["sequence"] for record in content["records"]] == [r.sequence for r in reversed(records)]
    assert content["next"] is None


def test_a_live_release_is_answered_with_its_approvals_its_gate_and_its_evidence(app: Served) -> None:
    (live,) = get_json(app, "environments/production/live")["live"]
    assert (live["application"], live["release"], live["tag"]) == ("hello", "hello-1", "1.4.0")
    assert live["digest"] == digest("1.4.0")
    (approval,) = live["approvals"]
    assert (approval["actor"], approval["reason"]) == (ADA, "1.4.0 is so")
    assert live["gate"].startswith("gate.passed #")
    assert {(item["environment"], item["name"], item["passed"]) for item in live["evidence"]} >= {
        ("staging", "acceptance", True)
    }
    (record,) = get_json(app, f"audit/hello?after={approval['sequence'] - 1}&limit=1")["records"]
    assert (record["actor"], record["details"]["plan_hash"]) == (ADA, live["plan_hash"])


def test_the_records_of_a_person_are_found_in_any_case_of_letters(app: Served) -> None:
    assert actions(get_json(app, f"audit?actor={quote(ADA.upper())}")) == [
        "release.rejected",
        "vote.rejected",
        "vote.approved",
    ]


def test_the_changes_of_production_between_two_dates_are_found(app: Served) -> None:
    content = get_json(app, "audit?environment=production&action=change&from=2026-11-23&to=2026-11-23")
    assert actions(content) == ["release.live", "rollout.applied"]
    assert actions(get_json(app, "audit?environment=production&action=change&to=2026-11-22")) == []


def test_the_records_of_an_image_are_found_by_a_part_of_its_digest_in_every_environment(app: Served) -> None:
    content = get_json(app, f"audit?digest={digest('1.5.0')[7:17]}&limit=200")
    assert {record["digest"] for record in content["records"]} == {digest("1.5.0")}
    assert {record["environment"] for record in content["records"]} >= {"staging", "production"}


def test_interventions_are_found_by_their_class_of_actions(app: Served) -> None:
    assert actions(get_json(app, "audit?action=intervention")) == ["release.rejected", "vote.rejected"]
    assert actions(get_json(app, "audit?action=rejection&application=hello")) == ["release.rejected", "vote.rejected"]
    assert actions(get_json(app, "audit?action=freeze")) == []


def test_pages_follow_each_other_without_gap_or_repeat(app: Served) -> None:
    all_records = get_json(app, "audit?application=hello&limit=200")["records"]
    records, after = [], ""
    while True:
        page = get_json(app, "audit?application=hello&limit=7" + (f"&after={after}" if after else ""))
        records += page["records"]
        if page["next"] is None:
            break
        after = page["next"]
    assert records == all_records
    assert len(records) > 20


# ---- wrong queries
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("form=2026-11-23", "form"),
        ("%24filter=PartitionKey%20ne%20''", "$filter"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=2026-11-24&to=2026-11-23", "from"),
        ("from=2001-01-01&to=2026-01-01", "from"),
        ("to=9999-12-31", "to"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("application=" + quote("hello' or 'a' eq 'a"), "application"),
        ("environment=" + quote("production') or true"), "environment"),
        ("action=" + quote("x' or 1 eq 1"), "action"),
        ("digest=" + quote("abcdef' or '"), "digest"),
        ("digest=abc", "digest"),
        ("release=hello", "release"),
        ("actor=" + "a" * 300, "actor"),
        ("actor=", "actor"),
        ("after=nonsense", "after"),
    ],
)
def test_a_wrong_parameter_of_a_query_is_a_400_that_names_it(app: Served, query: str, parameter: str) -> None:
    assert problem_of(app.get(f"/api/v1/audit?{query}"))["parameter"] == parameter


def test_a_token_of_another_query_is_a_400(app: Served) -> None:
    token = get_json(app, "audit?application=hello&limit=5")["next"]
    problem = problem_of(app.get(f"/api/v1/audit?environment=production&limit=5&after={token}"))
    assert problem["parameter"] == "after"
    assert "another query" in problem["detail"]
    assert get_json(app, f"audit?application=hello&limit=9&after={token}")["records"]


def test_text_of_a_query_is_a_value_and_never_a_condition(app: Served) -> None:
    for actor in ("' or PartitionKey ne '", "x' or true or '", "a'; drop", "%27", '"'):
        assert get_json(app, f"audit?actor={quote(actor)}")["records"] == []


def test_a_parameter_that_does_not_exist_is_refused_everywhere(app: Served) -> None:
    for target in ("applications", "releases", "releases/hello-1", "approvals", "parked", "audit/hello"):
        assert problem_of(app.get(f"/api/v1/{target}?nosuch=1"))["parameter"] == "nosuch"


def test_an_unknown_address_is_a_404_and_an_unexpected_error_reveals_nothing(
    app: Served, home: ScriptedInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in (
        "releases/hello-99",
        "audit/Nope",
        "evidence/x",
    ):
        problem_of(app.get(f"/api/v1/{target}"), 404)

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr(home.app.index, "find", fail)
    assert "hunter2" not in json.dumps(problem_of(app.get("/api/v1/audit"), 500))


def test_a_table_that_is_away_is_a_503(
    app: Served, home: ScriptedInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(home.app.index, "find", away)
    problem_of(app.get("/api/v1/audit"), 503)


# ---- caches
def test_an_unchanged_answer_is_a_304(monkeypatch: pytest.MonkeyPatch) -> None:
    home, app = two_releases(monkeypatch)
    first = app.get("/api/v1/audit?limit=5")
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for condition in (etag, f'W/{etag}, "other"', "*"):
        again = app.get("/api/v1/audit?limit=5", **{"If-None-Match": condition})
        assert (again.status_code, again.get_body(), again.headers["ETag"]) == (304, b"", etag)
    home.push("2.0.0")
    assert app.get("/api/v1/audit?limit=5", **{"If-None-Match": etag}).status_code == 200


def test_a_stored_document_may_be_cached_for_ever(app: Served, home: ScriptedInstallation) -> None:
    plan = home.newest().plan_hash
    response = app.get(f"/api/v1/evidence/{plan}")
    assert "immutable" in response.headers["Cache-Control"]
    assert app.get(f"/api/v1/evidence/{plan}", **{"If-None-Match": response.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(("role", "status"), [("reader", 403), ("shop-approvers", 403), (Role.OPERATOR, 200)])
def test_an_operator_reads_a_plan_that_holds_a_secret_and_a_reader_or_approver_does_not(
    monkeypatch: pytest.MonkeyPatch, role: str, status: int
) -> None:
    home = ScriptedInstallation()
    plan = home.app.reader.plan(home.bring("1.4.0").plan_hash or "")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": "hunter2"}}
    plan_hash = home.blobs.put(plan.evolve(manifests=(secret,)).document(), "application/json")
    bare = home.blobs.put(plan.evolve(manifests=()).document(), "application/json")
    app = serve(monkeypatch, home, role)
    response = app.get(f"/api/v1/evidence/{plan_hash}")
    assert (response.status_code, b"hunter2" in response.get_body()) == (status, status == 200)
    assert app.get(f"/api/v1/evidence/{bare}").status_code == 200


# ---- repair
JSON = {"Content-Type": "application/json"}


def test_lost_index_rows_are_found_and_repaired_by_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    home, app = two_releases(monkeypatch)
    home.reconcile()  # until then a record may have no copy yet
    before = get_json(app, "audit?limit=200")
    record = home.trail()[7]
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key) for key in copies(record)])
    assert get_json(app, "audit?limit=200") != before
    for repair, expected in (("no", "found"), ("yes", "found"), ("yes", "none")):
        reindex_answer = reindex(app, home, repair=repair)["look"]["answer"]
        assert (reindex_answer["missing"] > 0, reindex_answer["repaired"], reindex_answer["next"]) == (
            expected == "found",
            repair == "yes",
            None,
        )
    assert get_json(app, "audit?limit=200") == before
    assert "options.after" in reindex(app, home, after="-1")["reason"]
    assert reindex(app, home, "other")["reason"] == "there is no application 'other'"
    assert problem_of(app.request("POST", "/api/v1/looks", headers=JSON, body=b"[]"))


def reindex(app: Served, home: ScriptedInstallation, application: str = "hello", **options: str) -> dict[str, Any]:
    """Order a look at an application's index; returns the worker's answer."""
    request = {"kind": "reindex", "subject": application, "options": options}
    response = app.request("POST", "/api/v1/looks", headers=JSON, body=json.dumps(request).encode())
    assert response.status_code == 202
    home.hear()
    outcome: dict[str, Any] = get_json(app, f"looks/{json.loads(response.get_body())['id']}")
    return outcome


def test_a_look_that_was_sent_in_chunks_is_refused_and_not_taken_for_one_without_a_body(app: Served) -> None:
    """The host passes on a body only if its length was announced: the function sees none."""
    response = app.request("POST", "/api/v1/looks", headers={**JSON, "Transfer-Encoding": "chunked"})
    assert problem_of(response)["parameter"] == "body"
    assert "chunked bodies are not supported" in problem_of(response)["detail"]


def test_a_record_that_the_index_lacks_is_named_and_not_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    home, app = two_releases(monkeypatch)
    assert get_json(app, "verification/hello/index")["compared"]["missing"] == 0
    record = home.trail()[3]
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=next(copies(record)))])
    for _ in range(2):
        compared = get_json(app, "verification/hello/index")["compared"]
        assert (compared["missing"], compared["lacking"], compared["repaired"]) == (1, [record.sequence], False)
    assert app.get("/api/v1/verification/Nobody/index").status_code == 404


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("audit?application=nope", "application"),
        ("audit?application=nope&environment=production&from=2026-01-01", "application"),
        ("audit?environment=moon", "environment"),
        ("audit?release=hello-99", "release"),
        ("audit?release=nope-1", "release"),
        ("environments/moon/live", "environment"),
        ("environments/production/live?application=nope", "application"),
        ("releases?application=nope", "application"),
        ("numbers?application=nope", "application"),
        ("numbers?environment=moon", "environment"),
    ],
)
def test_an_unknown_name_is_a_404_that_names_the_parameter(app: Served, target: str, field: str) -> None:
    problem = problem_of(app.get(f"/api/v1/{target}"), 404)
    assert problem["parameter"] == field


@pytest.mark.parametrize(
    "target",
    ["audit?application=hello&action=freeze", "audit?application=_installation&actor=nobody", "audit?actor=nobody"],
)
def test_a_query_that_matches_no_record_has_an_empty_answer(app: Served, target: str) -> None:
    assert get_json(app, target)["records"] == []


def test_the_trail_and_the_releases_of_a_removed_application_are_answered_as_before(
    app: Served, home: ScriptedInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = (
        "audit?application=hello&limit=200",
        "audit?environment=production&limit=200",
        "audit?release=hello-1&limit=200",
        "audit/hello",
        "releases/hello-1",
    )
    before = {target: get_json(app, target) for target in targets}
    monkeypatch.setattr(type(home.app.catalogue), "entries", {})
    assert {target: get_json(app, target) for target in targets} == before
    for target in targets[:4]:
        assert len(before[target]["records"]) > 10, target
    assert get_json(app, "audit?application=hello&action=freeze")["records"] == []
    assert get_json(app, "audit?environment=production&action=freeze")["records"] == []
