"""Projects and service-hook subscriptions, as `slipway connect azure-devops` uses them with a user's token."""

import base64
import json
import uuid
from typing import Any

from .answers import Response, list_response
from .organization import Organization
from .routes import ApiRequest
from .versions import VERSION

MASK = "********"
NEEDED = ("publisherId", "eventType", "consumerId", "consumerActionId", "publisherInputs", "consumerInputs")
FILTERS = ("publisherId", "eventType", "consumerId", "consumerActionId")


def handles(request: ApiRequest) -> bool:
    return request.steps[:2] in (("_apis", "projects"), ("_apis", "hooks"))


def respond(organization: Organization, request: ApiRequest, authorization: str, body: bytes) -> Response:
    if authorization != "Basic " + base64.b64encode(f":{organization.pat}".encode()).decode():
        return Response(content=b"", status=401)
    if request.version != VERSION:
        return _error(400, "No api-version was supplied for the request.")
    if request.organization != organization.name:
        return _not_found()
    return _route(organization, request, body)


def _route(organization: Organization, request: ApiRequest, body: bytes) -> Response:
    match (request.method, *request.steps):
        case ("GET", "_apis", "projects", project):
            return _project(organization, project)
        case ("GET", "_apis", "hooks", "subscriptions"):
            every = organization.subscriptions.values()
            fitting = [s for s in every if all(s.get(n) == request.query[n] for n in FILTERS if n in request.query)]
            return list_response([_with_masked_password(s) for s in fitting])
        case ("GET", "_apis", "hooks", "subscriptions", id) if id in organization.subscriptions:
            return Response(content=_with_masked_password(organization.subscriptions[id]))
        case ("POST", "_apis", "hooks", "subscriptions"):
            return _write(organization, body, str(uuid.uuid4()))
        case ("PUT", "_apis", "hooks", "subscriptions", id) if id in organization.subscriptions:
            return _write(organization, body, id)
    return _not_found()


def _not_found() -> Response:
    return _error(404, "The resource cannot be found.")


def _project(organization: Organization, name: str) -> Response:
    if project := organization.find_project(name):
        return Response(content={"id": project.id, "name": project.name, "state": "wellFormed"})
    return _error(404, f"TF200016: The following project does not exist: {name}.")


def _write(organization: Organization, body: bytes, id: str) -> Response:
    if not organization.may_edit:
        return _error(403, "Access denied: the identity needs Edit Subscriptions permission.")
    subscription = json.loads(body)
    missing = [name for name in NEEDED if not subscription.get(name)]
    if missing or not subscription["consumerInputs"].get("url"):
        return _error(400, f"The subscription lacks {', '.join(missing) or 'the input url'}.")
    if subscription["publisherInputs"].get("projectId") not in organization.projects.values():
        return _error(400, "The project of the subscription does not exist.")
    return Response(content=_with_masked_password(_store(organization, subscription, id)))


def _store(organization: Organization, subscription: dict[str, Any], id: str) -> dict[str, Any]:
    inputs = {**subscription["consumerInputs"]}
    if inputs.get("basicAuthPassword") == MASK:  # a client that sends the mask back keeps the password
        before = organization.subscriptions.get(id, {"consumerInputs": {}})
        inputs["basicAuthPassword"] = before["consumerInputs"].get("basicAuthPassword", "")
    stored = {"resourceVersion": "1.0", "status": "enabled", **subscription, "consumerInputs": inputs, "id": id}
    organization.subscriptions[id] = stored
    return stored


def _with_masked_password(subscription: dict[str, Any]) -> dict[str, Any]:
    inputs = {**subscription["consumerInputs"]}
    if inputs.get("basicAuthPassword"):
        inputs["basicAuthPassword"] = MASK
    return {**subscription, "consumerInputs": inputs}


def _error(status: int, message: str) -> Response:
    return Response(content={"message": message}, status=status)
