"""Events as the services send them (shapes from their documentation), to change one thing at a time in the tests."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

from slipway.inbound import EventSource

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DIGEST = "sha256:80f0d5c8786bb9e621a45ece0db56d11cdc624ad20da9fe62e9d25490f331d7d"
RESOURCE_ID = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/delivery"
    "/providers/Microsoft.ContainerRegistry/registries/contoso"
)
SOURCES = {
    "contoso.azurecr.io": EventSource(name="nonprod", login_server="contoso.azurecr.io", resource_id=RESOURCE_ID),
    "open.azurecr.io": EventSource(name="open", login_server="open.azurecr.io"),
}
NOTHING = object()
"""As a value for `changed`: remove the field."""


def changed(sample: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy with other values; `__` in a name steps into an object: `target__tag="v1"`."""
    copied = copy.deepcopy(sample)
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = copied
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is NOTHING:
            place.pop(name, None)
        else:
            place[name] = value
    return copied


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


PUSH: dict[str, Any] = {
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "timestamp": "2026-11-22T21:39:47.654961412Z",
    "action": "push",
    "target": {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "size": 3023,
        "digest": DIGEST,
        "length": 3023,
        "repository": "team/shop",
        "tag": "1.4.2",
    },
    "request": {
        "id": "7c66f28b-de19-40a4-821c-6f5f6c0003a4",
        "host": "contoso.azurecr.io",
        "method": "PUT",
        "useragent": "docker/27.3.1",
    },
}
"""`data` of an ImagePushed event, as the samples of the event's reference have it: without the optional fields."""

OPTIONAL: dict[str, Any] = {
    "actor__name": "ci-push-token",
    "source__addr": "xtal.local:5000",
    "source__instanceID": "a53db2c1",
    "request__addr": "203.0.113.7",
    "target__url": "https://contoso.azurecr.io/v2/team/shop/manifests/" + DIGEST,
    "target__name": "shop",
    "target__version": "1.4.2",
}

_PROJECT = "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79"
_CONTAINERS = {
    "collection": {"id": "c12d0eb8-e382-443b-9f9c-c52cba5014c2", "baseUrl": "https://dev.azure.com/Contoso/"},
    "account": {"id": "f844ec47-a9db-4511-8281-8b63f4eaf94e", "baseUrl": "https://dev.azure.com/Contoso/"},
    "project": {"id": _PROJECT, "baseUrl": "https://dev.azure.com/Contoso/"},
}
_MESSAGE = {"text": "Build 20261122.1 succeeded", "html": "…", "markdown": "…"}

BUILD: dict[str, Any] = {
    "subscriptionId": "8f9d1f2e-7a7c-4d1c-9b38-0f6f3d5d7d10",
    "notificationId": 42,
    "id": "4a5d99d6-1c75-4e53-91b9-ee80057d4ce3",
    "eventType": "build.complete",
    "publisherId": "tfs",
    "message": _MESSAGE,
    "detailedMessage": _MESSAGE,
    "resource": {
        "_links": {
            "self": {"href": f"https://dev.azure.com/Contoso/{_PROJECT}/_apis/build/Builds/4711"},
            "web": {"href": "https://dev.azure.com/Contoso/shop/_build/results?buildId=4711"},
            "timeline": {"href": "https://dev.azure.com/Contoso/shop/_apis/build/Builds/4711/Timeline"},
        },
        "properties": {},
        "tags": [],
        "validationResults": [],
        "plans": [{"planId": "1f0cc5ce-6f3b-4b8a-a1b6-6c1d4f4b1f53"}],
        "triggerInfo": {},
        "id": 4711,
        "buildNumber": "1.4.2",
        "status": "completed",
        "result": "succeeded",
        "queueTime": "2026-11-22T21:30:00.1234567Z",
        "startTime": "2026-11-22T21:30:05.7654321Z",
        "finishTime": "2026-11-22T21:40:00.7654321Z",
        "url": f"https://dev.azure.com/Contoso/{_PROJECT}/_apis/build/Builds/4711",
        "definition": {
            "id": 7,
            "name": "shop-ci",
            "url": "https://dev.azure.com/Contoso/_apis/build/Definitions/7",
            "path": "\\",
            "type": "build",
            "queueStatus": "enabled",
            "revision": 3,
        },
        "project": {"id": _PROJECT, "name": "shop", "state": "wellFormed", "visibility": "private"},
        "sourceBranch": "refs/heads/main",
        "sourceVersion": "600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
        "queue": {"id": 9, "name": "Azure Pipelines", "pool": {"id": 9, "isHosted": True}},
        "priority": "normal",
        "reason": "individualCI",
        "requestedFor": {"id": "ada-id", "displayName": "Ada", "uniqueName": "ada@contoso.com"},
        "requestedBy": {"id": "system", "displayName": "Microsoft.VisualStudio.Services.TFS"},
        "repository": {"id": "8a5d9f1d", "type": "TfsGit"},
        "retainedByRelease": False,
        "triggeredByBuild": None,
        "appendCommitMessageToRunName": True,
    },
    "resourceVersion": "2.0",
    "resourceContainers": _CONTAINERS,
    "createdDate": "2026-11-22T21:40:05.1Z",
}

