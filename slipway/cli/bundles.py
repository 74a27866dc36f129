"""Where a command finds its bundle: in a folder that `build` wrote, or in a registry's repository."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.bundle import (
    BundleConfig,
    EnvironmentContents,
    NotABundle,
    PackedBundle,
    Targets,
    parse_reference,
    read_environments,
    read_targets,
    unpack_bundle,
)
from slipway.bundle.layout import is_layout, read_layout
from slipway.bundle.model import LARGEST_TARGETS
from slipway.catalogue import ConfigError

from . import registries
from .console import FAINT, NAME, CliConsole, TextCell
from .errors import CliError, Exit, ProblemsError
from .options import one_object

json_option = one_object
TARGETS_FILE = "targets.json"
_WRITE_TARGETS = "`slipway export APPLICATION --targets VERSION` writes it; name the file with --targets"


@dataclass(frozen=True, kw_only=True)
class OpenedBundle:
    """A bundle that was read and checked as a whole."""

    packed: PackedBundle
    config: BundleConfig
    files: dict[str, bytes]
    environments: dict[str, EnvironmentContents]

    def summary(self) -> dict[str, Any]:
        """The bundle in the commands' JSON."""
        config = self.config
        return {
            "digest": self.packed.digest,
            "application": config.application,
            "version": config.version,
            "created": config.created.isoformat() if config.created else None,
            "source": config.source.model_dump(exclude_defaults=True),
            "tools": config.tools.model_dump(exclude_defaults=True),
            "targets": config.targets,
            "images": [image.model_dump(mode="json", by_alias=True) for image in config.images],
            "environments": {name: entry.model_dump(mode="json") for name, entry in config.environments.items()},
            "files": {path: len(data) for path, data in sorted(self.files.items())},
        }


@dataclass(frozen=True, kw_only=True)
class Remote:
    """`registry/repository`, with a tag, a digest, or neither."""

    registry: str
    repository: str
    reference: str

    @property
    def name(self) -> str:
        return f"{self.registry}/{self.repository}"


def remote(text: str) -> Remote:
    """Raises `CliError`."""
    try:
        reference = parse_reference(text)
    except ValueError:
        reference = None
    if reference is None or not reference.host:
        expected = "expected registry/repository, such as shop.azurecr.io/team/shop-bundle:1.4.0"
        raise CliError(f"{expected}, got {text[:200]!r}", exit_code=Exit.USAGE)
    return Remote(registry=reference.host, repository=reference.repository, reference=reference.digest or reference.tag)


def open_bundle(where: str) -> OpenedBundle:
    """The bundle in a folder or at `registry/repository:tag`. Raises `CliError`, `NotABundle` and `ConfigError`."""
    folder = Path(where)
    if is_layout(folder):
        packed = read_layout(folder)
    elif folder.exists():
        raise CliError(
            f"{where}: expected a folder that `slipway bundle build` wrote, got another", exit_code=Exit.USAGE
        )
    else:
        target = remote(where)
        if not target.reference:
            raise CliError(f"{where}: expected a tag or a digest after it", exit_code=Exit.USAGE)
        packed = registries.pull_bundle(registries.open_registry(target.registry), target.repository, target.reference)
    return open_packed(packed)


def open_packed(packed: PackedBundle) -> OpenedBundle:
    """Raises `NotABundle` and `ConfigError`."""
    config, files = unpack_bundle(packed)
    return OpenedBundle(packed=packed, config=config, files=files, environments=read_environments(config, files))


@contextmanager
def problems_as_errors() -> Iterator[None]:
    """Turn the problems of a bundle into an error of the command."""
    try:
        yield
    except ConfigError as error:
        raise ProblemsError(error.problems) from None
    except NotABundle as error:
        raise CliError(f"not a bundle: {error}") from None


def read_targets_file(file: Path) -> Targets:
    """Raises `CliError` and `ConfigError`."""
    try:
        with file.open("rb") as opened_file:
            data = opened_file.read(LARGEST_TARGETS + 1)
    except OSError as error:
        raise CliError(
            f"{file}: {error.strerror or type(error).__name__}",
            exit_code=Exit.USAGE,
            field="--targets",
            expected="what the environments are",
            got=error.strerror or type(error).__name__,
            cure=_WRITE_TARGETS,
        ) from None
    return read_targets(data, name=file.name)


def print_summary(console: CliConsole, made: OpenedBundle) -> None:
    """A bundle for a person to look at."""
    config = made.config
    console.fields(
        [
            ("digest", TextCell(made.packed.digest, NAME)),
            ("application", config.application),
            ("version", config.version),
            ("created", console.time(config.created)),
            ("commit", config.source.commit),
            ("run", config.source.run),
            ("rendered by", ", ".join(f"{name} {version}" for name, version in config.tools.rendering.items())),
            ("targets", config.targets),
        ]
    )
    console.line()
    console.table(
        ("image", "repository", "digest", "platforms"),
        [
            (image.name, image.repository, image.digest, TextCell(", ".join(image.platforms), FAINT))
            for image in config.images
        ],
    )
    console.line()
    rows = [
        (TextCell(name, NAME), entry.registry, entry.namespace, entry.kubernetes, str(_count(made, name)))
        for name, entry in sorted(config.environments.items(), key=lambda each: each[1].position)
    ]
    console.table(("environment", "registry", "namespace", "kubernetes", "objects"), rows)


def _count(made: OpenedBundle, environment: str) -> int:
    return sum(1 for _ in made.environments[environment].members)
