"""The access to a cluster: its address, its certificate authority, and its source of tokens.

On Azure: the server and CA from the installation's settings, and `entra_token` with a managed identity. Elsewhere: a
kubeconfig. Only this module and `connection` import the Kubernetes client, and only when they need it, since the import
takes a third of a second.
"""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from slipway.domain.errors import present
from slipway.domain.model import Record

from .errors import AccessDenied, ClusterError, ClusterUnreachable

AKS_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""The scope of the Entra server application that all AKS clusters of the public cloud share."""

POOL_SIZE = 10


class AccessToken(Protocol):
    """The token type of a credential."""

    @property
    def token(self) -> str: ...


class TokenCredential(Protocol):
    """The method of an azure-identity credential that is used; the credential caches and refreshes tokens itself."""

    def get_token(self, *scopes: str) -> AccessToken: ...


def _server(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("expected the URL of an API server, such as https://shop-x1.hcp.westeurope.azmk8s.io:443")
    if parts.username or parts.password or parts.query:
        raise ValueError("expected a URL without a user, password or query")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("expected https, because a token is sent; http is for this machine only")
    return value.rstrip("/")


def _ca(value: str) -> str:
    try:
        text = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError("expected base64 of a PEM certificate: the certificate-authority-data of a kubeconfig")
    return value


class ClusterAccess(Record):
    """The access to one cluster: a server with a source of tokens, or a kubeconfig."""

    server: Annotated[str, AfterValidator(_server)] | None = None
    ca_data: Annotated[str, AfterValidator(_ca)] | None = None
    token: Callable[[], str] | None = Field(default=None, repr=False)
    """Called for each request, so it should cache."""
    kubeconfig: Path | None = None
    context: str | None = None

    @model_validator(mode="after")
    def _check_server_or_kubeconfig(self) -> Self:
        if (self.server is None) == (self.kubeconfig is None):
            raise ValueError("expected exactly one of server and kubeconfig")
        if self.server is not None and self.token is None:
            raise ValueError("token: needed with server")
        if self.kubeconfig is not None and (self.token is not None or self.ca_data is not None):
            raise ValueError("token, ca_data: not used with kubeconfig, which holds its own")
        return self


def entra_token(credential: TokenCredential) -> Callable[[], str]:
    """Tokens for an AKS cluster with Entra integration."""

    def token() -> str:
        return credential.get_token(AKS_SCOPE).token

    return token


def configuration(access: ClusterAccess) -> Any:
    """The client library's Configuration for an access."""
    from urllib3.util.retry import Retry  # noqa: PLC0415 (loaded with the client)

    client_configuration = _of_kubeconfig(access) if access.kubeconfig else _of_server(access)
    client_configuration.keep_alive = True
    client_configuration.connection_pool_maxsize = POOL_SIZE
    # Retry once if connecting fails. Don't wait for Retry-After inside a function. Don't follow redirects: a redirect
    # from a probed service is its answer, and the API server sends none.
    client_configuration.retries = Retry(
        *(1, 1, 0, 0, 0), raise_on_redirect=False, respect_retry_after_header=False, raise_on_status=False, other=0
    )
    return client_configuration


def _of_server(access: ClusterAccess) -> Any:
    from kubernetes.client import Configuration  # noqa: PLC0415 (slow to import)

    pem = base64.b64decode(access.ca_data).decode("ascii") if access.ca_data else None
    client_configuration: Any = Configuration(host=access.server, ca_cert_data=pem)
    source = present(access.token, f"the token of {access.server}")

    def refresh(target: Any) -> None:  # a closure: the library deep-copies configurations
        target.api_key["BearerToken"] = f"Bearer {_token(source)}"

    client_configuration.refresh_api_key_hook = refresh
    client_configuration.api_key = {"BearerToken": ""}  # the library calls the hook only if a key is set
    return client_configuration


def _token(source: Callable[[], str]) -> str:
    try:
        token = source()
    except ClusterError:
        raise
    except Exception as error:  # each kind of credential raises its own errors
        raise ClusterUnreachable(f"could not get a token for the cluster: {type(error).__name__}") from error
    if not token or not token.isascii() or not token.isprintable():
        raise AccessDenied("the source of tokens for the cluster returned something that is not a token")
    return token


def _of_kubeconfig(access: ClusterAccess) -> Any:
    from kubernetes.client import Configuration  # noqa: PLC0415 (slow to import)
    from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415

    client_configuration: Any = Configuration()
    load: Any = load_kube_config
    try:
        load(
            config_file=str(access.kubeconfig),
            context=access.context,
            client_configuration=client_configuration,
            persist_config=False,
        )
    except ConfigException as error:
        raise AccessDenied(f"kubeconfig {access.kubeconfig}: {error}") from error
    return client_configuration
