"""Who decides at a gate, and that no decision of a person is lost."""

from collections.abc import Callable

import pytest

from tests.situations.kit import ADA, BEN, CLEO, Guest, Installation, Response, shop

Install = Callable[..., Installation]


def by_page(installation: Installation) -> Response:
    """Approve, press Back, and reject on the page that was open all the time."""
    page = installation.page(ADA)
    page.submit("approve")
    return page.submit("reject", reason="I saw a problem")


def by_api(installation: Installation) -> Response:
    """Vote as a program that gives both of its requests the same id."""
    installation.vote_by_api(ADA, "approve", id="1764000000000-00000000ba110001")
    return installation.vote_by_api(ADA, "reject", id="1764000000000-00000000ba110001", reason="I saw a problem")


@pytest.mark.parametrize("say_both", [by_page, by_api])
def test_a_rejection_after_an_approval_on_the_same_page_or_id_counts_or_is_refused_with_an_error(
    install: Install, say_both: Callable[[Installation], Response]
) -> None:
    installation = install(shop(required=2))
    installation.push("v1")
    installation.settle()
    response = say_both(installation)
    installation.settle()
    assert response.status == 409 or installation.release().phase == "rejected"


def reject_by_page(installation: Installation) -> None:
    installation.reject(ADA, reason="I saw a problem")


def reject_by_api(installation: Installation) -> None:
    installation.vote_by_api(ADA, "reject", id="1764000000000-00000000ba110002", reason="I saw a problem")


@pytest.mark.parametrize("reject", [reject_by_page, reject_by_api])
def test_an_approver_can_reject_in_one_step_after_approving(
    install: Install, reject: Callable[[Installation], None]
) -> None:
    installation = install(shop(required=2))
    installation.push("v1")
    installation.settle()
    installation.approve(ADA)
    reject(installation)
    assert installation.release().phase == "rejected"


@pytest.mark.parametrize("committer", ["noreply@github.com", BEN])
def test_neither_author_nor_committer_of_a_change_approves_it(install: Install, committer: str) -> None:
    installation = install(shop(start="both"))
    installation.push("v1")
    installation.run_state_changed("v1", author=ADA, committer=committer)
    installation.settle()
    installation.approve(ADA)
    assert installation.release().phase == "awaiting_approval"


@pytest.mark.parametrize("mail", ["gina@partner.example", "gina.van_dam@partner.example"])
def test_a_guest_who_is_listed_by_mail_address_votes_or_learns_how_to_be_listed(install: Install, mail: str) -> None:
    installation = install(shop(approvers=(mail, CLEO)))
    installation.push("v1")
    installation.settle()
    page = installation.page_signed_in(Guest(mail=mail))
    assert page.status == 200
    may_decide = "Approve v1 for production" in page.text
    assert may_decide or "guest" in page.body or "people" in page.body
