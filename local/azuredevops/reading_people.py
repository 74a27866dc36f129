"""Identities and the graph, as `vssps.dev.azure.com` answers them."""

from collections.abc import Callable
from typing import Any

from .answers import Answer, NotKnown, Refusal, listed
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
def identities(call: Call) -> Answer:
    """Several at once. In a list by ids or descriptors, null takes the place of anybody unknown."""
    if call.query.get("queryMembership", "None").casefold() != "none":
        raise NotKnown("identities with their memberships")
    asked = [name for name in _BY if name in call.query]
    if len(asked) != 1:
        raise NotKnown(f"identities asked for by {' and '.join(asked) or 'nothing'}")
    people = call.organization.people
    if asked == ["searchFilter"]:
        return listed([identity(person) for person in _search(call)])
    if asked == ["identityIds"]:
        wanted = call.query["identityIds"].casefold().split(",")
        found = [people.get(_dashed(id)) for id in wanted]
    else:
        by_descriptor = {person.descriptor: person for person in people.values()}
        found = [by_descriptor.get(one) for one in call.query["subjectDescriptors"].split(",")]
    return listed([identity(person) if person else None for person in found])


def _dashed(id: str) -> str:
    plain = id.replace("-", "")
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def _search(call: Call) -> list[Person]:
    """`General`: name, account or address, whole and without regard to case. Several may have it."""
    if call.query["searchFilter"] != "General":
        raise NotKnown(f"the searchFilter {call.query['searchFilter'][:30]}")
    wanted = call.query.get("filterValue", "").casefold()
    every = call.organization.people.values()
    return [person for person in every if wanted and wanted in (person.name.casefold(), person.mail.casefold())]


@table.get(f"{_GRAPH}/users/{{descriptor}}", versions=IN_PREVIEW)
def user(call: Call) -> Answer:
    return Answer(content=graph_subject(_subject(call, lambda p: p.kind in (Kind.MEMBER, Kind.GUEST)), call.at))


@table.get(f"{_GRAPH}/serviceprincipals/{{descriptor}}", versions=IN_PREVIEW)
def service_principal(call: Call) -> Answer:
    return Answer(content=graph_subject(_subject(call, lambda p: p.kind is Kind.SERVICE_PRINCIPAL), call.at))


@table.post(f"{_GRAPH}/subjectlookup", versions=IN_PREVIEW)
def subjects(call: Call) -> Answer:
    """The subjects with these descriptors; unknown ones are left out."""
    _may_see(call)
    keys = call.json().get("lookupKeys", [])
    wanted = [str(key.get("descriptor")) for key in keys]
    found = {p.descriptor: p for p in call.organization.people.values() if p.in_entra}
    told: dict[str, Any] = {one: graph_subject(found[one], call.at) for one in wanted if one in found}
    return Answer(content={"count": len(told), "value": told})


@table.get(f"{_GRAPH}/descriptors/{{key}}", versions=RELEASED)
def descriptor(call: Call) -> Answer:
    _may_see(call)
    found = call.organization.people.get(call.words["key"].casefold())
    if found is None:
        raise _nobody(call.words["key"])
    at = call.at
    links = {
        "self": {"href": at.graph("Descriptors", found.storage_key)},
        "storageKey": {"href": at.graph("StorageKeys", found.descriptor)},
        "subject": {"href": at.graph("Users", found.descriptor)},
    }
    return Answer(content={"value": found.descriptor, "_links": links})


@table.get(f"{_GRAPH}/storagekeys/{{descriptor}}", versions=RELEASED)
def storage_key(call: Call) -> Answer:
    found = _subject(call, lambda _: True)
    links = {
        "self": {"href": call.at.graph("StorageKeys", found.descriptor)},
        "descriptor": {"href": call.at.graph("Descriptors", found.storage_key)},
    }
    return Answer(content={"value": found.storage_key, "_links": links})


def _subject(call: Call, fits: Callable[[Person], bool]) -> Person:
    _may_see(call)
    wanted = call.words["descriptor"]
    for person in call.organization.people.values():
        if person.descriptor == wanted and fits(person):
            return person
    raise _nobody(wanted)


def _may_see(call: Call) -> None:
    if not call.reader.people:
        raise Refusal(
            403,
            "AccessCheckException",
            f"TF50309: The following account does not have sufficient permissions to complete the operation: "
            f"{call.reader.person.name}. The following permissions are needed to perform this operation: View "
            "instance-level information.",
        )


def _nobody(who: str) -> Refusal:
    return Refusal(404, "GraphSubjectNotFoundException", f"VS860016: Could not find the subject {who[:100]}.")
