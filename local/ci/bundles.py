"""Builds and pushes a bundle as CI does: with the commands of `slipway`, after the images were pushed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KUBERNETES = "1.34"
RECORD = "slipway.json"
type RunCommand = Callable[..., None]
"""Runs a command of the pipeline, given as words, signed in to the registry and in the run's folder."""


@dataclass(frozen=True, kw_only=True)
class BundleStage:
    """Builds and pushes a bundle in a folder of the run."""

    run_command: RunCommand
    folder: Path
    """The folder in which the commands run."""
    registry: str
    """Login server."""

    def build(self, application: str, manifests: Path, version: str, images: Sequence[str]) -> None:
        """Build the bundle from images named `repository:tag`, into the folder `bundle`."""
        self.run_command("export", application, "--targets", KUBERNETES, "-o", ".")
        options = ["--targets", "targets.json", *(word for image in images for word in ("--image", image))]
        self.run_command("bundle", "build", str(manifests), "--version", version, "--registry", self.registry, *options)

    def push(self, repository: str) -> dict[str, Any]:
        """Push the bundle; returns the document that the run publishes about it."""
        self.run_command("bundle", "push", "bundle", f"{self.registry}/{repository}", "--record", RECORD)
        document: dict[str, Any] = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        return document
