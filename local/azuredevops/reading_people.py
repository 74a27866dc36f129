"""Identities and the graph, as `vssps.dev.azure.com` returns them."""

from collections.abc import Callable
from typing import Any

from .answers import NotKnown, Refusal, Response, list_response
from .people import Kind, Person, graph_subject, identity
from .routes import IN_PREVIEW, RELEASED, Call, Host, Table

table = Table(Host.PEOPLE)
_GRAPH = "_apis/graph"
_BY = ("identityIds", "subjectDescriptors", "searchFilter")


@table.get(
    "_apis/identities",
    "identityIds",
    "subjectDescriptors",
    "searchFilter",
    "filterValue",
    "queryMembership",
    versions=RELEASED,
)
def identities(call: Call) -> Response:
    """Several at once. In a list by ids or descriptors, null stands for whoever is unknown."""
    if call.query.get("queryMembership", "None").casefold() != "none":
        raise NotKnown("identities with their memberships")
    criteria = [name for name in _BY if name in call.query]
    if len(criteria) != 1:
        raise NotKnown(f"identities asked for by {' and '.join(criteria) or 'nothing'}")
    people = call.organization.people
    if criteria == ["searchFilter"]:
        return list_response([identity(person) for person in _search(call)])
    if criteria == ["identityIds"]:
        ids = call.query["identityIds"].casefold().split(",")
        matches = [people.get(_dashed(id)) for id in ids]
    else:
        by_descriptor = {person.descriptor: person for person in people.values()}
        matches = [by_descriptor.get(descriptor) for descriptor in call.query["subjectDescriptors"].split(",")]
    return list_response([identity(person) if person else None for person in matches])


def _dashed(id: str) -> str:
    plain = id.replace("-", "")
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def _search(call: Call) -> list[Person]:
    """Search `General`: the whole name, account or address, ignoring case. Several people may match."""
    if call.query["searchFilter"] != "General":
        raise NotKnown(f"the searchFilter {call.query['searchFilter'][:30]}")
    text = call.query.get("filterValue", "").casefold()
    every = call.organization.people.values()
    return [person for person in every if text and text in (person.name.casefold(), person.mail.casefold())]


@table.get(f"{_GRAPH}/users/{{descriptor}}", versions=IN_PREVIEW)
def user(call: Call) -> Response:
    return Response(
        content=graph_subject(_subject(call, lambda p: p.kind in (Kind.MEMBER, Kind.GUEST)), call.addresses)
    )


@table.get(f"{_GRAPH}/serviceprincipals/{{descriptor}}", versions=IN_PREVIEW)
def service_principal(call: Call) -> Response:
    return Response(content=graph_subject(_subject(call, lambda p: p.kind is Kind.SERVICE_PRINCIPAL), call.addresses))


@table.post(f"{_GRAPH}/subjectlookup", versions=IN_PREVIEW)
def subjects(call: Call) -> Response:
    """The subjects with these descriptors; unknown ones are left out."""
    _require_people_right(call)
    keys = call.json().get("lookupKeys", [])
    descriptors = [str(key.get("descriptor")) for key in keys]
    by_descriptor = {p.descriptor: p for p in call.organization.people.values() if p.in_entra}
    subjects: dict[str, Any] = {
        descriptor: graph_subject(by_descriptor[descriptor], call.addresses)
        for descriptor in descriptors
        if descriptor in by_descriptor
    }
    return Response(content={"count": len(subjects), "value": subjects})


@table.get(f"{_GRAPH}/descriptors/{{key}}", versions=RELEASED)
def descriptor(call: Call) -> Response:
    _require_people_right(call)
    person = call.organization.people.get(call.words["key"].casefold())
    if person is None:
        raise _subject_not_found(call.words["key"])
    at = call.addresses
    links = {
        "self": {"href": at.graph("Descriptors", person.storage_key)},
        "storageKey": {"href": at.graph("StorageKeys", person.descriptor)},
        "subject": {"href": at.graph("Users", person.descriptor)},
    }
    return Response(content={"value": person.descriptor, "_links": links})


@table.get(f"{_GRAPH}/storagekeys/{{descriptor}}", versions=RELEASED)
def storage_key(call: Call) -> Response:
    person = _subject(call, lambda _: True)
    links = {
        "self": {"href": call.addresses.graph("StorageKeys", person.descriptor)},
        "descriptor": {"href": call.addresses.graph("Descriptors", person.storage_key)},
    }
    return Response(content={"value": person.storage_key, "_links": links})


def _subject(call: Call, fits: Callable[[Person], bool]) -> Person:
    _require_people_right(call)
    descriptor = call.words["descriptor"]
    for person in call.organization.people.values():
        if person.descriptor == descriptor and fits(person):
            return person
    raise _subject_not_found(descriptor)


def _require_people_right(call: Call) -> None:
    if not call.reader.may_read_people:
        raise Refusal(
            403,
            "AccessCheckException",
            f"TF50309: The following account does not have sufficient permissions to complete the operation: "
            f"{call.reader.person.name}. The following permissions are needed to perform this operation: View "
            "instance-level information.",
        )


def _subject_not_found(who: str) -> Refusal:
    return Refusal(404, "GraphSubjectNotFoundException", f"VS860016: Could not find the subject {who[:100]}.")
