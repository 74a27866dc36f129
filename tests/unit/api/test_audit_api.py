"""Questions to the trail over the API: each of them one request, and each wrong one a 400 that names the parameter."""

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
from tests.unit.web.installation import Told, digest


def two_releases(patch: pytest.MonkeyPatch) -> tuple[Told, Served]:
    """hello 1.4.0 is live in production, approved by Ada; 1.5.0 was rejected by her."""
    home = Told()
    served = serve(patch, home)
    home.hear_at_once()
    for version, decision in (("1.4.0", "approve"), ("1.5.0", "reject")):
        release = home.bring(version)
        body = {"decision": decision, "reason": f"{version} is so", "token": home.token(release)}
        headers = {"Content-Type": "application/json"}
        answer = served.request(
            "POST", f"/api/v1/approvals/{release.id}", headers=headers, body=json.dumps(body).encode()
        )
        assert answer.status_code == 200
        home.settle()
        home.wait(timedelta(hours=1))
    return home, served


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Told, Served]]:
    """Two releases, for tests that only ask."""
    with pytest.MonkeyPatch.context() as patch:
        yield two_releases(patch)


@pytest.fixture
def home(told: tuple[Told, Served]) -> Told:
    return told[0]


@pytest.fixture
def app(told: tuple[Told, Served]) -> Served:
    return told[1]


def got(app: Served, target: str, **headers: str) -> dict[str, Any]:
    answer = app.get(f"/api/v1/{target}", **headers)
    assert answer.status_code == 200, answer.get_body()
    found: dict[str, Any] = json.loads(answer.get_body())
    return found


