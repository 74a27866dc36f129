"""Changed manifests go out with the same image: applied by the team, and released by a person with a proof."""

from pathlib import Path
from typing import Any

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.errors import NotFound
from slipway.domain.phases import Phase
from slipway.inbound.reading import BadInput
from slipway.queries.answers import SaidState
from slipway.testing import ADA, Installation, write_application
from slipway.testing.sign_in import person
from tests.confirming import OLGA, proof_of, say_proved
from tests.unit.commands.live import Live


@pytest.fixture
def home(tmp_path: Path) -> Live:
    """1.0 is live everywhere."""
    write_application(tmp_path)
    home = Live(tmp_path)
    home.apply()
    go(home, "1.0", 1)
    return home


def go(home: Installation, version: str, number: int) -> None:
    home.push(version)
    home.settle()
    home.vote(number, ADA)
    home.settle()
    assert home.phase(number) is Phase.COMPLETED


def asked(**fields: str) -> CommandRequest:
    return CommandRequest(**{"verb": Verb.CREATE, "application": "shop", **fields})  # type: ignore[arg-type]


def create(home: Live, who: Any = OLGA, **fields: str) -> Any:
    said = say_proved(home, proof_of(home, home.app.inbox_writer.statement(asked(**fields)), who))
    home.hear()
    return home.app.answers.reply(said.partition, said.id)


def replicas(home: Installation, cluster: str) -> object:
    held = {"staging": home.staging, "production": home.production}[cluster].objects.values()
    return next(each["spec"].get("replicas") for each in held if each["kind"] == "Deployment")


def test_a_changed_manifest_is_in_production_without_a_push(home: Live) -> None:
    file = home.deliveries / "shop/manifests/deployment.yaml"
    file.write_text(file.read_text().replace("spec:\n  selector", "spec:\n  replicas: 4\n  selector", 1))
    home.apply()
    reply = create(home, reason="four of them")
    assert reply.state is SaidState.COUNTED, reply
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
    go(home, "2.0", 2)
    first = home.release(1)
    named = {"tag": "1.0", "digest": str(first.digest), "release": "shop-1"}[by]
    assert create(home, **{by: named}).state is SaidState.COUNTED
    assert (home.release(3).digest, home.release(3).tag) == (first.digest, "1.0")


def test_with_nothing_named_it_is_what_is_live_in_the_first_environment(home: Live) -> None:
    go(home, "2.0", 2)
    create(home)
    assert home.release(3).digest == home.release(2).digest


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"tag": "9.9"}, NotFound, "no release of the tag 9.9; push it"),
        ({"digest": f"sha256:{'0' * 64}"}, NotFound, "no release of the digest"),
        ({"application": "nobody"}, NotFound, "no application 'nobody'"),
        ({"tag": "1.0", "digest": f"sha256:{'0' * 64}"}, BadInput, "none beside tag"),
    ],
)
def test_what_cannot_be_found_is_told_at_once(
    home: Live, fields: dict[str, str], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        home.app.inbox_writer.statement(asked(**fields))


def test_somebody_who_may_only_read_starts_nothing(home: Live) -> None:
    reply = create(home, person(5, "Rita", "reader"))
    assert reply.state is SaidState.REFUSED
    assert [rule.name for rule in reply.answered.rules] == ["may-order-it"]
    assert home.actions().count("release.created") == 1


def test_before_anything_is_live_there_is_nothing_to_release_again(tmp_path: Path) -> None:
    write_application(tmp_path)
    home = Live(tmp_path)
    home.apply()
    with pytest.raises(NotFound, match="what is live in staging: nothing is"):
        home.app.inbox_writer.statement(asked())
