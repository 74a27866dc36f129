"""Each role assignment of an installation is in the table of rights, and each right of the table is given.

The table is `slipway/domain/rights.py`; what the templates give is read from the snapshots, the data actions of our own
roles included, for two apps and for one that is both.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from slipway.domain.queues import Queue
from slipway.domain.rights import BEYOND, SECRETS, Beyond, Container, Operation, Party, Secret, TableName, rights_of
from slipway.ledger.blobs import BLOB_LIMIT
from tests.infra.compiler import OPTIONS, Resources, stored
from tests.infra.installed import app_settings
from tests.infra.roles import OWN_ROLES, Right, rights_in

STORAGE = "Microsoft.Storage/storageAccounts"
ROWS = f"{STORAGE}/tableServices/tables/entities/"
BLOBS = f"{STORAGE}/blobServices/containers/blobs/"
DATA_ACTIONS = {
    "storageTableDataReader": [ROWS + "read"],
    "storageTableDataContributor": [
        ROWS + action for action in ("read", "write", "delete", "add/action", "update/action")
    ],
    "storageBlobDataReader": [BLOBS + "read"],
    **{key: role["dataActions"] for key, role in OWN_ROLES.items() if "dataActions" in role},
}
"""What Azure's roles and ours allow, of what concerns rows and blobs."""

ALLOWED = {
    "read": {Operation.READ},
    "add/action": {Operation.ADD},
    "update/action": {Operation.CHANGE},
    "write": {Operation.ADD, Operation.CHANGE},
    "delete": {Operation.DELETE},
}
ON_QUEUES = {"serviceBusDataSender": Operation.SEND, "serviceBusDataReceiver": Operation.LISTEN}
ELSEWHERE = {
    ("storageBlobDataOwner", STORAGE): Beyond.HOST,
    ("storageTableDataContributor", STORAGE): Beyond.HOST,
    ("monitoringMetricsPublisher", "Microsoft.Insights/components"): Beyond.TELEMETRY,
    ("queuesCount", "Microsoft.ServiceBus/namespaces"): Beyond.COUNT,
    ("acrDataImporter", "Microsoft.ContainerRegistry/registries"): Beyond.IMPORT,
    ("aksRbacWriter", "Microsoft.ContainerService/managedClusters/namespaces"): Beyond.DEPLOY,
    ("communicationEmailOwner", "Microsoft.Communication/communicationServices"): Beyond.MAIL,
    ("storageBlobDataContributor", f"{STORAGE}/blobServices/containers"): Beyond.KEEP_DEAD_EVENTS,
    ("networkContributor", "Microsoft.Network/virtualNetworks/subnets"): Beyond.JOIN_SUBNET,
}
REGISTRIES = {
    ("the worker", "acrRepositoryReader", "crnonprod"): Beyond.READ_PUSHED,
    ("the worker", "acrRepositoryWriter", "crprod"): Beyond.COPY,
    ("the pipelines' service connection", "acrRepositoryWriter", "crnonprod"): Beyond.PUSH,
    ("the cluster's nodes (kubelet)", "acrRepositoryReader", "crnonprod"): Beyond.PULL,
    ("the cluster's nodes (kubelet)", "acrRepositoryReader", "crprod"): Beyond.PULL,
}
"""The purpose of a role on a registry, by the principal that gets it."""

PARTIES = {
    "the front": Party.FRONT,
    "the worker": Party.WORKER,
    "the pipelines' service connection": Party.PIPELINES,
    "the cluster's nodes (kubelet)": Party.NODES,
    "a created cluster": Party.CLUSTERS,
    "the Event Grid system topic": Party.EVENT_GRID,
    "a sender of approvals": Party.APPROVAL_SENDERS,
    "the Teams flow": Party.APPROVAL_SENDERS,
}
Grant = tuple[Any, str]
"""An operation, a secret or something beyond, and the thing that it applies to."""


def _name(scope: str) -> str:
    return scope.rpartition("/")[2]