def refused(answer: func.HttpResponse, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.get_body()
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = json.loads(answer.get_body())
    assert found["status"] == status
    assert found["type"].startswith("urn:slipway:problem:")
    return found


def actions(found: dict[str, Any]) -> list[str]:
    return [record["action"] for record in found["records"]]


# ---- the questions
def test_what_happened_to_a_release(app: Served, home: Told) -> None:
    found = got(app, "audit?release=hello-1&limit=200")
    records = [record for record in home.app.reader.audit("hello") if getattr(record, "release", None) == "hello-1"]
    assert [record["sequence"] for record in found["records"]] == [r.sequence for r in reversed(records)]
    assert found["next"] is None


def test_who_approved_what_is_in_production_now_and_on_what_evidence(app: Served) -> None:
    (live,) = got(app, "environments/production/live")["live"]
    assert (live["application"], live["release"], live["tag"]) == ("hello", "hello-1", "1.4.0")
    assert live["digest"] == digest("1.4.0")
    (approval,) = live["approvals"]
    assert (approval["actor"], approval["reason"]) == (ADA, "1.4.0 is so")
    assert live["gate"].startswith("gate.passed #")
    assert {(one["environment"], one["name"], one["passed"]) for one in live["evidence"]} >= {
        ("staging", "acceptance", True)
    }
    (record,) = got(app, f"audit/hello?after={approval['sequence'] - 1}&limit=1")["records"]
    assert (record["actor"], record["details"]["plan_hash"]) == (ADA, live["plan_hash"])


def test_everything_one_person_did(app: Served) -> None:
    assert actions(got(app, f"audit?actor={quote(ADA.upper())}")) == [
        "release.rejected",
        "vote.rejected",
        "vote.approved",
    ]


def test_every_production_change_between_two_dates(app: Served) -> None:
    found = got(app, "audit?environment=production&action=change&from=2026-11-23&to=2026-11-23")
    assert actions(found) == ["release.live", "rollout.applied"]
    assert actions(got(app, "audit?environment=production&action=change&to=2026-11-22")) == []


def test_where_a_digest_has_been(app: Served) -> None:
    found = got(app, f"audit?digest={digest('1.5.0')[7:17]}&limit=200")
    assert {record["digest"] for record in found["records"]} == {digest("1.5.0")}
    assert {record["environment"] for record in found["records"]} >= {"staging", "production"}


def test_every_freeze_override_rejection_and_rollback(app: Served) -> None:
    assert actions(got(app, "audit?action=intervention")) == ["release.rejected", "vote.rejected"]
    assert actions(got(app, "audit?action=rejection&application=hello")) == ["release.rejected", "vote.rejected"]
    assert actions(got(app, "audit?action=freeze")) == []


def test_pages_follow_each_other_without_gap_or_repeat(app: Served) -> None:
    whole = got(app, "audit?application=hello&limit=200")["records"]
    found, after = [], ""
    while True:
        page = got(app, "audit?application=hello&limit=7" + (f"&after={after}" if after else ""))
        found += page["records"]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == whole
    assert len(found) > 20


# ---- what is wrong
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
def test_what_is_wrong_is_a_400_that_names_the_parameter(app: Served, query: str, parameter: str) -> None:
    assert refused(app.get(f"/api/v1/audit?{query}"))["parameter"] == parameter


def test_a_token_of_another_query_is_a_400(app: Served) -> None:
    token = got(app, "audit?application=hello&limit=5")["next"]
    said = refused(app.get(f"/api/v1/audit?environment=production&limit=5&after={token}"))
    assert said["parameter"] == "after"
    assert "another query" in said["detail"]
    assert got(app, f"audit?application=hello&limit=9&after={token}")["records"]


def test_text_of_a_query_is_a_value_and_never_a_condition(app: Served) -> None:
    for actor in ("' or PartitionKey ne '", "x' or true or '", "a'; drop", "%27", '"'):
        assert got(app, f"audit?actor={quote(actor)}")["records"] == []


def test_a_parameter_that_does_not_exist_is_refused_everywhere(app: Served) -> None:
    for target in ("applications", "releases", "releases/hello-1", "approvals", "parked", "audit/hello"):
        assert refused(app.get(f"/api/v1/{target}?nosuch=1"))["parameter"] == "nosuch"


def test_what_is_not_there_is_a_404_and_an_unexpected_fault_tells_nothing(
    app: Served, home: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for target in (
        "releases/hello-99",
        "audit/Nope",
        "evidence/x",
    ):
        refused(app.get(f"/api/v1/{target}"), 404)

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr(home.app.index, "find", fail)
    assert "hunter2" not in json.dumps(refused(app.get("/api/v1/audit"), 500))


def test_a_table_that_is_away_is_a_503(app: Served, home: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(home.app.index, "find", away)
    refused(app.get("/api/v1/audit"), 503)


# ---- caches
def test_what_has_not_changed_is_a_304(monkeypatch: pytest.MonkeyPatch) -> None:
    home, app = two_releases(monkeypatch)
    first = app.get("/api/v1/audit?limit=5")
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for given in (etag, f'W/{etag}, "other"', "*"):
        again = app.get("/api/v1/audit?limit=5", **{"If-None-Match": given})
        assert (again.status_code, again.get_body(), again.headers["ETag"]) == (304, b"", etag)
    home.push("2.0.0")
    assert app.get("/api/v1/audit?limit=5", **{"If-None-Match": etag}).status_code == 200


def test_a_kept_document_may_be_kept_for_ever(app: Served, home: Told) -> None:
    plan = home.newest().plan_hash
    answer = app.get(f"/api/v1/evidence/{plan}")
    assert "immutable" in answer.headers["Cache-Control"]
    assert app.get(f"/api/v1/evidence/{plan}", **{"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(("role", "status"), [("reader", 403), ("shop-approvers", 403), (Role.OPERATOR, 200)])
def test_the_values_of_secrets_in_a_plan_are_not_for_everybody_who_may_read(
    monkeypatch: pytest.MonkeyPatch, role: str, status: int
) -> None:
    home = Told()
    plan = home.app.reader.plan(home.bring("1.4.0").plan_hash or "")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": "hunter2"}}
    kept = home.blobs.put(plan.evolve(manifests=(secret,)).document(), "application/json")
    bare = home.blobs.put(plan.evolve(manifests=()).document(), "application/json")
    app = serve(monkeypatch, home, role)
    answer = app.get(f"/api/v1/evidence/{kept}")
    assert (answer.status_code, b"hunter2" in answer.get_body()) == (status, status == 200)
    assert app.get(f"/api/v1/evidence/{bare}").status_code == 200


# ---- repair
JSON = {"Content-Type": "application/json"}


def test_lost_index_rows_are_found_and_repaired_by_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    home, app = two_releases(monkeypatch)
    home.reconcile()  # until then a record may have no copy yet
    before = got(app, "audit?limit=200")
    record = home.trail()[7]
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key) for key in copies(record)])
    assert got(app, "audit?limit=200") != before
    for repair, expected in (("no", "found"), ("yes", "found"), ("yes", "none")):
        seen = looked(app, home, repair=repair)["look"]["answer"]
        assert (seen["missing"] > 0, seen["repaired"], seen["next"]) == (expected == "found", repair == "yes", None)
    assert got(app, "audit?limit=200") == before
    assert "options.after" in looked(app, home, after="-1")["reason"]
    assert looked(app, home, "other")["reason"] == "there is no application 'other'"
    assert refused(app.request("POST", "/api/v1/looks", headers=JSON, body=b"[]"))


def looked(app: Served, home: Told, application: str = "hello", **options: str) -> dict[str, Any]:
    """What is seen of an application's index."""
    asked = {"kind": "reindex", "subject": application, "options": options}
    answer = app.request("POST", "/api/v1/looks", headers=JSON, body=json.dumps(asked).encode())
    assert answer.status_code == 202
    home.hear()
    found: dict[str, Any] = got(app, f"looks/{json.loads(answer.get_body())['id']}")
    return found


def test_a_look_that_was_sent_in_chunks_is_refused_and_not_taken_for_one_without_a_body(app: Served) -> None:
    """The host passes on a body only if its length was announced: the function sees none."""
    answer = app.request("POST", "/api/v1/looks", headers={**JSON, "Transfer-Encoding": "chunked"})
    assert refused(answer)["parameter"] == "body"
    assert "chunked bodies are not supported" in refused(answer)["detail"]


def test_what_the_index_lacks_is_named_and_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    home, app = two_releases(monkeypatch)
    assert got(app, "verification/hello/index")["compared"]["missing"] == 0
    record = home.trail()[3]
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=next(copies(record)))])
    for _ in range(2):
        told = got(app, "verification/hello/index")["compared"]
        assert (told["missing"], told["lacking"], told["repaired"]) == (1, [record.sequence], False)
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
def test_a_name_of_nothing_is_not_found_and_the_parameter_is_named(app: Served, target: str, field: str) -> None:
    found = refused(app.get(f"/api/v1/{target}"), 404)
    assert found["parameter"] == field


@pytest.mark.parametrize(
    "target",
    ["audit?application=hello&action=freeze", "audit?application=_installation&actor=nobody", "audit?actor=nobody"],
)
def test_what_is_there_and_has_no_such_record_is_an_empty_answer(app: Served, target: str) -> None:
    assert got(app, target)["records"] == []


def test_an_application_that_is_delivered_no_more_still_has_its_trail(
    app: Served, home: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(home.app.catalogue), "entries", {})
    assert got(app, "audit?application=hello&action=freeze")["records"] == []
    assert got(app, "audit?environment=production&action=freeze")["records"] == []
