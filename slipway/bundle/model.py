"""The documents beside a bundle's manifests: `bundle.json`, and `targets.json` with the targets that it was rendered
for.

Both are read strictly: CI and teams write them, so an unknown field is an error. The media types and the limits of the
format are here too (docs/reference/bundle.md).
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..domain.images import ImageRules
from ..domain.model import Digest, Name, Repository, Tag, Timestamp, canonical, sha256
from ..domain.project import ForeignPattern, ImagePath, Kind
from ..manifests.problems import ConfigError, Problem
from ..strict_json import strictly

ARTIFACT_TYPE: Final = "application/vnd.slipway.bundle.v1+json"
CONFIG_TYPE: Final = "application/vnd.slipway.bundle.config.v1+json"
LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
"""OCI's own type, and the only layer: Flux reads the first layer, Argo CD only a single one of a type that it knows."""
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"

MOST_IMAGES: Final = 100
MOST_ENVIRONMENTS: Final = 20
LARGEST_CONFIG: Final = 256 * 1024
LARGEST_TARGETS: Final = 256 * 1024

CONFIG_FILE: Final = "bundle.json"
TARGETS_FILE: Final = "targets.json"

LoginServer = Annotated[
    str, Field(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?$", examples=["shop.azurecr.io"])
]
"""A registry's host, with a port on a laptop."""
KubernetesVersion = Annotated[str, Field(pattern=r"^1\.[0-9]{1,3}$", examples=["1.33"])]
_Text = Annotated[str, Field(max_length=256)]
KnownPaths = Annotated[dict[Kind, tuple[ImagePath, ...]], Field(max_length=50)]


class _Part(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", populate_by_name=True)


class _RuledImages(_Part):
    """The project's rules for images, as in `targets.json`."""

    image_paths: KnownPaths = {}
    """By kind, the fields other than containers that name images."""
    foreign_images: Annotated[tuple[ForeignPattern, ...], Field(max_length=100)] = ()
    """Images of other registries that may run, by digest."""
    unpinned: Annotated[tuple[Kind, ...], Field(max_length=100)] = ()
    """Kinds whose images need not be pinned by digest."""

    @property
    def image_rules(self) -> ImageRules:
        return ImageRules(paths=self.image_paths, foreign=self.foreign_images, unpinned=frozenset(self.unpinned))


class BundleSource(_Part):
    """The source that a bundle was built from, as its builder claims. No field of it is believed without asking the
    source."""

    organization: _Text = ""
    project: _Text = ""
    run: _Text = ""
    commit: _Text = ""
    repository: Annotated[str, Field(max_length=2048)] = ""


class Tools(_Part):
    """Versions of the programs that rendered and packed a bundle."""

    slipway: _Text
    helm: _Text = ""
    kustomize: _Text = ""

    @property
    def rendering(self) -> dict[str, str]:
        """The programs that rendered parts of it, with their versions."""
        versions = {"helm": self.helm, "kustomize": self.kustomize}
        return {name: version for name, version in versions.items() if version}


class Image(_Part):
    """An image that a bundle's manifests run."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    """Its name in the environments of this bundle."""
    repository: Repository
    digest: Digest
    media_type: Annotated[str, Field(alias="mediaType", max_length=255)]
    """Media type of its manifest or index."""
    platforms: tuple[_Text, ...] = Field(default=(), max_length=50)


class BundleEnvironment(_Part):
    """The part of a bundle that is for one environment."""

    path: Annotated[str, Field(max_length=64)]
    """Folder in the layer: `environments/<name>`."""
    position: int = Field(ge=1, le=MOST_ENVIRONMENTS)
    """Its place among the application's environments, from 1: canonical JSON sorts them by name."""
    images: tuple[str, ...] = Field(default=(), max_length=MOST_IMAGES)
    """Names of the images that its manifests run."""
    registry: LoginServer
    """The registry in its manifests: the environment's, not the one that CI pushed to."""
    namespace: Name
    kubernetes: KubernetesVersion
    """The minor version that it was rendered for."""


class BundleConfig(_RuledImages):
    """`bundle.json`, the config of the artifact. It says nothing of gates, approvers and clusters, and for images the
    worker uses the project's rules instead of those here."""

    schema_version: Literal[1] = Field(alias="schema")
    application: Name
    version: Tag
    created: Timestamp | None = None
    source: BundleSource = BundleSource()
    tools: Tools
    targets: Digest
    """Hash of the `targets.json` that it was rendered for, in canonical JSON."""
    content: Digest
    """Digest of the layer's tar before compression: it is the same everywhere, while compressors differ."""
    images: tuple[Image, ...] = Field(max_length=MOST_IMAGES)
    environments: dict[Name, BundleEnvironment] = Field(min_length=1, max_length=MOST_ENVIRONMENTS)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for field in ("name", "repository"):
            values = [getattr(image, field) for image in self.images]
            if twice := sorted({value for value in values if values.count(value) > 1}):
                raise ValueError(
                    f"images: the {field} {twice[0]!r} is used twice; a bundle has one digest of each image"
                )
        names = {image.name for image in self.images}
        for name, environment in self.environments.items():
            if environment.path != folder_of(name):
                raise ValueError(f"environments.{name}.path: expected {folder_of(name)!r}, got {environment.path!r}")
            if unknown := sorted(set(environment.images) - names):
                raise ValueError(f"environments.{name}.images: {unknown[0]!r} is not among the bundle's images")
        return self

    def document(self) -> bytes:
        """The bytes of `bundle.json`: canonical JSON without unknown values."""
        return canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True))


class RenderTarget(_Part):
    """The facts about one environment that rendering needs."""

    registry: LoginServer
    namespace: Name
    kubernetes: KubernetesVersion
    apis: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+(?:/[A-Za-z0-9]+)*$", max_length=256)], ...] = Field(
        default=(), max_length=1000
    )
    """API versions that the cluster serves beside Kubernetes' own: `monitoring.coreos.com/v1`."""


class Targets(_RuledImages):
    """`targets.json`: an application's environments, as its installation exported them."""

    v: Literal[1]
    application: Name
    environments: dict[Name, RenderTarget] = Field(min_length=1, max_length=MOST_ENVIRONMENTS)

    @property
    def hash(self) -> str:
        return sha256(canonical(self.model_dump(mode="json")))


def folder_of(environment: str) -> str:
    """The folder of an environment in the layer."""
    return f"environments/{environment}"


def read_config(data: bytes) -> BundleConfig:
    """Raises `ConfigError`."""
    return read_model(BundleConfig, data, name=CONFIG_FILE, limit=LARGEST_CONFIG)


def read_targets(data: bytes, *, name: str = TARGETS_FILE) -> Targets:
    """Raises `ConfigError`, with `name` for the file."""
    return read_model(Targets, data, name=name, limit=LARGEST_TARGETS)


def read_model[M: BaseModel](model: type[M], data: bytes, *, name: str, limit: int) -> M:
    """JSON from outside as a model. Raises `ConfigError` with every problem."""
    if len(data) > limit:
        raise ConfigError([Problem(file=name, expected=f"at most {limit // 1024} KiB", got=f"{len(data)} bytes")])
    try:
        value = strictly(data)
    except ValueError as error:
        raise ConfigError([Problem(file=name, message=f"not valid JSON: {str(error)[:200]}")]) from None
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise ConfigError([_problem(name, fault) for fault in faults[:20]]) from None


def _problem(name: str, fault: Mapping[str, Any]) -> Problem:
    field = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    return Problem(file=name, field=field[:200], message=str(fault["msg"]).removeprefix("Value error, ")[:500])
