"""The result of loading: an application together with the folder of its manifests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.domain.application import Application

from ..manifests.problems import shown_path

DELIVERY_FILE = "delivery.yaml"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One folder under `deliveries/`."""

    application: Application
    folder: Path

    def shown(self, path: Path) -> str:
        """The path as problems name it: `deliveries/shop/manifests/service.yaml`."""
        return shown_path(path, root=self.folder.parent)

    def inside(self, relative: str) -> Path | None:
        """A path below the folder; None if it leads out of it, also through a symbolic link."""
        path = self.folder / relative
        return path if path.resolve().is_relative_to(self.folder.resolve()) else None


Deliveries = Mapping[str, Delivery]
"""All applications of an installation, by name."""
