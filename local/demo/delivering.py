"""CI's part in every story whose application is delivered as a bundle."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from local.azuredevops import Somebody
from local.ci import BundleStage, RunFacts
from local.ci.pipeline import GRACE
from local.images import BuiltImage, Credentials, push
from local.images.image import Part
from local.stack.options import EXAMPLE
from slipway.bundle import PackedBundle
from slipway.bundle.layout import read_layout
from slipway.bundle.model import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE
from slipway.domain.actions import Action
from slipway.domain.model import sha256

from .bundled import BUNDLES
from .play import APPLICATION, Play, slipway

BROKEN = "wrong-total"
"""A variant with a bug that only the acceptance tests notice."""
MANIFESTS = EXAMPLE / "bundle"
type Alter = Callable[[PackedBundle], PackedBundle]
"""A manipulation of a bundle between building and pushing it."""


class Delivering(Play):
    """Plays the pipeline of a team that delivers bundles."""

    def deliver_bundle(
        self,
        version: str,
        *,
        variant: str | None = None,
        author: Somebody = GRACE,
        claims: Somebody | None = None,
        alter: Alter | None = None,
        of_image: str = "",
        manifests: Path = MANIFESTS,
    ) -> tuple[str, RunFacts]:
        """Do CI's work: build and push the image, then the bundle, publish it, and report the run. Returns the release
        and the run. `of_image` is the version of an existing image, so that none is built."""
        run = self.ci.begin(f"Release {version}", author=author, claims=claims)
        self.say.line(f"Dan completes {author.name}'s pull request; run {run.number} of hello-ci begins")
        if not of_image:
            self.push_image(version, variant=variant, commit=run.commit)
        published = self.push_bundle(version, of_image or version, manifests=manifests, alter=alter)
        self.ci.end(run, None, published=published)
        self.ci.report(run)
        self.say.line("the run says what it published, and has ended; its service hook was answered with 202")
        return str(self.follow(Action.RELEASE_CREATED)["release"]), run

    def push_image(self, version: str, *, variant: str | None = None, commit: str | None = None) -> None:
        self.ci.push(self.ci.build(version, variant=variant, commit=commit), version)
        self.say.line(f"CI built and pushed the image hello:{version} for linux/amd64 and linux/arm64")

    def push_bundle(
        self, version: str, of_image: str, *, manifests: Path = MANIFESTS, alter: Alter | None = None
    ) -> dict[str, Any]:
        """Build and push a bundle of an existing image; returns what a run publishes about it."""
        registry = self.stack.registries["nonprod"]
        with tempfile.TemporaryDirectory(prefix="slipway-ci-") as name:
            folder = Path(name)
            stage = BundleStage(run_command=partial(self.run_command, folder), folder=folder, registry=registry)
            stage.build(APPLICATION, manifests, version, [f"hello:{of_image}"])
            if alter is not None:
                return self._push_altered(alter(read_layout(folder / "bundle")), version, registry)
            published = stage.push(BUNDLES)
        self.say.line(f"it ran: slipway bundle build … && slipway bundle push …: {published['digest'][:19]}…")
        return published

    def _push_altered(self, packed: PackedBundle, version: str, registry: str) -> dict[str, Any]:
        """Push with a client that does not check the content that it pushes."""
        parts = BuiltImage(
            blobs=(_part(CONFIG_TYPE, packed.config), _part(LAYER_TYPE, packed.layer)),
            manifests=(),
            index=_part(MANIFEST_TYPE, packed.manifest),
        )
        credentials = Credentials(user="ci", password=self.stack.secrets.ci_password)
        push(parts, registry_url=f"http://{registry}", repository=BUNDLES, tag=version, credentials=credentials)
        self.say.line(f"it pushed a bundle that it has changed by hand: {packed.digest[:19]}…")
        return {
            "v": 1,
            "kind": "bundle",
            "registry": registry,
            "repository": BUNDLES,
            "digest": packed.digest,
            "tool": "local.demo",
        }

    def run_command(self, folder: Path, *arguments: str) -> None:
        """Run a command of the pipeline, signed in to the registry. Raises `RuntimeError`."""
        signed_in = {"SLIPWAY_REGISTRY_USER": "ci", "SLIPWAY_REGISTRY_PASSWORD": self.stack.secrets.ci_password}
        process = slipway(self.stack, list(arguments), show=False, folder=folder, more=signed_in)
        if process.returncode:
            raise RuntimeError(f"slipway {' '.join(arguments)} ended with {process.returncode}: {process.stderr}")


def _part(media_type: str, data: bytes) -> Part:
    return Part(media_type=media_type, data=data, digest=sha256(data))
