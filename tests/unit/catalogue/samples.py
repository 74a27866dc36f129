"""The smallest application without problems, what it is rendered with, and the type of the fixture that writes it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from slipway.catalogue import ConfigError, Definition, SettingsNames, check_path

APPLICATION = """\
application: shop
project: team
image: { registry: nonprod, repository: team/shop }
environments:
  - name: staging
    clusters: [staging]
    namespace: shop-staging
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  template:
    spec:
      containers:
        - { name: shop, image: team/shop }
"""

IMAGE = "shop.azurecr.io/team/shop@sha256:" + "a" * 64
VALUES = {
    "SLIPWAY_APPLICATION": "shop",
    "SLIPWAY_ENVIRONMENT": "staging",
    "SLIPWAY_RELEASE": "shop-482",
    "SLIPWAY_VERSION": "1.4.2",
}

Write = Callable[..., Path]


def load(path: Path, *, known: SettingsNames | None = None) -> Mapping[str, Definition]:
    """The applications in a file or folder. Raises ConfigError."""
    return check_path(path, known=known).definitions


def load_one(home: Path) -> Definition:
    """The application in its folder, named as from the folder above. Raises ConfigError."""
    return load(home.parent)[home.name]


def problems(folder: Path, *, known: SettingsNames | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, known=known)
    return [str(problem) for problem in caught.value.problems]
