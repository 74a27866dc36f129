"""The settings of the double, read from the file that `--config` names."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

NAMESPACE_PATTERN = r"^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$"

Namespace = Annotated[str, Field(pattern=NAMESPACE_PATTERN)]
Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]


class ConfigError(Exception):
    """The configuration is invalid; the message names the field, what was expected and what it is."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Rule(_Settings):
    """Allowed actions, in the form of a Role's rule; subresources are written as `pods/log`."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[Verb, ...]

    def allows(self, verb: str, group: str, resource: str) -> bool:
        return verb in self.verbs and group in self.groups and resource in self.resources


class Token(_Settings):
    """A bearer token and what it may do. With no token configured, everybody may do everything."""

    token: str = Field(min_length=1, max_length=16384, repr=False)
    user: str = Field(default="local-user", min_length=1, max_length=256, description="Name shown in 403 messages.")
    namespaces: Literal["*"] | tuple[Namespace, ...] = Field(
        default="*", description='"*" for all namespaces and cluster-wide resources, else the namespaces by name.'
    )
    verbs: Literal["*"] | tuple[Verb, ...] = "*"
    rules: Literal["*"] | tuple[Rule, ...] = Field(default="*", description="Set if only some kinds are allowed.")


class RegistryLogin(_Settings):
    """A registry from which the kubelet pulls, and its credentials."""

    login_server: str = Field(pattern=r"^[A-Za-z0-9.-]+(?::\d{1,5})?$", examples=["127.0.0.1:5000"])
    username: str = Field(default="", max_length=256)
    password: str = Field(default="", max_length=16384, repr=False)
    plain_http: bool | None = Field(default=None, description="By default: http for this machine, https for others.")

    @property
    def base_url(self) -> str:
        host = self.login_server.rsplit(":", 1)[0]
        local = host in ("localhost",) or host.startswith("127.")
        plain = local if self.plain_http is None else self.plain_http
        return f"{'http' if plain else 'https'}://{self.login_server}"


class Pace(_Settings):
    """Times that are shorter here than on a cluster. Times that a manifest states are always kept."""

    backoff_first: float = Field(default=0.5, gt=0, description="Seconds; Kubernetes waits 10.")
    backoff_most: float = Field(default=15.0, gt=0, description="Seconds; Kubernetes waits at most 300.")
    first_ready_every: float = Field(
        default=0.2,
        gt=0,
        description="Seconds between readiness probes until the first success, if shorter than stated.",
    )
    tick: float = Field(default=0.05, gt=0, description="Seconds between checks of processes, probes and deadlines.")


class Simulation(_Settings):
    """How pods behave without a kubelet."""

    bad_images: tuple[str, ...] = Field(default=(), description="Tags or digests that can never be pulled.")


class KubernetesSettings(_Settings):
    """All settings of the double."""

    namespaces: tuple[Namespace, ...] = ()
    tokens: tuple[Token, ...] = ()
    registries: tuple[RegistryLogin, ...] = ()
    simulate: bool | Simulation = Field(default=False, description="Pods become ready by rules; no program runs.")
    state_dir: Path | None = Field(
        default=None,
        description="Where objects and images are kept; by default a temporary folder, removed at the end.",
    )
    pace: Pace = Pace()

    @model_validator(mode="after")
    def _check_duplicates(self) -> Self:
        for field, values in (
            ("tokens", [t.token for t in self.tokens]),
            ("registries", [r.login_server for r in self.registries]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"{field}: the same one is listed twice")
        return self

    @property
    def simulation(self) -> Simulation | None:
        if isinstance(self.simulate, Simulation):
            return self.simulate
        return Simulation() if self.simulate else None


def read_settings(path: Path) -> KubernetesSettings:
    """Read a JSON file; one ConfigError names all mistakes. Values are not shown: they may be secret."""
    try:
        return KubernetesSettings.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise ConfigError(f"{path}: expected JSON: {error}") from error
        faults = [f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError(f"{path}: " + "; ".join(faults)) from error
