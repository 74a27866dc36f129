"""Imports by a registry itself: requested by digest, polled until they end, completed by a copy."""

from collections.abc import Iterator

import pytest

from slipway.effects.registry import (
    CopyResult,
    CopySource,
    CopyTarget,
    ImportDenied,
    Importer,
    Importing,
    NotImportable,
    RegistryError,
    RequestRejected,
    Unreachable,
    Unsupported,
    copy_artifact,
)
from slipway.testing.artifacts import ArtifactDouble, digest_of, image, index, push_artifact, referrer
from tests.contract.registry.importing import SOURCE_ID, TARGET_ID, Azure, azure

ROOT = index(image(b"base", b"amd"), image(b"base", b"arm", architecture="arm64"))
SIGNATURE = referrer(ROOT, b"signature")


@pytest.fixture(scope="module", params=[True, False], ids=["Azure-AsyncOperation", "Location"])
def any_azure(request: pytest.FixtureRequest) -> Iterator[Azure]:
    with azure(async_operation=request.param) as started:
        yield started


@pytest.fixture(scope="module")
def default_azure() -> Iterator[Azure]:
    with azure() as started:
        yield started


def ends(registries: Azure, repository: str, digest: str = ROOT.digest) -> tuple[CopySource, CopyTarget]:
    source = CopySource(registry=registries.source, repository=repository, digest=digest)
    return source, CopyTarget(registry=registries.target, repository=repository, digest=digest, tag="482")


def start(registries: Azure, repository: str, digest: str = ROOT.digest, *, token: str = "may") -> Importing:
    source, target = ends(registries, repository, digest)
    return registries.importer(token).start(source, target, source_id=SOURCE_ID, target_id=TARGET_ID)


def imported(registries: Azure, repository: str) -> list[Importing]:
    """All states of an import, up to its end."""
    states = [start(registries, repository)]
    while not states[-1].is_done:
        states.append(registries.importer().look(states[-1].operation, ends(registries, repository)[1]))
    return states


def test_an_import_brings_the_image_by_digest_and_neither_tag_nor_signature(any_azure: Azure, repository: str) -> None:
    push_artifact(any_azure.source, repository, ROOT)
    push_artifact(any_azure.source, repository, SIGNATURE)

    states = imported(any_azure, repository)

    assert [look.is_done for look in states] == [False, False, True]
    assert any_azure.arm.imports[-1] == {
        "source": {"resourceId": SOURCE_ID, "sourceImage": f"{repository}@{ROOT.digest}"},
        "untaggedTargetRepositories": [repository],
        "mode": "NoForce",
    }
    assert any_azure.target.manifest(repository, ROOT.digest).raw == ROOT.raw
    assert any_azure.target.resolve(repository, SIGNATURE.digest) is None
    assert any_azure.target.recent_tags(repository, 10) == []


def test_a_copy_adds_what_the_import_left_out_and_compares(any_azure: Azure, repository: str) -> None:
    push_artifact(any_azure.source, repository, ROOT)
    push_artifact(any_azure.source, repository, SIGNATURE)
    imported(any_azure, repository)

    record: CopyResult = copy_artifact(*ends(any_azure, repository))

    assert (record.manifests_copied, record.blobs_copied) == (1, 2)
    assert record.comparison.read_back == record.manifests
    assert [entry.digest for entry in any_azure.target.referrers(repository, ROOT.digest).listed] == [SIGNATURE.digest]
    assert any_azure.target.resolve(repository, "482") == ROOT.digest


@pytest.mark.parametrize("token", ["no import", "no pull", "nobody's"])
def test_a_denied_import_names_the_role_to_grant(default_azure: Azure, repository: str, token: str) -> None:
    push_artifact(default_azure.source, repository, ROOT)

    with pytest.raises(ImportDenied) as caught:
        start(default_azure, repository, token=token)

    message = str(caught.value)
    assert f"{default_azure.target.endpoint.login_server}/{repository}@{ROOT.digest}: asking for the import" in message
    assert "Container Registry Data Importer and Data Reader" in message
    assert "promotion.how: copy" in message
    assert token not in message
    assert default_azure.target.resolve(repository, ROOT.digest) is None