def grants(right: Right, *, both: bool) -> Iterator[Grant]:
    """The rights that one assignment gives. Raises KeyError for a role in a place that nobody expected."""
    ledger = "/storageAccounts/stdata" in right.scope
    if right.kind == f"{STORAGE}/tableServices/tables" and ledger:
        yield from _operations(DATA_ACTIONS[right.role], ROWS, TableName(_name(right.scope)))
    elif right.kind == f"{STORAGE}/blobServices/containers" and ledger:
        yield from _operations(DATA_ACTIONS[right.role], BLOBS, Container(_name(right.scope)))
    elif right.kind == "Microsoft.ServiceBus/namespaces/queues":
        yield ON_QUEUES[right.role], next(queue for queue in Queue if queue == _name(right.scope))
    elif right.kind == "Microsoft.KeyVault/vaults/secrets" and right.role == "keyVaultSecretsUser":
        yield Secret(_name(right.scope)), ""
    elif right.kind == "Microsoft.ContainerRegistry/registries" and right.role != "acrDataImporter":
        who = "the worker" if both and right.who == "the front" else right.who
        (registry,) = (start for start in ("crnonprod", "crprod") if _name(right.scope).startswith(start))
        yield REGISTRIES[who, right.role, registry], right.place
    else:
        yield ELSEWHERE[right.role, right.kind], _place(right)


def _operations(actions: list[str], prefix: str, resource: TableName | Container) -> Iterator[Grant]:
    for action in actions:
        assert action.startswith(prefix), action
        yield from ((operation, resource) for operation in ALLOWED[action.removeprefix(prefix)])


def _place(right: Right) -> str:
    """Resources of which a party has one each are distinguished, so that one too few is noticed."""
    if right.kind == STORAGE:
        return f"{_name(right.scope)} {right.role}"
    if "/namespaces/" in right.scope and "managedClusters" in right.scope:
        return right.scope.split("/managedClusters/")[1]
    return _name(right.scope) if right.role in ("acrDataImporter", "storageBlobDataContributor") else ""


def granted(option: str, resources: Resources) -> dict[tuple[Party, str], set[Grant]]:
    """The rights of each principal, by the party that it stands for. One identity with both roles stands for the worker
    here."""
    is_single = not OPTIONS[option].get("split", True)
    grants_by_party: dict[tuple[Party, str], set[Grant]] = {}
    for right in rights_in(resources):
        party = PARTIES[right.who]
        party = Party.WORKER if is_single and party is Party.FRONT else party
        # Registries' nodes and clusters are many principals for one party; senders are one each.
        principal = right.principal if party is Party.APPROVAL_SENDERS else ""
        grants_by_party.setdefault((party, principal), set()).update(grants(right, both=is_single))
    return grants_by_party


def _of_table(party: Party, *, event_grid_function: bool) -> set[Grant]:
    rights = rights_of(party, event_grid_function=event_grid_function)
    rows = {(operation, resource) for resource, operations in rights.items() for operation in operations}
    return rows | {(secret, "") for secret in SECRETS[party]}


def _beyond(party: Party, option: str, resources: Resources) -> set[Grant]:
    chosen = OPTIONS[option]
    off = set() if chosen.get("promotionByImport") else {Beyond.IMPORT}
    off |= set() if chosen.get("email") else {Beyond.MAIL}
    return {(beyond, place) for beyond in BEYOND[party] - off for place in _places(beyond, party, resources)}


def _places(beyond: Beyond, party: Party, resources: Resources) -> list[str]:
    def names(kind: str, start: str = "") -> list[str]:
        all_names = [resource["name"] for resource in resources.values() if resource["type"] == kind]
        return [name for name in all_names if name.startswith(start)]

    nonprod, prod = "the non-production registry", "the production registry"
    match beyond:
        case Beyond.HOST:
            account = app_settings(resources, party)["AzureWebJobsStorage__accountName"]
            return [f"{account} storageBlobDataOwner", f"{account} storageTableDataContributor"]
        case Beyond.DEPLOY:
            return _namespaces(resources)
        case Beyond.IMPORT:
            return names("Microsoft.ContainerRegistry/registries")
        case Beyond.PULL:
            return [nonprod, prod]
        case Beyond.READ_PUSHED | Beyond.PUSH:
            return [nonprod]
        case Beyond.COPY:
            return [prod]
        case Beyond.KEEP_DEAD_EVENTS:
            return ["dead-events"]
        case Beyond.TELEMETRY | Beyond.COUNT | Beyond.MAIL | Beyond.JOIN_SUBNET:
            return [""]


def _namespaces(resources: Resources) -> list[str]:
    """The namespaces that are listed by default, in the clusters that the settings name."""
    clusters = json.loads(app_settings(resources, "worker")["SLIPWAY_CLUSTERS"])
    names = {
        environment: cluster["server"].removeprefix("https://").split(".")[0]
        for environment, cluster in clusters.items()
    }
    return [f"{names[environment]}/namespaces/hello-{environment}" for environment in ("staging", "production")]


