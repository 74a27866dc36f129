"""`slipway changes` and `slipway change`, from the command line through the API to the ledger, and back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.simple_server import make_server

import pytest
from click.testing import CliRunner, Result

from slipway.cli.root import root
from slipway.domain.identity import TokenPerson
from slipway.domain.proposing import ChangePhase
from slipway.domain.roles import Role
from slipway.http.saying import Saying
from slipway.testing.sign_in import bearer, person
from tests.confirming import confirm_pending
from tests.serving import in_a_thread
from tests.unit.api.in_process import serve
from tests.unit.cli.test_catalogue import Quiet, worker_at_work
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import change_of, guarded, number, weaken

ADA = person(11, "Ada", "shop-approvers", Role.READER)
BEN = person(12, "Ben", "shop-approvers", Role.READER)
EVE = person(14, "Eve", Role.READER)

type Slipway = Callable[..., Result]


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


@pytest.fixture
def slipway(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slipway]:
    """The caller confirms at once whatever they are asked to confirm."""
    served = serve(monkeypatch, live, who=ADA, api_access="roles")
    worker_at_work(live, monkeypatch)
    server = make_server("127.0.0.1", 0, served, handler_class=Quiet)
    monkeypatch.chdir(tmp_path)
    environment = {"SLIPWAY_URL": f"http://127.0.0.1:{server.server_port}", "SLIPWAY_KEY": "any"}
    confirmed = Saying.confirmed

    def call(*arguments: str, by: TokenPerson = ADA) -> Result:
        def confirm(saying: Saying, handle: str) -> tuple[str, str] | None:
            if confirmed(saying, handle) is None:
                confirm_pending(live, handle, by)
            return confirmed(saying, handle)

        monkeypatch.setattr(Saying, "confirmed", confirm)
        served.default_headers = lambda: bearer(live.app, by)
        return CliRunner().invoke(root, list(arguments), env=environment, prog_name="slipway")

    with in_a_thread(server):
        yield call


def test_a_waiting_change_is_listed_and_shown_with_its_difference(slipway: Slipway, live: Live) -> None:
    empty_list = slipway("changes")
    assert (empty_list.exit_code, empty_list.stdout, empty_list.stderr) == (0, "", "no change waits for votes\n")
    change = weaken(live)
    listed = slipway("changes")
    assert change.hash[:19] in listed.stdout
    assert "shop production" in listed.stdout
    details = slipway("change", change.hash[7:15])
    assert details.exit_code == 0, details.output
    for line in (
        "environments.production.gate.required: 2 → 1",
        "weaker: production (production/shop): gate: required: 1 instead of 2",
        "shop production: 2 approvals by somebody with the role shop-approvers",
        "quorum-reached: 0 of 2 approvals",
        f"https://slipway.example.com/changes/{change.hash[7:]}",
    ):
        assert line in details.stdout
    assert json.loads(slipway("change", change.hash, "--json").stdout)["change"] == change.hash


def test_two_proved_approvals_put_a_change_in_force(slipway: Slipway, live: Live) -> None:
    change = weaken(live)
    first = slipway("change", "approve", change.hash[7:19])
    assert (first.exit_code, first.stdout) == (0, f"✓ approved  {change.hash[:19]}; its phase is waiting\n")
    assert "a person has to confirm it: https://slipway.example.com/confirm/" in first.stderr
    last = json.loads(slipway("change", "approve", change.hash[7:19], "--json", by=BEN).stdout)
    assert (last["state"], last["change_phase"], number(live)) == ("counted", "passed", 2)
    details = slipway("change", change.hash)
    assert "in force" in details.stdout


def test_a_rejection_takes_effect_at_once_and_is_shown_afterwards(slipway: Slipway, live: Live) -> None:
    change = weaken(live)
    result = slipway("change", "reject", change.hash[7:19], "--reason", "too few eyes")
    assert (result.exit_code, result.stdout) == (0, f"✓ rejected  {change.hash[:19]}; its phase is rejected\n")
    assert "too few eyes" in slipway("change", change.hash).stdout
    late = slipway("change", "approve", change.hash, "--json")
    assert (late.exit_code, json.loads(late.stdout)["error"]["message"]) == (
        1,
        "The vote did not count: the change is rejected: too few eyes",
    )


def test_two_of_the_platforms_people_stand_in_and_a_third_is_refused(slipway: Slipway, live: Live) -> None:
    change = weaken(live)
    for who in (person(31, "Pia", Role.PLATFORM), person(32, "Paul", Role.PLATFORM)):
        result = slipway("change", "stand-in", change.hash[7:19], "--reason", "the team has gone", by=who)
        assert (result.exit_code, "✓ stands in" in result.stdout) == (0, True), result.output
    assert "its phase is stood in" in result.stdout
    assert "takes effect a day after the approvers were told" in result.stderr
    details = slipway("change", change.hash)
    assert details.stdout.count("the team has gone") == 2
    refused = slipway("change", "stand-in", change.hash, "--reason", "me too", by=person(33, "Pat", Role.PLATFORM))
    assert (refused.exit_code, "the change is stood-in" in refused.stderr) == (1, True)


def test_somebody_whom_no_gate_asks_is_refused_by_the_rule(slipway: Slipway, live: Live) -> None:
    change = weaken(live)
    rejects, approves = ("reject", change.hash, "--reason", "no"), ("approve", change.hash)
    for arguments, reason in ((rejects, "no gate that the change weakens asks you"), (approves, "approver-is-listed")):
        result = slipway("change", *arguments, by=EVE)
        assert result.exit_code == 1
        assert reason in result.stderr
    assert change_of(live, change.hash).phase is ChangePhase.WAITING


def test_with_no_wait_the_page_is_printed_and_the_exit_code_says_that_a_person_is_needed(
    slipway: Slipway, live: Live
) -> None:
    change = weaken(live)
    result = slipway("change", "approve", change.hash, "--no-wait")
    assert (result.exit_code, "nobody has confirmed it yet" in result.stderr) == (5, True)


@pytest.mark.parametrize(("name", "code"), [("x", 2), ("abcde", 2), ("0" * 12, 3), ("0" * 64, 3)])
def test_a_malformed_hash_of_a_change_ends_with_2_and_an_unknown_one_with_3(
    slipway: Slipway, live: Live, name: str, code: int
) -> None:
    weaken(live)
    assert slipway("change", name).exit_code == code
