"""Which images of a manifest are the application's."""

import pytest

from slipway.manifests.images import names_repository


@pytest.mark.parametrize(
    "image",
    [
        "team/shop", "team/shop:1", "r.azurecr.io/team/shop", "r.azurecr.io/team/shop:1", "localhost:5000/team/shop:1",
        "localhost/team/shop", "r.io/team/shop@sha256:" + "b" * 64, "r.io/team/shop:1@sha256:" + "b" * 64,
    ],
)  # fmt: skip
def test_the_repository_is_known_from_any_registry_with_any_tag(image: str) -> None:
    assert names_repository(image, "team/shop")


@pytest.mark.parametrize(
    "image", ["shop", "team/shop-worker", "other/team/shop", "r.io/team/shop/x", "team/shop.old", ""]
)
def test_another_repository_is_left_alone(image: str) -> None:
    assert not names_repository(image, "team/shop")


@pytest.mark.parametrize("image", ["acme.apps/web", "acme.apps/web:1", "r.example/acme.apps/web:1@sha256:" + "a" * 64])
def test_a_repository_whose_first_part_has_a_dot_is_named_with_and_without_a_registry(image: str) -> None:
    assert names_repository(image, "acme.apps/web")


def test_a_host_with_the_same_repository_behind_it_is_not_taken_for_a_longer_name() -> None:
    assert names_repository("acme.apps/web", "web")
    assert not names_repository("web", "acme.apps/web")
    assert not names_repository("acme.apps/web2", "acme.apps/web")