MINIMAL_BUILD: dict[str, Any] = changed(
    BUILD,
    resource={
        "id": 4711,
        "buildNumber": "1.4.2",
        "status": "completed",
        "result": "succeeded",
        "url": f"https://dev.azure.com/Contoso/{_PROJECT}/_apis/build/Builds/4711",
        "definition": {"id": 7, "name": "shop-ci"},
        "project": {"id": _PROJECT, "name": "shop"},
    },
)
"""What a subscription sends whose resource details are set to minimal."""

LEGACY_BUILD: dict[str, Any] = changed(
    BUILD,
    resourceVersion="1.0",
    resource={
        "uri": "vstfs:///Build/Build/4711",
        "id": 4711,
        "buildNumber": "1.4.2",
        "startTime": "2026-11-22T21:30:05Z",
        "finishTime": "2026-11-22T21:40:00Z",
        "reason": "batchedCI",
        "status": "succeeded",
        "sourceGetVersion": "LG:refs/heads/main:600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
        "definition": {"id": 7, "name": "shop-ci"},
    },
)

_PIPELINE = {"id": 7, "revision": 3, "name": "shop-ci", "folder": "\\", "url": "https://dev.azure.com/Contoso/x"}
RUN_STATE: dict[str, Any] = {
    "subscriptionId": "8f9d1f2e-7a7c-4d1c-9b38-0f6f3d5d7d10",
    "notificationId": 43,
    "id": "b8ac6ab9-c8d0-4a70-9f15-7d7c8a5bca0c",
    "eventType": "ms.vss-pipelines.run-state-changed-event",
    "publisherId": "pipelines",
    "message": _MESSAGE,
    "resource": {
        "run": {
            "_links": {"web": {"href": "https://dev.azure.com/Contoso/shop/_build/results?buildId=4711"}},
            "pipeline": _PIPELINE,
            "state": "completed",
            "result": "succeeded",
            "createdDate": "2026-11-22T21:30:00.1234567Z",
            "finishedDate": "2026-11-22T21:40:00.7654321Z",
            "url": "https://dev.azure.com/Contoso/x/_apis/pipelines/7/runs/4711",
            "id": 4711,
            "name": "1.4.2",
        },
        "pipeline": _PIPELINE,
    },
    "resourceVersion": "5.1-preview.1",
    "resourceContainers": _CONTAINERS,
    "createdDate": "2026-11-22T21:40:05.1Z",
}

RUN_MESSAGE: dict[str, Any] = {
    "type": "slipway.pipeline-completed/v1",
    "organization": "contoso",
    "project": "shop",
    "pipeline": "shop-ci",
    "runId": 4711,
    "runNumber": "1.4.2",
    "result": "succeeded",
    "branch": "refs/heads/main",
    "commit": "600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
    "requestedBy": "ada@contoso.com",
    "url": "https://dev.azure.com/Contoso/shop/_build/results?buildId=4711",
    "finishedAt": "2026-11-22T21:40:00Z",
    "image": {"repository": "team/shop", "digest": DIGEST, "tag": "1.4.2"},
}
"""The body that a pipeline sends with PublishToAzureServiceBus@2."""
