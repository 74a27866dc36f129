"""The pipelines of the example application, as the service would compile them."""

from pathlib import Path
from typing import Any

import pytest

from .expander import expand

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "hello-aks"
EXAMPLES = {"ci": EXAMPLE / "azure-pipelines.yml", "pr": EXAMPLE / "azure-pipelines-pr.yml"}
TEMPLATES = sorted((ROOT / "pipelines").rglob("*.yml"))


def compiled(name: str) -> dict[str, Any]:
    return expand(EXAMPLES[name], alias="slipway", templates=ROOT)


@pytest.fixture
def ci() -> dict[str, Any]:
    return compiled("ci")


@pytest.fixture
def pr() -> dict[str, Any]:
    return compiled("pr")
