"""Projects and service-hook subscriptions: what `slipway connect azure-devops` asks for, by a user's token."""

import base64
import json
import uuid
from typing import Any

from .answers import Answer, listed
from .organization import Organization
from .routes import ApiRequest
from .versions import VERSION

MASK = "********"
NEEDED = ("publisherId", "eventType", "consumerId", "consumerActionId", "publisherInputs", "consumerInputs")
FILTERS = ("publisherId", "eventType", "consumerId", "consumerActionId")


def answers(asked: ApiRequest) -> bool:
    return asked.steps[:2] in (("_apis", "projects"), ("_apis", "hooks"))


def answer(here: Organization, asked: ApiRequest, authorization: str, body: bytes) -> Answer:
    if authorization != "Basic " + base64.b64encode(f":{here.pat}".encode()).decode():
        return Answer(content=b"", status=401)
    if asked.version != VERSION:
        return _refused(400, "No api-version was supplied for the request.")
    if asked.organization != here.name:
        return _nothing_there()
    return _found(here, asked, body)


def _found(here: Organization, asked: ApiRequest, body: bytes) -> Answer:
    match (asked.method, *asked.steps):
        case ("GET", "_apis", "projects", project):
            return _project(here, project)
        case ("GET", "_apis", "hooks", "subscriptions"):
            every = here.subscriptions.values()
            fitting = [s for s in every if all(s.get(n) == asked.query[n] for n in FILTERS if n in asked.query)]
            return listed([_shown(s) for s in fitting])
        case ("GET", "_apis", "hooks", "subscriptions", id) if id in here.subscriptions:
            return Answer(content=_shown(here.subscriptions[id]))
        case ("POST", "_apis", "hooks", "subscriptions"):
            return _write(here, body, str(uuid.uuid4()))
        case ("PUT", "_apis", "hooks", "subscriptions", id) if id in here.subscriptions:
            return _write(here, body, id)
    return _nothing_there()


def _nothing_there() -> Answer:
    return _refused(404, "The resource cannot be found.")


def _project(here: Organization, wanted: str) -> Answer:
    if found := here.find_project(wanted):
        return Answer(content={"id": found.id, "name": found.name, "state": "wellFormed"})
    return _refused(404, f"TF200016: The following project does not exist: {wanted}.")


def _write(here: Organization, body: bytes, id: str) -> Answer:
    if not here.may_edit:
        return _refused(403, "Access denied: the identity needs Edit Subscriptions permission.")
    given = json.loads(body)
    missing = [name for name in NEEDED if not given.get(name)]
    if missing or not given["consumerInputs"].get("url"):
        return _refused(400, f"The subscription lacks {', '.join(missing) or 'the input url'}.")
    if given["publisherInputs"].get("projectId") not in here.projects.values():
        return _refused(400, "The project of the subscription does not exist.")
    return Answer(content=_shown(_keep(here, given, id)))


def _keep(here: Organization, given: dict[str, Any], id: str) -> dict[str, Any]:
    inputs = {**given["consumerInputs"]}
    if inputs.get("basicAuthPassword") == MASK:  # stars sent back leave the password as it was
        before = here.subscriptions.get(id, {"consumerInputs": {}})
        inputs["basicAuthPassword"] = before["consumerInputs"].get("basicAuthPassword", "")
    kept = {"resourceVersion": "1.0", "status": "enabled", **given, "consumerInputs": inputs, "id": id}
    here.subscriptions[id] = kept
    return kept


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    inputs = {**kept["consumerInputs"]}
    if inputs.get("basicAuthPassword"):
        inputs["basicAuthPassword"] = MASK
    return {**kept, "consumerInputs": inputs}


def _refused(status: int, message: str) -> Answer:
    return Answer(content={"message": message}, status=status)
