"""Imports by a registry itself: asked for by digest, looked at until they end, completed by a copy."""

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
def both(request: pytest.FixtureRequest) -> Iterator[Azure]:
    with azure(async_operation=request.param) as found:
        yield found


@pytest.fixture(scope="module")
def one() -> Iterator[Azure]:
    with azure() as found:
        yield found


def ends(found: Azure, repository: str, digest: str = ROOT.digest) -> tuple[CopySource, CopyTarget]:
    source = CopySource(registry=found.source, repository=repository, digest=digest)
    return source, CopyTarget(registry=found.target, repository=repository, digest=digest, tag="482")


def start(found: Azure, repository: str, digest: str = ROOT.digest, *, token: str = "may") -> Importing:
    source, target = ends(found, repository, digest)
    return found.importer(token).start(source, target, source_id=SOURCE_ID, target_id=TARGET_ID)


def imported(found: Azure, repository: str) -> list[Importing]:
    """Everything that was seen of an import, up to its end."""
    seen = [start(found, repository)]
    while not seen[-1].done:
        seen.append(found.importer().look(seen[-1].operation, ends(found, repository)[1]))
    return seen


def test_an_import_brings_the_image_by_digest_and_neither_tag_nor_signature(both: Azure, repository: str) -> None:
    push_artifact(both.source, repository, ROOT)
    push_artifact(both.source, repository, SIGNATURE)

    seen = imported(both, repository)

    assert [look.done for look in seen] == [False, False, True]
    assert both.arm.asked[-1] == {
        "source": {"resourceId": SOURCE_ID, "sourceImage": f"{repository}@{ROOT.digest}"},
        "untaggedTargetRepositories": [repository],
        "mode": "NoForce",
    }
    assert both.target.manifest(repository, ROOT.digest).raw == ROOT.raw
    assert both.target.resolve(repository, SIGNATURE.digest) is None
    assert both.target.recent_tags(repository, 10) == []


def test_a_copy_adds_what_the_import_left_out_and_compares(both: Azure, repository: str) -> None:
    push_artifact(both.source, repository, ROOT)
    push_artifact(both.source, repository, SIGNATURE)
    imported(both, repository)

    record: CopyResult = copy_artifact(*ends(both, repository))

    assert (record.manifests_copied, record.blobs_copied) == (1, 2)
    assert record.comparison.read_back == record.manifests
    assert [each.digest for each in both.target.referrers(repository, ROOT.digest).listed] == [SIGNATURE.digest]
    assert both.target.resolve(repository, "482") == ROOT.digest


@pytest.mark.parametrize("token", ["no import", "no pull", "nobody's"])
def test_who_may_not_import_is_told_which_role_to_give(one: Azure, repository: str, token: str) -> None:
    push_artifact(one.source, repository, ROOT)

    with pytest.raises(ImportDenied) as caught:
        start(one, repository, token=token)

    told = str(caught.value)
    assert f"{one.target.endpoint.login_server}/{repository}@{ROOT.digest}: asking for the import" in told
    assert "Container Registry Data Importer and Data Reader" in told
    assert "promotion.how: copy" in told
    assert token not in told
    assert one.target.resolve(repository, ROOT.digest) is None


def test_over_fifty_manifests_are_not_asked_for(one: Azure, repository: str) -> None:
    many = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(50)))
    push_artifact(one.source, repository, many)
    before = len(one.arm.asked)

    with pytest.raises(NotImportable, match="it has over 50 manifests") as caught:
        start(one, repository, many.digest)

    assert f"{repository}@{many.digest}" in str(caught.value)
    assert len(one.arm.asked) == before


def test_fifty_manifests_are_imported(one: Azure, repository: str) -> None:
    most = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(49)))
    push_artifact(one.source, repository, most)
    seen = start(one, repository, most.digest)
    while not seen.done:
        seen = one.importer().look(seen.operation, ends(one, repository)[1])

    assert one.target.resolve(repository, most.digest) == most.digest


@pytest.mark.parametrize(("source_id", "target_id", "missing"), [("", TARGET_ID, "source"), (SOURCE_ID, "", "target")])
def test_a_registry_without_a_resource_id_is_named(
    one: Azure, repository: str, source_id: str, target_id: str, missing: str
) -> None:
    source, target = ends(one, repository)

    with pytest.raises(NotImportable, match=f"no resource_id for the registry of the {missing}"):
        one.importer().start(source, target, source_id=source_id, target_id=target_id)


def test_a_registry_that_is_not_there_is_refused(one: Azure, repository: str) -> None:
    push_artifact(one.source, repository, ROOT)

    source, target = ends(one, repository)
    with pytest.raises(RequestRejected, match="ResourceNotFound"):
        one.importer().start(source, target, source_id=SOURCE_ID, target_id=TARGET_ID + "2")


def test_an_import_that_fails_says_why(both: Azure, repository: str) -> None:
    push_artifact(both.source, repository, ROOT)
    seen = start(both, repository)
    _lose_a_blob(both, repository, ROOT.children[0])

    target = ends(both, repository)[1]
    seen = both.importer().look(seen.operation, target)

    with pytest.raises(RequestRejected, match=r"InvalidParameters: Error copying") as caught:
        both.importer().look(seen.operation, target)

    assert not caught.value.retryable


def test_an_operation_that_is_forgotten_is_worth_another_try(one: Azure, repository: str) -> None:
    target = ends(one, repository)[1]

    with pytest.raises(Unreachable, match="no longer knows the import"):
        one.importer().look(f"{one.arm.url}/operations/gone?api-version=2023-07-01", target)


@pytest.mark.parametrize("address", ["https://thief.example/operations/1", "http://127.0.0.1:1/operations/1"])
def test_the_token_is_sent_to_nobody_else(one: Azure, repository: str, address: str) -> None:
    tokens: list[str] = []

    def token() -> str:
        tokens.append("taken")
        return "may"

    with pytest.raises(Unsupported, match="operation address is not at"):
        Importer(token, endpoint=one.arm.url).look(address, ends(one, repository)[1])

    assert tokens == []


def test_an_address_is_not_shown(one: Azure, repository: str) -> None:
    push_artifact(one.source, repository, ROOT)
    seen = start(one, repository)

    assert "s=signature" in seen.operation
    assert "signature" not in repr(seen)
    gone = f"{one.arm.url}/operations/gone?api-version=1&s=signature"
    with pytest.raises(RegistryError) as caught:
        one.importer().look(gone, ends(one, repository)[1])
    assert "signature" not in str(caught.value)


def _lose_a_blob(found: Azure, repository: str, part: ArtifactDouble) -> None:
    """Somebody deletes a layer at the source while the registry is importing."""
    deleter = found.source
    digest = digest_of(part.blobs[-1])
    where = deleter.where(repository, digest)
    scopes = (f"repository:{repository}:pull,push,delete",)
    answer = deleter._session.ask("DELETE", f"/v2/{repository}/blobs/{digest}", where=where, scopes=scopes)
    assert answer.status == 202
