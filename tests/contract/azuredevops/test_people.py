"""From what a run names to Entra's object ids."""

import base64
from typing import Any

import pytest

from local.azuredevops import Kind
from local.azuredevops.people import OBJECT_ID, PLATFORM

from .support import WORKER, Client, Story


def oid(entry: dict[str, Any]) -> str | None:
    found: str | None = entry["properties"].get(OBJECT_ID, {}).get("$value")
    return found


def test_identities_tell_the_object_ids_of_several_people_at_once(told: Story, ask: Client) -> None:
    run = ask(told.build).json
    pull_request = ask(f"{told.git}/pullRequests/{told.pull_request.id}").json
    wanted = [run["requestedFor"]["id"], pull_request["createdBy"]["id"]]
    found = ask("_apis/identities", {"identityIds": ",".join(wanted), "queryMembership": "None"}, people=True).value
    assert [oid(entry) for entry in found] == [told.ben.oid, told.ada.oid]
    assert {entry["properties"]["Domain"]["$value"] for entry in found} == {told.organization.tenant}


def test_neither_the_id_nor_the_descriptor_of_a_person_is_their_object_id(told: Story, ask: Client) -> None:
    named = ask(told.build).json["requestedFor"]
    inside = named["descriptor"].partition(".")[2]
    decoded = base64.urlsafe_b64decode(inside + "=" * (-len(inside) % 4)).decode()
    assert len({named["id"], decoded, told.ben.oid}) == 3


def test_null_takes_the_place_of_an_unknown_identity(told: Story, ask: Client) -> None:
    ids = f"{told.project.id},{told.ada.storage_key.replace('-', '')}"
    nobody, ada = ask("_apis/identities", {"identityIds": ids}, people=True).value
    assert nobody is None
    assert oid(ada) == told.ada.oid


def test_azure_devops_itself_has_no_object_id(ask: Client) -> None:
    [entry] = ask("_apis/identities", {"identityIds": PLATFORM.storage_key}, people=True).value
    assert oid(entry) is None


def test_an_address_that_two_people_have_brings_both(told: Story, ask: Client) -> None:
    told.organization.person("Ada the second", "Ada@example.com", oid="aaaaaaaa-0000-4000-8000-00000000000f")
    found = ask("_apis/identities", {"searchFilter": "General", "filterValue": "ada@EXAMPLE.com"}, people=True).value
    assert len({oid(entry) for entry in found}) == 2


def test_somebody_who_has_left_is_not_active(told: Story, ask: Client) -> None:
    gone = told.organization.person("Gone", "gone@example.com", active=False)
    [entry] = ask("_apis/identities", {"subjectDescriptors": gone.descriptor}, people=True).value
    assert entry["isActive"] is False


def test_a_guest_has_an_object_id_and_a_domain_of_our_own_tenant(told: Story, ask: Client) -> None:
    guest = next(p for p in told.organization.people.values() if p.kind is Kind.GUEST)
    shown = ask.in_version("7.1-preview.1")(f"_apis/graph/users/{guest.descriptor}", people=True).json
    assert (shown["metaType"], shown["domain"]) == ("guest", told.organization.tenant)
    assert (shown["originId"], shown["directoryAlias"]) == (guest.oid, "grace_partner.example#EXT#")


def test_a_service_principal_is_not_a_user(told: Story, ask: Client) -> None:
    service = told.organization.readers[WORKER].person
    preview = ask.in_version("7.1-preview.1")
    shown = preview(f"_apis/graph/serviceprincipals/{service.descriptor}", people=True).json
    assert (shown["originId"], shown["metaType"]) == (WORKER, "application")
    assert preview(f"_apis/graph/users/{service.descriptor}", people=True).status == 404


def test_descriptor_and_storage_key_lead_to_each_other(told: Story, ask: Client) -> None:
    descriptor = ask(f"_apis/graph/descriptors/{told.ada.storage_key}", people=True).json["value"]
    assert ask(f"_apis/graph/storagekeys/{descriptor}", people=True).json["value"] == told.ada.storage_key


def test_a_lookup_leaves_out_unknown_subjects(told: Story, ask: Client) -> None:
    keys = {"lookupKeys": [{"descriptor": told.ada.descriptor}, {"descriptor": "aad.nobody"}]}
    found = ask.in_version("7.1-preview.1")("_apis/graph/subjectlookup", body=keys, people=True).json
    assert {key: each["originId"] for key, each in found["value"].items()} == {told.ada.descriptor: told.ada.oid}


@pytest.mark.parametrize("query", [{}, {"identityIds": "a", "subjectDescriptors": "b"}, {"searchFilter": "Alias"}])
def test_a_way_to_ask_for_people_that_is_not_known_is_refused_by_name(query: dict[str, str], ask: Client) -> None:
    assert ask("_apis/identities", query, people=True).status == 501
