"""`slipway audit verify`: every way of tampering with a trail is found, on the reader's machine."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from slipway.cli import verifying
from slipway.cli.commands import audit_verify
from slipway.cli.commands.audit_verify import INSTALLATION
from slipway.cli.verifying import ANCHORED_WITHIN
from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord
from slipway.domain.chain_anchor import AnchoredGate, AnchorReason, GateOutcome, new_anchor
from slipway.domain.keyring import format_keys, with_retired
from slipway.domain.release import Head
from slipway.domain.reports import Compared
from slipway.domain.signing import FixedKeys, PrivateSigner, PublicKeys, Signer
from slipway.ed25519 import public_key
from slipway.ledger import keys
from slipway.testing.chains import PUBLIC_KEYS, SIGNER, SIGNING_KEYS, signed_anew, signed_chain
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import ReceivedRequest, Served, Trail
from tests.unit.domain.samples import MORNING
from tests.unit.domain.world import World

PAGE = 10
"""How many records are read at once in these tests."""
INDEXED = {"missing": 0, "wrong": 0, "extra": 0, "records": []}
UNANCHORED: dict[str, Any] = {
    "anchors": 0,
    "anchored": 0,
    "unanchored_since": None,
    "retired_from": None,
    "notes": [],
    "waivers": [],
    "votes": None,
    "index": INDEXED,
}


def long_trail(count: int, *, application: str = "shop") -> Trail:
    drafts = [AuditDraft(action=Action.RELEASE_CREATED, actor="slipway", release=n + 1) for n in range(count)]
    records = signed_chain(drafts, application=application, time=MORNING, sequence=0, previous="")
    return Trail(records=[record.model_dump(mode="json") for record in records], sequence=count, hash=records[-1].hash)


def verdict(slipway: Command, *names: str) -> dict[str, Any]:
    result = slipway("audit", "verify", *names, "--json")
    output: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if output["intact"] else 7)
    return output


def fault(slipway: Command) -> tuple[int, str]:
    (application,) = verdict(slipway, "shop")["applications"]
    assert application["intact"] is False
    return application["fault"]["sequence"], application["fault"]["reason"]


def test_an_intact_trail_ends_with_0_and_names_its_last_hash(slipway: Command, app: Served, shop: World) -> None:
    result = slipway("audit", "verify")
    assert result.exit_code == 0
    count = len(shop.audit)
    expected = f"✓ intact  shop: {count} records; anchored to 0 of {count}; the last is {shop.head.hash}"
    assert expected in result.stdout
    assert f"✓ intact  {INSTALLATION}: 0 records" in result.stdout
    assert result.stderr == ""


def test_the_verdict_as_json_has_the_documented_form(slipway: Command, shop: World) -> None:
    assert verdict(slipway) == {
        "v": 1,
        "applications": [
            {
                "application": "shop",
                "records": len(shop.audit),
                "intact": True,
                "fault": None,
                "anchors": 0,
                "anchored": 0,
                "retired_from": None,
                "unanchored_since": f"{shop.audit[0].time:%Y-%m-%dT%H:%M:%SZ}",
                "notes": [],
                "waivers": [],
                "votes": None,
                "index": INDEXED,
            },
            {"application": INSTALLATION, "records": 0, "intact": True, "fault": None, **UNANCHORED},
        ],
        "keys": "named by the app",
        "intact": True,
        "anchored": True,
        "indexed": True,
        "proved": None,
    }


def test_records_that_the_search_index_lacks_are_named_and_end_with_7(
    slipway: Command, app: Served, shop: World
) -> None:
    """The trail is intact; somebody has taken copies out of the index from which searches are answered."""
    app.indexes["shop"] = Compared(
        application="shop", records=4, missing=2, extra=1, lacking=(3, 4), repaired=False, head=4
    )
    result = slipway("audit", "verify", "shop")
    assert result.exit_code == 7
    assert "✓ intact  shop" in result.stdout
    assert "✗ index   shop: copies for searches: 2 missing, 1 extra, of records 3, 4; `slipway audit" in result.stdout
    output = json.loads(slipway("audit", "verify", "shop", "--json").stdout)
    assert (output["intact"], output["indexed"]) == (True, False)
    assert output["applications"][0]["index"] == {"missing": 2, "wrong": 0, "extra": 1, "records": [3, 4]}


def test_each_rule_that_was_waived_is_listed_with_its_record(slipway: Command, app: Served) -> None:
    details = {"rule": "change-is-known", "reason": "the repository\nwas moved"}
    draft = AuditDraft(
        action=Action.WAIVER_GIVEN, actor="oid:olga", release=7, environment="production", details=details
    )
    (record,) = signed_chain([draft], application="shop", time=MORNING, sequence=0, previous="")
    app.trails["shop"] = Trail(records=[record.model_dump(mode="json")], sequence=1, hash=record.hash)
    (application,) = verdict(slipway, "shop")["applications"]
    assert application["waivers"] == [
        {"sequence": 1, "release": "shop-7", "environment": "production", "actor": "oid:olga", **details}
    ]
    expected = (
        "? waived  shop-7 in production, record 1: change-is-known was waived by oid:olga: the repository was moved"
    )
    assert expected in slipway("audit", "verify", "shop").stdout


def test_the_installations_own_trail_has_the_name_that_the_ledger_gives_it() -> None:
    assert INSTALLATION == keys.INSTALLATION


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "PAGE", PAGE)


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 3])
def test_a_trail_of_any_length_is_read_to_its_end(slipway: Command, app: Served, count: int) -> None:
    app.trails["shop"] = long_trail(count)
    (application,) = verdict(slipway, "shop")["applications"]
    assert (application["records"], application["intact"], application["fault"]) == (count, True, None)


def test_a_trail_with_an_action_of_a_newer_version_is_as_intact_as_any(slipway: Command, app: Served) -> None:
    trail = long_trail(2)
    last = AuditRecord.model_validate(trail.records[-1]).evolve(action="canary.begun")
    last = signed_anew(last)
    app.trails["shop"] = Trail(records=[trail.records[0], last.model_dump(mode="json")], sequence=2, hash=last.hash)
    (application,) = verdict(slipway, "shop")["applications"]
    assert (application["records"], application["intact"], application["fault"]) == (2, True, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "mallory@example.com"),
        ("action", "vote.rejected"),
        ("time", "2026-11-23T07:59:59Z"),
        ("release", "shop-7"),
        ("environment", "nowhere"),
        ("digest", "sha256:" + "1" * 64),
        ("details", {"tag": "v9"}),
    ],
)
def test_a_changed_field_is_found(slipway: Command, app: Served, field: str, value: Any) -> None:
    app.trails["shop"].records[4][field] = value
    sequence, reason = fault(slipway)
    assert sequence == 5
    assert reason == "its content does not match its hash: it was changed after it was written"


def test_a_record_that_was_changed_and_hashed_again_breaks_the_link_of_the_next(slipway: Command, app: Served) -> None:
    records = app.trails["shop"].records
    changed = AuditRecord.model_validate(records[4] | {"actor": "mallory@example.com"})
    records[4] = signed_anew(changed).model_dump(mode="json")
    assert fault(slipway) == (6, "it does not name the hash of the record before it")


def test_a_record_that_was_changed_by_somebody_without_the_key_is_named_itself(slipway: Command, app: Served) -> None:
    records = app.trails["shop"].records
    changed = AuditRecord.model_validate(records[4] | {"actor": "mallory@example.com"})
    records[4] = changed.evolve(hash=changed.expected_hash()).model_dump(mode="json")
    assert fault(slipway) == (5, "its signature with the key test is wrong")


def test_given_keys_are_trusted_instead_of_those_of_the_app(slipway: Command) -> None:
    own_keys, other_keys = (format_keys({"test": public_key(seed)}) for seed in (b"k" * 32, b"o" * 32))
    assert json.loads(slipway("audit", "verify", "--json", "--public-keys", own_keys).stdout)["keys"] == "given"
    refused = json.loads(slipway("audit", "verify", "--json", "--public-keys", other_keys).stdout)
    assert refused["applications"][0]["fault"] == {"sequence": 1, "reason": "its signature with the key test is wrong"}
    unknown = json.loads(slipway("audit", "verify", "--json", "--public-keys", own_keys.replace("test", "mine")).stdout)
    assert "with the key test, which is not one of this installation's" in unknown["applications"][0]["fault"]["reason"]


def anchor_at(head: Head, *, signer: Signer = SIGNER, **changed: Any) -> dict[str, Any]:
    gate = AnchoredGate(release=1, environment="production", opening=1, outcome=GateOutcome.REJECTED)
    anchor = new_anchor(
        head,
        why=AnchorReason.GATE,
        gate=gate,
        before=None,
        keys=PUBLIC_KEYS,
        signer=signer,
        now=MORNING,
    )
    return {**anchor.model_dump(mode="json"), **changed}


def test_a_trail_that_was_put_back_to_before_a_gate_is_found(slipway: Command, app: Served) -> None:
    trail = app.trails["shop"]
    head = Head(application="shop", sequence=trail.sequence, hash=trail.hash)
    app.anchors["shop"] = [anchor_at(head)]
    assert verdict(slipway, "shop")["intact"]
    assert f"anchored to {head.sequence} of {head.sequence}" in slipway("audit", "verify", "shop").stdout
    app.anchors["shop"] = [anchor_at(head.evolve(sequence=head.sequence + 3))]
    assert "(release 1 rejected in production) names" in fault(slipway)[1]
    assert "or the table was rolled back" in fault(slipway)[1]
    app.anchors["shop"] = [anchor_at(head.evolve(hash="sha256:" + "7" * 64))]
    assert "names another hash for it" in fault(slipway)[1]


@pytest.mark.parametrize("changed", [{"at": "2026-11-23T09:00:00Z"}, {"chain": "application:cart"}, {"v": 7}])
def test_an_anchor_that_the_worker_did_not_sign_is_reported_and_counts_for_nothing(
    slipway: Command, app: Served, changed: dict[str, Any]
) -> None:
    head = Head(application="shop", sequence=9_999, hash="sha256:" + "7" * 64)
    app.anchors["shop"] = [anchor_at(head, **changed)]
    result = slipway("audit", "verify", "shop")
    assert (result.exit_code, "an anchor does not count" in result.stdout) == (0, True)


def test_the_reach_of_the_anchors_is_shown_and_a_day_without_an_anchor_ends_with_6(
    slipway: Command, app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = app.trails["shop"]
    fifth, sixth = (AuditRecord.model_validate(trail.records[place]) for place in (4, 5))
    app.anchors["shop"] = [anchor_at(Head(application="shop", sequence=5, hash=fifth.hash))]
    assert f"anchored to 5 of {trail.sequence}" in slipway("audit", "verify", "shop").stdout
    for age, ends in ((ANCHORED_WITHIN, 0), (ANCHORED_WITHIN + timedelta(seconds=1), 6)):
        late = sixth.time + age
        monkeypatch.setattr(audit_verify, "clock", lambda late=late: late)
        result = slipway("audit", "verify", "shop", "--json")
        output = json.loads(result.stdout)
        assert (result.exit_code, output["intact"], output["anchored"]) == (ends, True, ends == 0)
        assert output["applications"][0]["anchored"] == 5


def test_records_signed_by_a_retired_key_without_an_anchor_by_a_newer_key_end_with_6(
    slipway: Command, app: Served
) -> None:
    trail, newer = app.trails["shop"], {"newer": b"n" * 32}
    public = {kid: public_key(seed) for kid, seed in (SIGNING_KEYS | newer).items()}
    signer = PrivateSigner(FixedKeys(newer), PublicKeys(public))
    keys = format_keys(with_retired(public, newer))
    end = Head(application="shop", sequence=trail.sequence, hash=trail.hash)
    for anchors, from_record in (([], 1), ([anchor_at(end)], 1), ([anchor_at(end, signer=signer)], None)):
        app.anchors["shop"] = anchors
        result = slipway("audit", "verify", "shop", "--public-keys", keys, "--json")
        (application,) = json.loads(result.stdout)["applications"]
        assert (result.exit_code, application["intact"]) == (6 if from_record else 0, True)
        assert application["retired_from"] == from_record
    app.anchors["shop"] = []
    stdout = slipway("audit", "verify", "shop", "--public-keys", keys).stdout
    assert "! key     shop: record 1 and those after it are signed with a key that was retired" in stdout


def test_two_anchors_that_name_different_records_are_found(slipway: Command, app: Served) -> None:
    trail = app.trails["shop"]
    head = Head(application="shop", sequence=trail.sequence, hash=trail.hash)
    app.anchors["shop"] = [anchor_at(head), anchor_at(head.evolve(hash="sha256:" + "7" * 64))]
    sequence, reason = fault(slipway)
    assert (sequence, "names another hash for it than the anchor of" in reason) == (trail.sequence, True)


def test_an_anchor_of_an_older_epoch_is_history(slipway: Command, app: Served) -> None:
    trail = app.trails["shop"]
    longer_head = Head(application="shop", sequence=trail.sequence + 9, hash="sha256:" + "7" * 64, epoch=0)
    newer = Head(application="shop", sequence=trail.sequence, hash=trail.hash, epoch=1)
    app.anchors["shop"] = [anchor_at(newer), anchor_at(longer_head)]
    assert verdict(slipway, "shop")["intact"] is True


def test_a_last_record_that_was_changed_and_hashed_again_does_not_match_the_head(slipway: Command, app: Served) -> None:
    records = app.trails["shop"].records
    changed = AuditRecord.model_validate(records[-1] | {"actor": "mallory@example.com"})
    records[-1] = signed_anew(changed).model_dump(mode="json")
    assert fault(slipway) == (len(records), "its hash is not the one that the head names")


def test_a_removed_record_is_missed(slipway: Command, app: Served) -> None:
    del app.trails["shop"].records[2]
    assert fault(slipway) == (3, "expected sequence 3, found 4: a record is missing")


def test_two_records_that_changed_places_are_found(slipway: Command, app: Served) -> None:
    records = app.trails["shop"].records
    records[2], records[3] = records[3], records[2]
    assert fault(slipway)[0] == 3


def test_records_that_changed_places_and_numbers_are_found(slipway: Command, app: Served) -> None:
    records = app.trails["shop"].records
    records[2], records[3] = records[3] | {"sequence": 3}, records[2] | {"sequence": 4}
    assert fault(slipway) == (3, "it does not name the hash of the record before it")


def test_a_trail_that_was_cut_off_is_shorter_than_its_head_says(slipway: Command, app: Served) -> None:
    trail = app.trails["shop"]
    del trail.records[-3:]
    remaining = len(trail.records)
    assert fault(slipway) == (remaining + 1, f"the head names {trail.sequence} records, {remaining} were found")


def test_a_trail_that_was_cut_off_at_the_end_of_a_page_is_found(slipway: Command, app: Served) -> None:
    app.trails["shop"] = long_trail(PAGE + 10)
    del app.trails["shop"].records[PAGE:]
    assert fault(slipway) == (PAGE + 1, f"the head names {PAGE + 10} records, {PAGE} were found")


def test_a_trail_that_was_emptied_is_found(slipway: Command, app: Served) -> None:
    app.trails["shop"].records.clear()
    assert fault(slipway)[0] == 1


def test_a_record_that_the_head_does_not_know_is_found(slipway: Command, app: Served) -> None:
    trail = app.trails["shop"]
    forged = signed_chain(
        [AuditDraft(action=Action.VOTE_APPROVED, actor="mallory@example.com", release=2)],
        application="shop",
        time=MORNING,
        sequence=trail.sequence,
        previous=trail.hash,
    )
    trail.records += [record.model_dump(mode="json") for record in forged]
    count = len(trail.records)
    assert fault(slipway)[1] == f"the head names {count - 1} records, {count} were found"


def test_a_record_of_another_application_is_found(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[0] = long_trail(1, application="till").records[0]
    assert fault(slipway) == (1, "it belongs to the chain of 'till'")


def test_a_damaged_row_is_named(slipway: Command, app: Served) -> None:
    reason = "its row is not an audit record any more"
    app.trails["shop"].records[6] = {"application": "shop", "sequence": 7, "damaged": reason}
    assert fault(slipway) == (7, reason)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda record: record.pop("actor"), id="a missing field"),
        pytest.param(lambda record: record.update(extra="field"), id="one more field"),
        pytest.param(lambda record: record.update(time="0001-01-01T00:00:00+14:00"), id="an impossible time"),
        pytest.param(lambda record: record.update(actor="\ud800"), id="a text that is not Unicode"),
        pytest.param(lambda record: record.update(details={"weight": float("nan")}), id="a number that is not one"),
        pytest.param(lambda record: record.update(details={"reason": "\ud800"}), id="a detail that is not Unicode"),
        pytest.param(lambda record: record.update(sequence="seven"), id="a sequence that is not a number"),
        pytest.param(
            lambda record: record.update(damaged="so it says", sequence=9), id="damaged, with a wrong sequence"
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_a_fault_and_no_crash(
    slipway: Command, app: Served, spoil: Callable[[dict[str, Any]], None]
) -> None:
    app.honest = False
    spoil(app.trails["shop"].records[6])
    sequence, reason = fault(slipway)
    assert sequence == 7
    assert reason


def test_the_first_wrong_record_is_named_to_people_on_stdout(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[4]["actor"] = "mallory@example.com"
    result = slipway("audit", "verify", "shop")
    assert result.exit_code == 7
    assert result.stdout.startswith("✗ broken  shop: record 5: its content does not match its hash")
    assert "(4 records before it intact)" in result.stdout


def test_one_broken_trail_does_not_hide_the_others(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[0]["actor"] = "mallory"
    app.trails[INSTALLATION] = long_trail(3, application=INSTALLATION)
    output = verdict(slipway)
    assert output["intact"] is False
    assert [application["intact"] for application in output["applications"]] == [False, True]


def test_records_written_during_the_verification_are_not_a_fault(slipway: Command, app: Served) -> None:
    full_trail = long_trail(PAGE + 7)
    early = Trail(records=full_trail.records[:PAGE], sequence=PAGE - 2, hash=full_trail.records[PAGE - 3]["hash"])
    app.trails["shop"] = early

    def write_more(request: ReceivedRequest) -> None:
        if f"after={PAGE}" in request.target:
            app.trails["shop"] = full_trail

    app.before_answer = write_more
    (application,) = verdict(slipway, "shop")["applications"]
    assert (application["records"], application["intact"], application["fault"]) == (PAGE + 7, True, None)


def test_records_that_came_after_the_head_was_read_are_looked_at_again(slipway: Command, app: Served) -> None:
    full_trail = long_trail(12)
    app.trails["shop"] = Trail(records=full_trail.records, sequence=10, hash=full_trail.records[9]["hash"])

    def catch_up(request: ReceivedRequest) -> None:
        if "after=12" in request.target:
            app.trails["shop"] = full_trail

    app.before_answer = catch_up
    assert verdict(slipway, "shop")["intact"] is True


def test_an_unknown_trail_is_not_found_and_the_known_name_is_suggested(slipway: Command) -> None:
    result = slipway("audit", "verify", "shpo", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "v": 1,
        "error": {"code": "not-found", "message": "there is no trail of 'shpo'", "cure": "did you mean 'shop'?"},
    }


def test_the_trail_of_an_application_that_is_no_longer_delivered_is_verified_by_name(
    slipway: Command, app: Served
) -> None:
    app.trails["gone"] = long_trail(4, application="gone")
    assert verdict(slipway, "gone")["applications"][0]["records"] == 4


def test_an_application_without_records_is_intact(slipway: Command, app: Served) -> None:
    app.trails["shop"] = Trail(records=[], sequence=0, hash="")
    assert verdict(slipway, "shop")["applications"][0]["records"] == 0


def test_time_zones_do_not_matter_to_the_hash(slipway: Command, app: Served) -> None:
    """The hash is over the time in UTC: the same moment in another zone is the same record."""
    record = app.trails["shop"].records[3]
    moment = AuditRecord.model_validate(record).time
    record["time"] = (moment + timedelta(0)).isoformat()
    assert verdict(slipway, "shop")["intact"] is True


def test_the_first_release_that_went_live_without_its_gate_is_named_and_ends_with_7(
    slipway: Command, app: Served, shop: World
) -> None:
    """Somebody with the key wrote this, so chain and signatures are in order."""
    plan = {"plan_hash": "sha256:" + "a" * 64}
    drafts = [
        AuditDraft(action=Action.RELEASE_CREATED, actor="slipway", release=1),
        AuditDraft(action=Action.PLAN_REQUESTED, actor="slipway", release=1, environment="production"),
        AuditDraft(action=Action.PLAN_MADE, actor="slipway", release=1, environment="production", details=plan),
        AuditDraft(
            action=Action.GATE_OPENED,
            actor="slipway",
            release=1,
            environment="production",
            details=plan | {"opening": 1, "required": 1},
        ),
        AuditDraft(action=Action.ROLLOUT_DONE, actor="slipway", release=1, environment="production"),
        AuditDraft(action=Action.RELEASE_LIVE, actor="slipway", release=1, environment="production", details=plan),
    ]
    records = signed_chain(drafts, application="shop", time=MORNING)
    served = [record.model_dump(mode="json") for record in records]
    app.trails["shop"] = Trail(records=served, sequence=len(records), hash=records[-1].hash)
    sequence, reason = fault(slipway)
    assert sequence == 6
    assert reason == "shop-1 went live in production without its gate: 0 of 1 approvals of its plan are on record"
