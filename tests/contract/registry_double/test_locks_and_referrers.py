"""Locks, deletion and referrers, which docker-registry 2.8 does not have. On the double, alone and in front of it."""

import json

from .support import ANY_MANIFEST, Client, Document, code_of, digest_of

JSON = {"Content-Type": "application/json"}
SIGNATURE = "application/vnd.cncf.notary.signature"
SBOM = "application/spdx+json"


def lock(client: Client, path: str, **attributes: bool) -> None:
    response = client.send("PATCH", f"/acr/v1/shop{path}", body=json.dumps(attributes).encode(), headers=JSON)
    assert response.status == 200, response.data


def attach(client: Client, subject: Document, kind: str) -> Document:
    return client.push_image("shop", content=kind.encode(), artifactType=kind, subject=subject.descriptor)


def referrers(client: Client, digest: str, query: str = "") -> list[str]:
    response = client.send("GET", f"/v2/shop/referrers/{digest}{query}")
    assert response.status == 200
    return [entry["digest"] for entry in response.json()["manifests"]]


def test_a_push_over_a_locked_tag_is_refused_as_acr_refuses_it(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    lock(acr, "/_tags/1.0.0", writeEnabled=False)
    refused = acr.put_manifest("shop", image, "1.0.0")
    assert (refused.status, code_of(refused)) == (405, "REGISTRY_DISALLOWED_OPERATION")


def test_other_tags_of_a_locked_tags_image_can_still_move(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    lock(acr, "/_tags/1.0.0", writeEnabled=False)
    assert acr.push_manifest("shop", image, "latest") == image.digest


def test_a_locked_tag_keeps_its_manifest_from_deletion(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    lock(acr, "/_tags/1.0.0", deleteEnabled=False)
    assert acr.send("DELETE", f"/v2/shop/manifests/{image.digest}").status == 405


def test_a_manifest_that_may_not_be_read_is_refused(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    lock(acr, f"/_manifests/{image.digest}", readEnabled=False)
    assert acr.send("GET", "/v2/shop/manifests/1.0.0", headers=ANY_MANIFEST).status == 405


def test_a_tag_that_may_not_be_listed_is_left_out(acr: Client) -> None:
    for tag in ("1.0.0", "hidden"):
        acr.push_image("shop", tag)
    lock(acr, "/_tags/hidden", listEnabled=False)
    assert acr.send("GET", "/v2/shop/tags/list").json()["tags"] == ["1.0.0"]


def test_a_locked_repository_takes_no_push(acr: Client) -> None:
    acr.push_image("shop", "1.0.0")
    lock(acr, "", writeEnabled=False)
    assert acr.send("POST", "/v2/shop/blobs/uploads/").status == 405


def test_a_lock_with_a_wrong_value_is_refused(acr: Client) -> None:
    acr.push_image("shop", "1.0.0")
    for body in (b'{"writeEnabled": "no"}', b'{"locked": true}', b"[]", b"{"):
        assert acr.send("PATCH", "/acr/v1/shop/_tags/1.0.0", body=body, headers=JSON).status == 400


def test_a_tag_deleted_by_name_leaves_the_manifest(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    assert acr.send("DELETE", "/v2/shop/manifests/1.0.0").status == 202
    assert acr.send("HEAD", "/v2/shop/manifests/1.0.0", headers=ANY_MANIFEST).status == 404
    assert acr.send("HEAD", f"/v2/shop/manifests/{image.digest}", headers=ANY_MANIFEST).status == 200


def test_tags_are_listed_page_by_page(acr: Client) -> None:
    for tag in ("b", "a", "c"):
        acr.push_image("shop", tag)
    first = acr.send("GET", "/v2/shop/tags/list?n=2")
    assert first.json()["tags"] == ["a", "b"]
    following = acr.send("GET", first.headers["Link"].partition(">")[0].removeprefix("<"))
    assert following.json()["tags"] == ["c"]
    assert "Link" not in following.headers


def test_referrers_are_found_by_their_subject(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    signature, sbom = attach(acr, image, SIGNATURE), attach(acr, image, SBOM)
    assert sorted(referrers(acr, image.digest)) == sorted([signature.digest, sbom.digest])


def test_referrers_can_be_filtered_by_type(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    signature, _ = attach(acr, image, SIGNATURE), attach(acr, image, SBOM)
    response = acr.send("GET", f"/v2/shop/referrers/{image.digest}?artifactType={SIGNATURE}")
    assert [entry["digest"] for entry in response.json()["manifests"]] == [signature.digest]
    assert response.json()["manifests"][0]["artifactType"] == SIGNATURE
    assert response.headers["OCI-Filters-Applied"] == "artifactType"


def test_a_push_with_a_subject_is_confirmed(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    signature = attach(acr, image, SIGNATURE)
    assert acr.put_manifest("shop", signature).headers["OCI-Subject"] == image.digest


def test_an_image_without_referrers_has_an_empty_list(acr: Client) -> None:
    acr.push_image("shop", "1.0.0")
    assert referrers(acr, digest_of(b"nothing")) == []


def test_referrers_are_deleted_with_their_subject(acr: Client) -> None:
    image = acr.push_image("shop", "1.0.0")
    signature = attach(acr, image, SIGNATURE)
    assert acr.send("DELETE", f"/v2/shop/manifests/{image.digest}").status == 202
    assert acr.send("HEAD", f"/v2/shop/manifests/{signature.digest}", headers=ANY_MANIFEST).status == 404
