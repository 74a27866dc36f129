"""The unmodified azure-containerregistry client against the double, alone and in front of docker-registry."""

import io
import time
from collections.abc import Iterator

import pytest
from azure.containerregistry import ArtifactManifestOrder, ArtifactTagOrder, ContainerRegistryClient
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from .support import ENTRA_TOKEN, OCI_IMAGE, Client, config_of, digest_of, image_of, index_of

PLAIN = {"enforce_https": False}
"""The double speaks plain HTTP, which the client refuses unless told otherwise."""


class Credential:
    """The Entra token of a principal of the double."""

    def get_token(self, *scopes: str, **kwargs: object) -> AccessToken:
        return AccessToken(ENTRA_TOKEN, int(time.time()) + 3600)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        return AccessTokenInfo(ENTRA_TOKEN, int(time.time()) + 3600)


@pytest.fixture
def sdk(acr: Client) -> Iterator[ContainerRegistryClient]:
    with ContainerRegistryClient(acr.url, Credential()) as client:
        yield client


def test_repositories_are_listed_page_by_page(acr: Client, sdk: ContainerRegistryClient) -> None:
    for name in ("a", "team/b", "c"):
        acr.push_image(name, "1.0.0")
    assert list(sdk.list_repository_names(results_per_page=1, **PLAIN)) == ["a", "c", "team/b"]


def test_tags_are_listed_in_the_order_asked_for(acr: Client, sdk: ContainerRegistryClient) -> None:
    for tag in ("b", "c", "a"):
        acr.push_image("shop", tag, content=tag.encode())
    newest_first = sdk.list_tag_properties(
        "shop", order_by=ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING, results_per_page=2, **PLAIN
    )
    assert [tag.name for tag in newest_first] == ["a", "c", "b"]
    oldest_first = sdk.list_tag_properties(
        "shop", order_by=ArtifactTagOrder.LAST_UPDATED_ON_ASCENDING, results_per_page=2, **PLAIN
    )
    assert [tag.name for tag in oldest_first] == ["b", "c", "a"]
    assert [tag.name for tag in sdk.list_tag_properties("shop", results_per_page=2, **PLAIN)] == ["a", "b", "c"]


def test_the_properties_of_a_tag_name_its_digest(acr: Client, sdk: ContainerRegistryClient) -> None:
    image = acr.push_image("shop", "1.0.0")
    tag = sdk.get_tag_properties("shop", "1.0.0", **PLAIN)
    assert (tag.name, tag.digest, tag.can_write, tag.can_delete) == ("1.0.0", image.digest, True, True)
    assert tag.created_on.tzinfo is not None


def test_the_tags_of_one_digest_can_be_asked_for(acr: Client, sdk: ContainerRegistryClient) -> None:
    image = acr.push_image("shop", "1.0.0")
    acr.push_manifest("shop", image, "stable")
    acr.push_image("shop", "2.0.0", content=b"two")
    tags = sdk.list_tag_properties("shop", digest=image.digest, **PLAIN)
    assert [tag.name for tag in tags] == ["1.0.0", "stable"]


def test_the_properties_of_a_manifest_give_platform_size_and_tags(acr: Client, sdk: ContainerRegistryClient) -> None:
    image = acr.push_image("shop", "1.0.0")
    manifest = sdk.get_manifest_properties("shop", image.digest, **PLAIN)
    assert (manifest.architecture, manifest.operating_system, manifest.tags) == ("amd64", "linux", ["1.0.0"])
    assert manifest.size_in_bytes > 0


def test_manifests_are_listed_children_included(acr: Client, sdk: ContainerRegistryClient) -> None:
    child = acr.push_image("shop")
    index = index_of(child)
    acr.push_manifest("shop", index, "1.0.0")
    order = ArtifactManifestOrder.LAST_UPDATED_ON_DESCENDING
    listed = [m.digest for m in sdk.list_manifest_properties("shop", order_by=order, results_per_page=1, **PLAIN)]
    assert listed == [index.digest, child.digest]


def test_the_properties_of_a_repository_give_its_counts(acr: Client, sdk: ContainerRegistryClient) -> None:
    acr.push_image("shop", "1.0.0")
    repository = sdk.get_repository_properties("shop", **PLAIN)
    assert (repository.name, repository.manifest_count, repository.tag_count) == ("shop", 1, 1)


def test_a_locked_tag_can_be_neither_moved_nor_deleted(acr: Client, sdk: ContainerRegistryClient) -> None:
    acr.push_image("shop", "1.0.0")
    locked = sdk.update_tag_properties("shop", "1.0.0", can_write=False, can_delete=False, **PLAIN)
    assert (locked.can_write, locked.can_delete, locked.can_read) == (False, False, True)
    with pytest.raises(HttpResponseError) as refused:
        sdk.delete_tag("shop", "1.0.0", **PLAIN)
    assert refused.value.status_code == 405
    assert acr.put_manifest("shop", image_of(b"layer"), "1.0.0").status == 405


def test_a_lock_can_be_opened_again(acr: Client, sdk: ContainerRegistryClient) -> None:
    acr.push_image("shop", "1.0.0")
    sdk.update_tag_properties("shop", "1.0.0", can_write=False, **PLAIN)
    sdk.update_tag_properties("shop", "1.0.0", can_write=True, **PLAIN)
    sdk.delete_tag("shop", "1.0.0", **PLAIN)
    with pytest.raises(ResourceNotFoundError):
        sdk.get_tag_properties("shop", "1.0.0", **PLAIN)


def test_a_locked_manifest_cannot_be_deleted(acr: Client, sdk: ContainerRegistryClient) -> None:
    image = acr.push_image("shop", "1.0.0")
    sdk.update_manifest_properties("shop", image.digest, can_delete=False, **PLAIN)
    with pytest.raises(HttpResponseError) as refused:
        sdk.delete_manifest("shop", image.digest, **PLAIN)
    assert refused.value.status_code == 405
    assert sdk.get_manifest_properties("shop", image.digest, **PLAIN).can_delete is False


def test_a_repository_can_be_locked_and_deleted(acr: Client, sdk: ContainerRegistryClient) -> None:
    acr.push_image("shop", "1.0.0")
    sdk.update_repository_properties("shop", can_delete=False, **PLAIN)
    with pytest.raises(HttpResponseError):
        sdk.delete_repository("shop", **PLAIN)
    sdk.update_repository_properties("shop", can_delete=True, **PLAIN)
    sdk.delete_repository("shop", **PLAIN)
    assert list(sdk.list_repository_names(**PLAIN)) == []


def test_blobs_and_manifests_can_be_uploaded_and_downloaded(acr: Client, sdk: ContainerRegistryClient) -> None:
    """5 MiB is more than one chunk of the client; downloads follow the redirect for each chunk."""
    layer = bytes(range(256)) * 4 * 5 * 1024
    image = image_of(layer)
    acr.push_blob("shop", config_of(layer))
    assert sdk.upload_blob("shop", io.BytesIO(layer), **PLAIN) == (digest_of(layer), len(layer))
    assert sdk.set_manifest("shop", io.BytesIO(image.data), tag="1.0.0", media_type=OCI_IMAGE, **PLAIN) == image.digest
    assert b"".join(sdk.download_blob("shop", digest_of(layer), **PLAIN)) == layer
    assert sdk.get_manifest("shop", "1.0.0", **PLAIN).digest == image.digest
