"""`--manifests-only`: a larger memory limit goes to production, with the image that is live there already.

It passes the same tests and gates as a new image, and nothing is built for it but a bundle.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local.stack import Stack
from slipway.domain.phases import Phase

from .delivering import MANIFESTS
from .narrator import Narrator
from .play import APPLICATION
from .story import GOOD, Story

RAISED = "1.0.1"
LIMIT, RAISED_LIMIT = "64Mi", "96Mi"
"""A value in the example's Deployments, and the one that replaces it in this story."""
PRODUCTION = "hello-production"


@dataclass(frozen=True, kw_only=True)
class Live:
    """What production runs once a release has ended."""

    release: str
    image: str
    memory: str
    """The memory limit."""


class ManifestsStory(Story):
    """A version that is approved, and a change of its manifests alone."""

    def __init__(self, stack: Stack, narrator: Narrator) -> None:
        super().__init__(stack, narrator)
        self._live: list[Live] = []

    def tell(self) -> dict[str, str]:
        self.say.heading(f"A developer merges {GOOD}")
        first, _ = self.deliver_bundle(GOOD)
        self._to_production(first)
        self.say.heading(
            f"A developer raises the memory limit to {RAISED_LIMIT}: {RAISED} is {GOOD} with other manifests"
        )
        with _manifests_with_raised_limit() as manifests:
            second, _ = self.deliver_bundle(RAISED, of_image=GOOD, manifests=manifests)
        self._to_production(second)
        before, after = self._live
        if before.image != after.image or (before.memory, after.memory) != (LIMIT, RAISED_LIMIT):
            raise RuntimeError(f"expected the same image and {LIMIT}, then {RAISED_LIMIT}; got {before}, then {after}")
        return {first: str(Phase.COMPLETED), second: str(Phase.COMPLETED)}

    def facts(self) -> dict[str, Any]:
        return super().facts() | {"live": [asdict(release) for release in self._live]}

    def _to_production(self, release: str) -> None:
        self.to_production(release)
        live = self._read_live(release)
        self.say.line(f"production runs {live.image.partition('@')[2][:19]}… with a memory limit of {live.memory}")
        self._live.append(live)

    def _read_live(self, release: str) -> Live:
        """What the cluster runs. Raises `RuntimeError`."""
        access = self.stack.clusters["production"]
        url = f"{access['server']}/apis/apps/v1/namespaces/{PRODUCTION}/deployments/{APPLICATION}"
        response = self.stack.http.request("GET", url, headers={"Authorization": f"Bearer {access['token']}"})
        if response.status != HTTPStatus.OK:
            raise RuntimeError(
                f"the Deployment {APPLICATION} in production: the cluster responded with {response.status}"
            )
        (container,) = response.json()["spec"]["template"]["spec"]["containers"]
        return Live(release=release, image=container["image"], memory=container["resources"]["limits"]["memory"])


@contextmanager
def _manifests_with_raised_limit() -> Iterator[Path]:
    """The example's manifests, with the larger limit in each environment. Raises `RuntimeError`."""
    with tempfile.TemporaryDirectory(prefix="slipway-manifests-") as name:
        folder = Path(name)
        shutil.copytree(MANIFESTS, folder, dirs_exist_ok=True)
        for file in folder.glob("environments/*/deployment.yaml"):
            text = file.read_text(encoding="utf-8")
            if text.count(f"memory: {LIMIT}") != 1:
                raise RuntimeError(f"{file.relative_to(folder)}: expected one memory limit of {LIMIT}")
            file.write_text(text.replace(f"memory: {LIMIT}", f"memory: {RAISED_LIMIT}"), encoding="utf-8")
        yield folder
