"""Proposed changes by the JSON API: listed, shown with all that they do, and voted on."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions.pages import services_of
from slipway.domain.identity import TokenPerson
from slipway.domain.proposing import ChangePhase, ProposedChange
from slipway.domain.roles import Role
from slipway.ledger.keys import INSTALLATION
from slipway.testing import BASE
from slipway.testing.sign_in import bearer, person
from slipway.web.confirming import show_confirmation
from tests.confirming import confirm_pending
from tests.unit.api.in_process import Served, serve
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import change_of, guarded, number, weaken
from tests.unit.web.visitors import as_visitor

READS = Role.READER
ADA = person(11, "Ada", "shop-approvers", READS)
BEN = person(12, "Ben", "shop-approvers", READS)
EVE = person(14, "Eve", READS)
OTHER = "sha256:" + "0" * 64


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


@pytest.fixture
def served(live: Live, monkeypatch: pytest.MonkeyPatch) -> Served:
    return serve(monkeypatch, live, who=ADA, api_access="roles")


def get(served: Served, path: str = "") -> dict[str, Any]:
    response = served.get(f"/api/v1/changes{path}")
    assert response.status_code == 200, response.get_body()
    content: dict[str, Any] = json.loads(response.get_body())
    return content


def cast(served: Served, hash: str, *, by: dict[str, str] | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json", **(by or {})}
    response = served.request("POST", f"/api/v1/changes/{hash}/votes", headers=headers, body=json.dumps(body).encode())
    return response.status_code, json.loads(response.get_body())


def outcome(live: Live, served: Served, received: dict[str, Any]) -> dict[str, Any]:
    live.hear()
    reply: dict[str, Any] = json.loads(served.get(received["address"]).get_body())
    return reply


def approve(live: Live, served: Served, change: ProposedChange, who: TokenPerson) -> dict[str, Any]:
    """Order the vote by the API, and confirm it on the page that the response names."""
    status, received = cast(served, change.hash, decision="approve")
    handle = received["open"].rpartition("/")[2]
    assert (status, received["open"]) == (202, f"{BASE}/confirm/{handle}")
    confirm_pending(live, handle, who)
    reply = json.loads(served.get(received["address"]).get_body())
    assert reply["state"] == "said"
    return outcome(live, served, reply)


def test_a_waiting_change_is_listed_with_its_gates_and_what_it_weakens(live: Live, served: Served) -> None:
    assert get(served)["changes"] == []
    change = weaken(live)
    (listed,) = get(served)["changes"]
    assert (listed["change"], listed["phase"], listed["subjects"]) == (change.hash, "waiting", ["application:shop"])
    assert listed["weaker"] == ["application:shop: production (production/shop): gate: required: 1 instead of 2"]
    (gate,) = listed["gates"]
    assert (gate["people"], gate["required"]) == ("somebody with the role shop-approvers", 2)
    assert [rule["reason"] for rule in gate["rules"]] == ["0 of 2 approvals"]
    assert listed["page"] == f"{BASE}/changes/{change.hash[7:]}"


def test_a_change_is_shown_with_its_difference_and_after_its_end_with_its_outcome(live: Live, served: Served) -> None:
    change = weaken(live)
    content = get(served, f"/{change.hash}")
    assert content["compared"][0]["difference"] == ["environments.production.gate.required: 2 → 1"]
    _, received = cast(served, change.hash, decision="reject", reason="too few eyes")
    reply = outcome(live, served, received)
    assert (reply["state"], reply["change"], reply["change_phase"]) == ("counted", change.hash, "rejected")
    assert get(served)["changes"] == []
    content = get(served, f"/{change.hash}")
    assert (content["phase"], content["why"], content["votes"][0]["reason"]) == (
        "rejected",
        "too few eyes",
        "too few eyes",
    )


def test_an_approval_is_confirmed_by_a_person_who_proves_it(live: Live, served: Served) -> None:
    change = weaken(live)
    first = approve(live, served, change, ADA)
    assert (first["state"], first["change_phase"]) == ("counted", "waiting")
    assert "2 of 2" not in str(get(served, f"/{change.hash}")["gates"])
    last = approve(live, served, change, BEN)
    assert (last["state"], change_of(live, change.hash).phase, number(live)) == ("counted", ChangePhase.IN_FORCE, 2)


def test_a_function_key_alone_cannot_reject_a_change(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(monkeypatch, live, api_access="host-keys")
    served.default_headers = dict[str, str]
    change = weaken(live)
    status, refused = cast(served, change.hash, decision="reject", reason="no")
    assert (status, refused["title"]) == (403, "Voter not identified")
    assert cast(served, change.hash, decision="approve")[0] == 202


def test_a_person_whom_no_gate_asks_is_denied_and_repeated_attempts_are_recorded_once(
    live: Live, served: Served
) -> None:
    change = weaken(live)
    before = live.actions(INSTALLATION)
    for _ in range(5):
        status, denied = cast(served, change.hash, by=bearer(live.app, EVE), decision="reject", reason="no")
        assert (status, denied["title"]) == (403, "Not asked")
    live.hear()
    assert live.actions(INSTALLATION) == [*before, "access.denied"]
    assert change_of(live, change.hash).phase is ChangePhase.WAITING


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"decision": "withdraw"}, 400, "decision"),
        ({"decision": "reject"}, 400, "reason"),
        ({"decision": "reject", "reason": "no", "token": "x"}, 400, "token"),
        ({"decision": "approve", "opening": 0}, 400, "opening"),
    ],
)
def test_a_malformed_vote_is_refused_with_the_name_of_the_wrong_field(
    live: Live, served: Served, body: dict[str, Any], status: int, says: str
) -> None:
    change = weaken(live)
    code, refused = cast(served, change.hash, **body)
    assert (code, says in refused["detail"] + refused.get("parameter", "")) == (status, True), refused


@pytest.mark.parametrize("named", [{"opening": 2}, {"plan": OTHER}])
def test_a_vote_that_names_another_opening_or_plan_does_not_count(
    live: Live, served: Served, named: dict[str, Any]
) -> None:
    change = weaken(live)
    status, received = cast(served, change.hash, decision="approve", **named)
    confirm_pending(live, received["open"].rpartition("/")[2], ADA)
    reply = json.loads(served.get(received["address"]).get_body())
    assert (status, outcome(live, served, reply)["state"]) == (202, "refused")


def test_a_change_that_has_ended_takes_no_vote_and_says_how_it_ended(live: Live, served: Served) -> None:
    change = weaken(live)
    outcome(live, served, cast(served, change.hash, decision="reject", reason="no")[1])
    status, refused = cast(served, change.hash, decision="approve")
    assert (status, refused["detail"]) == (409, "the change is rejected: no")


@pytest.mark.parametrize("hash", [OTHER, "x", "sha256:" + "é" * 64])
def test_an_unknown_hash_of_a_change_is_not_found(served: Served, hash: str) -> None:
    assert served.get(f"/api/v1/changes/{hash}").status_code == 404


def test_the_confirmation_page_of_an_approval_shows_the_change_and_the_reason(live: Live, served: Served) -> None:
    change = weaken(live)
    _, received = cast(served, change.hash, decision="approve", reason="a <b>short</b> night")
    page = show_confirmation(services_of(live.app), received["open"].rpartition("/")[2], as_visitor(ADA)).body.decode()
    assert "gate: required: 1 instead of 2" in page
    assert "a &lt;b&gt;short&lt;/b&gt; night" in page
    assert f'href="/changes/{change.hash[7:]}"' in page
