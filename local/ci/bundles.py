"""The bundle of a folder, as CI makes it: by the commands of `slipway`, after the images were pushed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KUBERNETES = "1.34"
RECORD = "slipway.json"
type Typed = Callable[..., None]
"""Run a command of the pipeline, given as words, signed in to the registry and in the run's folder."""


@dataclass(frozen=True, kw_only=True)
class BundleStage:
    """Builds and pushes within a folder of the run."""

    typed: Typed
    folder: Path
    """The folder in which the commands are typed."""
    registry: str
    """Login server."""

    def build(self, application: str, manifests: Path, version: str, images: Sequence[str]) -> None:
        """Build the bundle from images named `repository:tag`, into the folder `bundle`."""
        self.typed("export", application, "--targets", KUBERNETES, "-o", ".")
        given = ["--targets", "targets.json", *(word for image in images for word in ("--image", image))]
        self.typed("bundle", "build", str(manifests), "--version", version, "--registry", self.registry, *given)

    def push(self, repository: str) -> dict[str, Any]:
        """The document that the run publishes about it."""
        self.typed("bundle", "push", "bundle", f"{self.registry}/{repository}", "--record", RECORD)
        told: dict[str, Any] = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        return told