def expected_grants(option: str, resources: Resources) -> dict[tuple[Party, str], set[Grant]]:
    """The rights that the table has for this installation."""
    chosen = OPTIONS[option]
    function = bool(chosen.get("eventGridFunction"))
    grants_by_party: dict[tuple[Party, str], set[Grant]] = {}
    for party in (Party.FRONT, Party.WORKER, Party.EVENT_GRID, Party.NODES):
        grants_by_party[party, ""] = _of_table(party, event_grid_function=function) | _beyond(party, option, resources)
    if "pipelinePrincipalId" in chosen:
        party = Party.PIPELINES
        grants_by_party[party, ""] = _of_table(party, event_grid_function=function) | _beyond(party, option, resources)
    if chosen.get("privateNetworking") and "stagingClusterName" not in chosen:
        grants_by_party[Party.CLUSTERS, ""] = _beyond(Party.CLUSTERS, option, resources)
    senders = [sender.strip() for sender in chosen.get("approvalSenders", "").split(",") if sender]
    flows = [right.principal for right in rights_in(resources) if right.who == "the Teams flow"]
    assert len(flows) == (1 if chosen.get("teamsFlow") else 0)
    for principal in [*senders, *flows]:
        grants_by_party[Party.APPROVAL_SENDERS, principal] = _of_table(
            Party.APPROVAL_SENDERS, event_grid_function=function
        )
    if not chosen.get("split", True):
        grants_by_party[Party.WORKER, ""] |= grants_by_party.pop((Party.FRONT, ""))
    return grants_by_party


def differences(option: str, resources: Resources) -> dict[tuple[Party, str], tuple[set[Grant], set[Grant]]]:
    """For each party, the rights that are given but not in the table, and those that are in the table but not given."""
    actual, expected = granted(option, resources), expected_grants(option, resources)
    differing = {}
    for key in actual | expected:
        has, should = actual.get(key, set()), expected.get(key, set())
        differing[key] = (has - should, should - has)
    return {key: value for key, value in differing.items() if any(value)}


@pytest.mark.parametrize("option", OPTIONS)
def test_the_assignments_of_every_option_are_those_of_the_table_of_rights(option: str) -> None:
    assert differences(option, stored(option)) == {}


def test_the_removal_of_any_assignment_is_noticed() -> None:
    resources = stored("default")
    assignments = [key for key, resource in resources.items() if resource["type"].endswith("/roleAssignments")]
    assert len(assignments) > 40
    for key in assignments:
        remaining = {other_key: resource for other_key, resource in resources.items() if other_key != key}
        assert _is_noticed(remaining), key


def _is_noticed(resources: Resources) -> bool:
    try:
        return bool(differences("default", resources))
    except KeyError:  # a role in a place in which that party never has one
        return True


def test_a_right_of_the_worker_that_the_front_gets_is_noticed() -> None:
    resources = stored("default")
    front = next(right.principal for right in rights_in(resources) if right.who == "the front")
    for key, resource in resources.items():
        if resource["type"].endswith("/roleAssignments") and "/id-work-" in resource["properties"]["principalId"]:
            moved = resource | {"properties": resource["properties"] | {"principalId": front}}
            assert _is_noticed(resources | {key: moved}), key


def test_every_right_of_the_table_is_given_in_some_installation() -> None:
    all_grants = {
        grant
        for option in OPTIONS
        for party_grants in granted(option, stored(option)).values()
        for grant in party_grants
    }
    assert {subject for subject, _ in all_grants if isinstance(subject, Beyond)} == set(Beyond)
    assert {subject for subject, _ in all_grants if isinstance(subject, Secret)} == set(Secret)


def test_the_front_cannot_read_what_signs_records_nor_reach_registry_or_cluster() -> None:
    for option in ("default", "event-grid-function", "private"):
        front_rights = {subject for subject, _ in granted(option, stored(option))[Party.FRONT, ""]}
        assert Secret.SIGNING_KEY not in front_rights
        assert front_rights & set(Beyond) == {Beyond.HOST, Beyond.TELEMETRY}


def test_every_document_is_small_enough_to_be_added_in_one_request() -> None:
    """The right to add a blob does not cover its blocks, in which the client sends what is larger."""
    client = ContainerClient("https://ledger.blob.core.windows.net", "evidence", credential="a2V5")
    assert client._config.max_single_put_size > BLOB_LIMIT
