"""A person's statement has one byte form and one hash, and nothing in it can be changed without changing both."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from slipway.domain.commands import OF_A_LANE, OF_A_RELEASE, OF_EVERYTHING, OF_THE_INSTALLATION, Verb
from slipway.domain.release import VoteDecision
from slipway.domain.statement import (
    CatalogueChange,
    CatalogueStatement,
    CommandStatement,
    StoredStatement,
    VoteStatement,
    salt_of,
)

PLAN = "sha256:" + "a" * 64
STATEMENT = TypeAdapter(StoredStatement)
VOTE = VoteStatement(
    installation="contoso-prod",
    salt="AAAAAAAAAAAAAAAAAAAAAA",
    application="shop",
    release=482,
    environment="production",
    attempt=1,
    opening=2,
    plan=PLAN,
    decision=VoteDecision.APPROVE,
    reason="Grüße",
)


def test_a_vote_has_one_byte_form_and_its_hash_is_the_nonce() -> None:
    expected = (
        '{"application":"shop","attempt":1,"decision":"approve","environment":"production","installation":"contoso-prod",'
        f'"kind":"vote","opening":2,"plan":"{PLAN}","reason":"Grüße","release":482,"salt":"AAAAAAAAAAAAAAAAAAAAAA","v":1}}'
    ).encode()
    assert VOTE.canonical == expected
    assert VOTE.nonce == base64.urlsafe_b64encode(hashlib.sha256(expected).digest()).decode().rstrip("=")
    assert len(VOTE.nonce) == 43


CHANGED = {
    "installation": "contoso-test",
    "salt": "BAAAAAAAAAAAAAAAAAAAAA",
    "application": "cart",
    "release": 483,
    "environment": "staging",
    "attempt": 2,
    "opening": 3,
    "plan": "sha256:" + "b" * 64,
    "decision": VoteDecision.REJECT,
    "reason": "",
}


@pytest.mark.parametrize("field", [name for name in VoteStatement.model_fields if name not in ("v", "kind")])
def test_every_field_of_a_vote_is_in_its_hash(field: str) -> None:
    assert VOTE.evolve(**{field: CHANGED[field]}).nonce != VOTE.nonce


def test_fields_that_a_command_does_not_use_are_left_out_of_its_statement() -> None:
    command = CommandStatement(
        installation="contoso-prod", salt=VOTE.salt, application="shop", verb=Verb.RESUME, environment="production"
    )
    assert set(command.fields()) == {
        "v", "kind", "installation", "salt", "application", "verb", "environment", "arguments", "reason",
    }  # fmt: skip


@pytest.mark.parametrize("verb", sorted(set(Verb) - OF_THE_INSTALLATION))
def test_a_command_must_name_the_release_or_environment_that_its_verb_needs(verb: Verb) -> None:
    needed = {
        **({"release": 3} if verb in OF_A_RELEASE else {}),
        **({"environment": "staging"} if verb in OF_A_LANE else {}),
    }
    base = {"installation": "i", "salt": VOTE.salt, "application": "shop", "kind": "command", "verb": str(verb)}
    assert STATEMENT.validate_python(base | needed)
    for name in needed:
        with pytest.raises(ValidationError, match=f"{name}: is missing"):
            STATEMENT.validate_python(base | {key: value for key, value in needed.items() if key != name})


@pytest.mark.parametrize("verb", sorted(Verb))
def test_a_command_names_nothing_that_its_verb_does_not_act_on(verb: Verb) -> None:
    base = {"installation": "i", "salt": VOTE.salt, "kind": "command", "verb": str(verb)}
    uses = {
        "release": 3 if verb in OF_A_RELEASE else None,
        "environment": "staging" if verb in OF_A_LANE else None,
        "application": None if verb in OF_THE_INSTALLATION else "shop",
    }
    named = {name: value for name, value in uses.items() if value is not None}
    assert STATEMENT.validate_python(base | named)
    for name, value in {"release": 3, "environment": "staging", "application": "shop"}.items():
        if name not in named:
            with pytest.raises(ValidationError, match=f"{name}: is not for {verb}"):
                STATEMENT.validate_python(base | named | {name: value})


@pytest.mark.parametrize("verb", sorted(set(Verb) - OF_THE_INSTALLATION))
@pytest.mark.parametrize("arguments", [{"tag": "1.4.0"}, {"digest": PLAN}], ids=lambda arguments: next(iter(arguments)))
def test_only_the_creation_of_a_release_names_a_tag_or_digest_and_no_release_besides(
    verb: Verb, arguments: dict[str, str]
) -> None:
    environment = {"environment": "staging"} if verb in OF_A_LANE else {}
    base = {"installation": "i", "salt": VOTE.salt, "application": "shop", "kind": "command", "verb": str(verb)}
    with_artifact = base | environment | {"arguments": arguments}
    why = "release: a tag or digest is only for create, in place of a release"
    with pytest.raises(ValidationError, match=why):
        STATEMENT.validate_python(with_artifact | {"release": 3})
    if verb is Verb.CREATE:
        assert STATEMENT.validate_python(with_artifact)
    else:
        with pytest.raises(ValidationError, match=why):
            STATEMENT.validate_python(with_artifact)


@pytest.mark.parametrize("verb", list(Verb))
def test_only_some_commands_are_about_the_whole_installation(verb: Verb) -> None:
    base = {"installation": "i", "salt": VOTE.salt, "kind": "command", "verb": str(verb)}
    for_everything = base | ({"release": 3} if verb in OF_A_RELEASE else {})
    if verb in OF_EVERYTHING:
        assert STATEMENT.validate_python(for_everything)
        with pytest.raises(ValidationError, match="environment: is not for"):
            STATEMENT.validate_python(for_everything | {"environment": "staging"})
    else:
        with pytest.raises(ValidationError, match="application: is missing"):
            STATEMENT.validate_python(for_everything)


def test_a_change_of_rules_is_written_as_from_and_to() -> None:
    change = CatalogueChange(subject="application:shop", before=None, after=PLAN)
    statement = CatalogueStatement(installation="i", salt=VOTE.salt, changes=(change,))
    assert statement.fields()["changes"] == [{"subject": "application:shop", "to": PLAN}]
    with pytest.raises(ValidationError, match="once"):
        statement.evolve(changes=(change, change))


@given(st.text(max_size=2000))
def test_a_statement_read_back_from_its_bytes_is_the_same_one(reason: str) -> None:
    try:
        statement = VOTE.evolve(reason=reason)
    except (ValidationError, UnicodeEncodeError):
        return
    read_back = STATEMENT.validate_json(statement.canonical)
    assert (read_back, read_back.nonce) == (statement, statement.nonce)


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "wish"},
        {"v": 2},
        {"salt": "short"},
        {"plan": "sha256:0"},
        {"release": 0},
        {"opening": 0},
        {"decision": "maybe"},
        {"reason": "x" * 2001},
        {"installation": "Two Words"},
        {"more": 1},
        {"nonce": "x"},
    ],
    ids=str,
)
def test_a_malformed_statement_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        STATEMENT.validate_json(json.dumps(VOTE.fields() | changed))


def test_a_statement_is_limited_as_a_whole() -> None:
    arguments = {f"name-{number}": "x" * 1024 for number in range(20)}
    with pytest.raises(ValidationError, match="24576 bytes"):
        CommandStatement(
            installation="i",
            salt=VOTE.salt,
            application="shop",
            verb=Verb.RESUME,
            environment="production",
            arguments=arguments,
            reason="ü" * 2000,
        )


def test_a_salt_is_128_bits() -> None:
    assert VOTE.evolve(salt=salt_of(b"\xff" * 16)).salt == "_" * 21 + "w"
    with pytest.raises(ValueError, match="16 random bytes"):
        salt_of(b"")
