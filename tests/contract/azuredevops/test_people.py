"""From what a run names to Entra's object ids."""

import base64
from typing import Any

import pytest

from local.azuredevops import Kind
from local.azuredevops.people import OBJECT_ID, PLATFORM

from .support import WORKER, Client, Story


def oid(entry: dict[str, Any]) -> str | None:
    object_id: str | None = entry["properties"].get(OBJECT_ID, {}).get("$value")
    return object_id


def test_one_request_for_identities_gives_the_object_ids_of_several_people(story: Story, ask: Client) -> None:
    run = ask(story.build).json
    pull_request = ask(f"{story.git}/pullRequests/{story.pull_request.id}").json
    ids = [run["requestedFor"]["id"], pull_request["createdBy"]["id"]]
    identities = ask("_apis/identities", {"identityIds": ",".join(ids), "queryMembership": "None"}, people=True).value
    assert [oid(entry) for entry in identities] == [story.ben.oid, story.ada.oid]
    assert {entry["properties"]["Domain"]["$value"] for entry in identities} == {story.organization.tenant}


def test_neither_the_id_nor_the_descriptor_of_a_person_is_their_object_id(story: Story, ask: Client) -> None:
    requester = ask(story.build).json["requestedFor"]
    inside = requester["descriptor"].partition(".")[2]
    decoded = base64.urlsafe_b64decode(inside + "=" * (-len(inside) % 4)).decode()
    assert len({requester["id"], decoded, story.ben.oid}) == 3


def test_null_takes_the_place_of_an_unknown_identity(story: Story, ask: Client) -> None:
    ids = f"{story.project.id},{story.ada.storage_key.replace('-', '')}"
    nobody, ada = ask("_apis/identities", {"identityIds": ids}, people=True).value
    assert nobody is None
    assert oid(ada) == story.ada.oid


def test_azure_devops_itself_has_no_object_id(ask: Client) -> None:
    [entry] = ask("_apis/identities", {"identityIds": PLATFORM.storage_key}, people=True).value
    assert oid(entry) is None


def test_a_search_for_an_address_that_two_people_have_finds_both(story: Story, ask: Client) -> None:
    story.organization.person("Ada the second", "Ada@example.com", oid="aaaaaaaa-0000-4000-8000-00000000000f")
    identities = ask(
        "_apis/identities", {"searchFilter": "General", "filterValue": "ada@EXAMPLE.com"}, people=True
    ).value
    assert len({oid(entry) for entry in identities}) == 2


def test_somebody_who_has_left_is_not_active(story: Story, ask: Client) -> None:
    former = story.organization.person("Gone", "gone@example.com", active=False)
    [entry] = ask("_apis/identities", {"subjectDescriptors": former.descriptor}, people=True).value
    assert entry["isActive"] is False


def test_a_guest_has_an_object_id_and_a_domain_of_our_own_tenant(story: Story, ask: Client) -> None:
    guest = next(p for p in story.organization.people.values() if p.kind is Kind.GUEST)
    user = ask.in_version("7.1-preview.1")(f"_apis/graph/users/{guest.descriptor}", people=True).json
    assert (user["metaType"], user["domain"]) == ("guest", story.organization.tenant)
    assert (user["originId"], user["directoryAlias"]) == (guest.oid, "grace_partner.example#EXT#")


def test_a_service_principal_is_not_a_user(story: Story, ask: Client) -> None:
    service = story.organization.readers[WORKER].person
    preview = ask.in_version("7.1-preview.1")
    principal = preview(f"_apis/graph/serviceprincipals/{service.descriptor}", people=True).json
    assert (principal["originId"], principal["metaType"]) == (WORKER, "application")
    assert preview(f"_apis/graph/users/{service.descriptor}", people=True).status == 404


def test_descriptor_and_storage_key_lead_to_each_other(story: Story, ask: Client) -> None:
    descriptor = ask(f"_apis/graph/descriptors/{story.ada.storage_key}", people=True).json["value"]
    assert ask(f"_apis/graph/storagekeys/{descriptor}", people=True).json["value"] == story.ada.storage_key


def test_a_lookup_leaves_out_unknown_subjects(story: Story, ask: Client) -> None:
    keys = {"lookupKeys": [{"descriptor": story.ada.descriptor}, {"descriptor": "aad.nobody"}]}
    subjects = ask.in_version("7.1-preview.1")("_apis/graph/subjectlookup", body=keys, people=True).json
    assert {key: subject["originId"] for key, subject in subjects["value"].items()} == {
        story.ada.descriptor: story.ada.oid
    }


@pytest.mark.parametrize("query", [{}, {"identityIds": "a", "subjectDescriptors": "b"}, {"searchFilter": "Alias"}])
def test_an_unknown_kind_of_query_for_people_is_refused(query: dict[str, str], ask: Client) -> None:
    assert ask("_apis/identities", query, people=True).status == 501
