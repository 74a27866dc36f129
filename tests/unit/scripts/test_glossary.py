"""The glossary has every word of the domain, with a meaning that stands in the code."""

import importlib
import pkgutil
from enum import StrEnum

import pytest

import slipway.domain.plan
from scripts.reference import glossary, meanings
from scripts.reference.glossary import CONCEPTS, ELSEWHERE, WORDS
from slipway.domain.commands import Verb
from slipway.domain.phases import Phase
from slipway.domain.steps import Step


class Half(StrEnum):
    EXPLAINED = "explained"
    """It has a meaning."""
    BARE = "bare"


def domain_enums() -> set[type[StrEnum]]:
    """The enums with words that are defined in the domain."""
    modules = [
        importlib.import_module(m.name) for m in pkgutil.walk_packages(slipway.domain.__path__, "slipway.domain.")
    ]
    return {
        member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, StrEnum) and member.__module__ == module.__name__
    }


def test_every_enum_of_the_domain_is_on_the_page_or_said_to_be_elsewhere() -> None:
    assert set(WORDS.values()) | ELSEWHERE == domain_enums()
    assert not set(WORDS.values()) & ELSEWHERE


def test_every_word_and_every_concept_has_a_row() -> None:
    lines = glossary.page().splitlines()
    for kind in WORDS.values():
        for member in kind:
            assert any(line.startswith(f"| `{member}` | ") for line in lines), member
    for word in CONCEPTS:
        assert any(line.startswith(f"| {word} | ") for line in lines), word


def test_a_member_has_its_own_meaning_or_the_text_below_it() -> None:
    assert meanings.of_members(Phase)[Phase.COMPLETED] == Phase.COMPLETED.meaning
    assert set(meanings.of_members(Verb)) == set(Verb)


def test_a_member_without_a_meaning_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"Half: no meaning is written below BARE$"):
        meanings.of_members(Half)


def test_a_module_says_what_it_is_about_before_its_colon_and_a_class_does_not() -> None:
    assert meanings.first_paragraph(slipway.domain.plan).startswith("Exactly what a rollout will do")
    assert meanings.first_paragraph(Step).startswith("One step of one release")
