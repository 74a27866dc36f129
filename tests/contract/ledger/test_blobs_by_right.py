"""Blobs with no right but to read and to create: an existing document is kept, and putting it again is no error."""

from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobServiceClient, ContainerClient, ContainerSasPermissions, generate_container_sas

from slipway.ledger.azure_blobs import AzureBlobs
from tests.azurite import fresh_name


def test_an_existing_document_may_be_put_again_with_the_right_to_create_alone(azurite: str) -> None:
    with BlobServiceClient.from_connection_string(azurite) as service:
        container = service.create_container(fresh_name("evidence"))
        key = dict(part.split("=", 1) for part in azurite.split(";") if part)["AccountKey"]
        sas = generate_container_sas(
            account_name=str(service.account_name),
            container_name=container.container_name,
            account_key=key,
            permission=ContainerSasPermissions(read=True, create=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        with ContainerClient.from_container_url(f"{container.url}?{sas}") as limited:
            blobs = AzureBlobs(limited)
            digest = blobs.put(b"a plan", "application/json")
            assert blobs.put(b"a plan", "application/json") == digest
            assert blobs.get(digest) == b"a plan"