def test_an_image_of_over_fifty_manifests_is_not_imported(default_azure: Azure, repository: str) -> None:
    many = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(50)))
    push_artifact(default_azure.source, repository, many)
    before = len(default_azure.arm.imports)

    with pytest.raises(NotImportable, match="it has over 50 manifests") as caught:
        start(default_azure, repository, many.digest)

    assert f"{repository}@{many.digest}" in str(caught.value)
    assert len(default_azure.arm.imports) == before


def test_fifty_manifests_are_imported(default_azure: Azure, repository: str) -> None:
    most = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(49)))
    push_artifact(default_azure.source, repository, most)
    importing = start(default_azure, repository, most.digest)
    while not importing.is_done:
        importing = default_azure.importer().look(importing.operation, ends(default_azure, repository)[1])

    assert default_azure.target.resolve(repository, most.digest) == most.digest


@pytest.mark.parametrize(("source_id", "target_id", "missing"), [("", TARGET_ID, "source"), (SOURCE_ID, "", "target")])
def test_a_registry_without_a_resource_id_is_named(
    default_azure: Azure, repository: str, source_id: str, target_id: str, missing: str
) -> None:
    source, target = ends(default_azure, repository)

    with pytest.raises(NotImportable, match=f"no resource_id for the registry of the {missing}"):
        default_azure.importer().start(source, target, source_id=source_id, target_id=target_id)


def test_a_registry_that_is_not_there_is_refused(default_azure: Azure, repository: str) -> None:
    push_artifact(default_azure.source, repository, ROOT)

    source, target = ends(default_azure, repository)
    with pytest.raises(RequestRejected, match="ResourceNotFound"):
        default_azure.importer().start(source, target, source_id=SOURCE_ID, target_id=TARGET_ID + "2")


def test_an_import_that_fails_says_why(any_azure: Azure, repository: str) -> None:
    push_artifact(any_azure.source, repository, ROOT)
    importing = start(any_azure, repository)
    _lose_a_blob(any_azure, repository, ROOT.children[0])

    target = ends(any_azure, repository)[1]
    importing = any_azure.importer().look(importing.operation, target)

    with pytest.raises(RequestRejected, match=r"InvalidParameters: Error copying") as caught:
        any_azure.importer().look(importing.operation, target)

    assert not caught.value.retryable


def test_an_import_that_the_registry_no_longer_knows_may_be_tried_again(default_azure: Azure, repository: str) -> None:
    target = ends(default_azure, repository)[1]

    with pytest.raises(Unreachable, match="no longer knows the import"):
        default_azure.importer().look(f"{default_azure.arm.url}/operations/gone?api-version=2023-07-01", target)


@pytest.mark.parametrize("address", ["https://thief.example/operations/1", "http://127.0.0.1:1/operations/1"])
def test_the_token_is_not_sent_to_an_operation_address_at_another_host(
    default_azure: Azure, repository: str, address: str
) -> None:
    tokens: list[str] = []

    def token() -> str:
        tokens.append("taken")
        return "may"

    with pytest.raises(Unsupported, match="operation address is not at"):
        Importer(token, endpoint=default_azure.arm.url).look(address, ends(default_azure, repository)[1])

    assert tokens == []


def test_the_signed_address_of_an_operation_is_not_shown(default_azure: Azure, repository: str) -> None:
    push_artifact(default_azure.source, repository, ROOT)
    importing = start(default_azure, repository)

    assert "s=signature" in importing.operation
    assert "signature" not in repr(importing)
    unknown_operation = f"{default_azure.arm.url}/operations/gone?api-version=1&s=signature"
    with pytest.raises(RegistryError) as caught:
        default_azure.importer().look(unknown_operation, ends(default_azure, repository)[1])
    assert "signature" not in str(caught.value)


def _lose_a_blob(registries: Azure, repository: str, part: ArtifactDouble) -> None:
    """Delete a layer at the source while the registry is importing."""
    deleter = registries.source
    digest = digest_of(part.blobs[-1])
    where = deleter.where(repository, digest)
    scopes = (f"repository:{repository}:pull,push,delete",)
    response = deleter._session.ask("DELETE", f"/v2/{repository}/blobs/{digest}", where=where, scopes=scopes)
    assert response.status == 202
