"""Changed manifests go out with the same image: applied by the team, and released by a person with a proof."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.answers import StatementState
from slipway.domain.commands import Verb
from slipway.domain.decide.quorum import own_work_rules
from slipway.domain.errors import NotFound, present
from slipway.domain.gate import ApprovalGate
from slipway.domain.inbox import Look, LookKind, Speaker, Via
from slipway.domain.phases import Phase
from slipway.domain.rules import Rule
from slipway.effects.registry import Unreachable
from slipway.inbound.reading import BadInput
from slipway.testing import ADA, Installation, write_application
from slipway.testing.artifacts import image, referrer
from slipway.testing.sign_in import person
from tests.beginnings import applied, begun
from tests.confirming import OLGA, proof_of, say_proved
from tests.unit.commands.live import Live


def live_everywhere(folder: Path) -> Live:
    """1.0 is live everywhere."""
    home = begun(applied, folder)
    deliver(home, "1.0", 1)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Live:
    return begun(live_everywhere, tmp_path)


def deliver(home: Installation, version: str, number: int) -> None:
    home.push(version)
    home.settle()
    home.vote(number, ADA)
    home.settle()
    assert home.phase(number) is Phase.COMPLETED


def creation(**fields: str) -> CommandRequest:
    return CommandRequest(**{"verb": Verb.CREATE, "application": "shop", **fields})  # type: ignore[arg-type]


def create(home: Live, who: Any = OLGA, **fields: str) -> Any:
    receipt = say_proved(home, proof_of(home, home.app.inbox_writer.statement(creation(**fields)), who))
    home.hear()
    return home.app.answers.reply(receipt.partition, receipt.id)


def replicas(home: Installation, cluster: str) -> object:
    objects = {"staging": home.staging, "production": home.production}[cluster].objects.values()
    return next(manifest["spec"].get("replicas") for manifest in objects if manifest["kind"] == "Deployment")


def test_a_changed_manifest_is_in_production_without_a_push(home: Live) -> None:
    file = home.deliveries / "shop/manifests/deployment.yaml"
    file.write_text(file.read_text().replace("spec:\n  selector", "spec:\n  replicas: 4\n  selector", 1))
    home.apply()
    reply = create(home, reason="four of them")
    assert reply.state is StatementState.COUNTED, reply
    assert reply.answered.release == "shop-2"
    home.settle()
    assert (replicas(home, "staging"), replicas(home, "production")) == (4, None)
    home.vote(2, ADA)
    home.settle()
    assert (home.phase(2), replicas(home, "production")) == (Phase.COMPLETED, 4)
    assert home.release(2).digest == home.release(1).digest
    assert home.verify().intact


@pytest.mark.parametrize("by", ["tag", "digest", "release"])
def test_an_earlier_artifact_is_named_by_tag_digest_or_release(home: Live, by: str) -> None:
    deliver(home, "2.0", 2)
    first = home.release(1)
    fields = {"tag": "1.0", "digest": str(first.digest), "release": "shop-1"}[by]
    assert create(home, **{by: fields}).state is StatementState.COUNTED
    assert (home.release(3).digest, home.release(3).tag) == (first.digest, "1.0")


def test_without_a_named_artifact_the_live_one_of_the_first_environment_is_released(home: Live) -> None:
    deliver(home, "2.0", 2)
    create(home)
    assert home.release(3).digest == home.release(2).digest


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"tag": "a b"}, BadInput, "tag: expected a tag"),
        ({"digest": "1.0"}, BadInput, "digest: expected a digest"),
        ({"application": "nobody"}, NotFound, "no application 'nobody'"),
        ({"tag": "1.0", "digest": f"sha256:{'0' * 64}"}, BadInput, "none beside tag"),
    ],
)
def test_an_invalid_request_for_a_release_is_refused_at_once(
    home: Live, fields: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        home.app.inbox_writer.statement(creation(**fields))


def test_a_reader_starts_no_release(home: Live) -> None:
    reply = create(home, person(5, "Rita", "reader"))
    assert reply.state is StatementState.REFUSED
    assert [rule.name for rule in reply.answered.rules] == ["may-order-it"]
    assert home.actions().count("release.created") == 1


def test_before_anything_is_live_there_is_nothing_to_release_again(tmp_path: Path) -> None:
    write_application(tmp_path)
    home = Live(tmp_path)
    home.apply()
    with pytest.raises(NotFound, match="no release live in staging"):
        home.app.inbox_writer.statement(creation())


# ---- what no release has delivered


@pytest.fixture
def unannounced(tmp_path: Path) -> Live:
    """1.0 was pushed and no event reported it, for example because the application was not applied yet."""
    write_application(tmp_path, start="both")
    home = Live(tmp_path)
    home.apply()
    home.build("1.0")
    return home


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_an_image_that_was_pushed_before_its_application_existed_goes_to_production(unannounced: Live, by: str) -> None:
    digest = unannounced.nonprod.resolve("team/shop", "1.0")
    assert digest is not None
    reply = create(unannounced, reason="the first one", **{by: {"tag": "1.0", "digest": digest}[by]})
    assert (reply.state, reply.answered.release) == (StatementState.COUNTED, "shop-1"), reply
    unannounced.settle()
    release = unannounced.release(1)
    assert (release.tag, release.digest, release.phase) == ("1.0", digest, Phase.AWAITING_APPROVAL)
    assert release.manual_start is not None
    assert (release.manual_start.by, release.manual_start.of, release.push, release.run) == (
        f"oid:{OLGA.oid}",
        None,
        None,
        None,
    )
    rules = {rule.name: rule for group in unannounced.explain(1).rules for rule in group.rules}
    assert rules["image-was-pushed"].passed
    assert "started it" in rules["image-was-pushed"].reason
    assert "run-succeeded" not in rules
    unannounced.vote(1, ADA)
    unannounced.settle()
    assert unannounced.phase(1) is Phase.COMPLETED
    assert unannounced.verify().intact


def test_a_late_report_of_the_push_starts_no_second_release(unannounced: Live) -> None:
    create(unannounced, tag="1.0")
    unannounced.settle()
    unannounced.push("1.0", at=unannounced.now - timedelta(hours=1))
    unannounced.settle()
    assert unannounced.actions().count("release.created") == 1


def test_a_ci_run_that_says_it_made_the_image_joins_the_release(unannounced: Live) -> None:
    create(unannounced, tag="1.0")
    unannounced.settle()
    unannounced.run("41", digest=unannounced.release(1).digest)
    run = unannounced.release(1).run
    assert run is not None
    assert run.number == "41"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tag": "9.9"}, "nothing was pushed under this tag"),
        ({"digest": f"sha256:{'0' * 64}"}, "nonprod.test/team/shop@sha256:0000"),
    ],
)
def test_an_artifact_that_was_never_pushed_is_reported_and_starts_nothing(
    unannounced: Live, fields: dict[str, str], message: str
) -> None:
    reply = create(unannounced, **fields)
    assert reply.state is StatementState.PARKED
    assert message in reply.reason
    assert "release.created" not in unannounced.actions()


def why_not(home: Live, **options: str) -> str:
    """What a look says before anybody is asked to confirm."""
    look = Look(kind=LookKind.PUSHED, subject="shop", options=options)
    receipt = home.app.inbox_writer.look(look, Speaker(name="rita", roles=("reader",), via=Via.API))
    home.hear()
    reason: str = present(home.app.looks.get(receipt.id), "the answer").answer["why"]
    return reason


def test_a_look_says_whether_the_registry_has_an_artifact_and_parks_nothing(unannounced: Live) -> None:
    digest = present(unannounced.nonprod.resolve("team/shop", "1.0"), "the image")
    assert "nothing was pushed under this tag" in why_not(unannounced, tag="9.9")
    assert "nonprod.test/team/shop@sha256:0000" in why_not(unannounced, digest=f"sha256:{'0' * 64}")
    assert [why_not(unannounced, tag="1.0"), why_not(unannounced, digest=digest)] == ["", ""]
    assert list(unannounced.app.parking.all()) == []


def test_a_look_at_an_artifact_refuses_nothing_while_the_registry_is_away(home: Live) -> None:
    home.nonprod.errors += [Unreachable(home.nonprod.where("team/shop", "9.9"), "it is away")] * 20
    assert [why_not(home, tag="1.0"), why_not(home, tag="9.9")] == ["", ""]


def test_a_digest_that_no_tag_names_is_reported(unannounced: Live) -> None:
    digest = unannounced.build("2.0")
    del unannounced.nonprod.pushed["team/shop", "2.0"]
    del unannounced.nonprod.held.tags["team/shop", "2.0"]
    reply = create(unannounced, digest=digest)
    assert (reply.state, "newest tags names it" in reply.reason) == (StatementState.PARKED, True)


def test_a_tag_that_the_versions_do_not_take_is_refused_by_that_rule(tmp_path: Path) -> None:
    write_application(tmp_path)
    file = tmp_path / "shop/application.yaml"
    file.write_text(file.read_text() + 'versions: { range: ">=2.0.0" }\n')
    home = Live(tmp_path)
    home.apply()
    home.build("1.0.0")
    assert ">=2.0.0" in why_not(home, tag="1.0.0")
    reply = create(home, tag="1.0.0")
    assert reply.state is StatementState.REFUSED
    assert [rule.name for rule in reply.answered.rules] == ["tag-matches"]


def test_an_artifact_that_is_not_an_image_is_refused_by_that_rule(unannounced: Live) -> None:
    unannounced.nonprod.seed("team/shop", referrer(image(b"1.0"), b"a signature"), "1.1")
    assert why_not(unannounced, tag="1.1")
    reply = create(unannounced, tag="1.1")
    assert reply.state is StatementState.REFUSED
    assert [rule.name for rule in reply.answered.rules] == ["is-an-image"]


def test_while_the_registry_is_away_the_command_waits(unannounced: Live) -> None:
    unannounced.nonprod.errors += [Unreachable(unannounced.nonprod.where("team/shop", "1.0"), "it is away")] * 20
    assert create(unannounced, tag="1.0").state is StatementState.RECEIVED
    unannounced.nonprod.errors.clear()
    unannounced.wait(timedelta(minutes=1))
    unannounced.app.reconciler.run()
    assert unannounced.actions().count("release.created") == 1


def test_the_person_who_started_a_release_does_not_approve_it(tmp_path: Path) -> None:
    write_application(tmp_path)
    home = Live(tmp_path)
    home.apply()
    home.build("1.0")
    create(home, tag="1.0", reason="mine")
    home.settle()
    (rule,) = (
        result
        for result in own_work_rules(home.release(1), gate_of(home), frozenset({f"oid:{OLGA.oid}"}))
        if result.rule is Rule.NOT_REQUESTER
    )
    assert not rule.passed


def gate_of(home: Live) -> ApprovalGate:
    production = home.app.catalogue.entries["shop"].application.environment("production")
    assert production is not None
    assert isinstance(production.gate, ApprovalGate)
    return production.gate
