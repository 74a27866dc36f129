"""The CI of a team that builds bundles and pushes them, and the installation that delivers them."""

from functools import partial
from pathlib import Path

from slipway.bundle import BuildOptions, PackedBundle, Targets, build
from slipway.bundle.model import MANIFEST_TYPE
from slipway.cli.registries import resolver
from slipway.cli.schemas import Schemas
from slipway.domain.events import ImagePushed
from slipway.domain.model import sha256
from slipway.testing import Installation
from slipway.testing.artifacts import image, push_artifact
from tests.unit.bundle.samples import DEPLOYMENT, FILES, NO_PROGRAMS, write
from tests.unit.effects.supply_chain.attaching import People

APPLICATION = """\
application: {name}
project: team
source: bundle
bundle: {{ registry: nonprod, repository: team/{name}-bundle }}
start: {start}
{pipeline}
notify: [inbox]
environments:
  - name: staging
    clusters: [staging]
    namespace: shop-staging
    verification: {{ job: acceptance.yaml, within: 5m }}
  - name: production
    clusters: [production]
    namespace: shop
    gate: {{ kind: approval, approvers: [ada@example.com, ben@example.com], deadline: 24h }}
"""


REQUIRE = """\
    require: {{ cosign: {{ key: keys/cosign.pub }}, sbom: true, within: 1m }}
"""
PEOPLE = People()


class Ci:
    """The team's pipeline: builds images and bundles, and pushes them to the registry."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.installation, self._folder = installation, folder
        self.image_paths: dict[str, tuple[str, ...]] = {}
        self.places = {"staging": ("nonprod.test", "shop-staging"), "production": ("prod.test", "shop")}

    def image(self, tag: str) -> str:
        return push_artifact(self.installation.nonprod, "team/shop", image(f"shop {tag}".encode()), tag)

    def bundle(self, version: str, *, files: dict[str, str] | None = None, tag: str = "1.4.0") -> PackedBundle:
        folder = self._folder / version
        texts = FILES if files is None else files
        write(folder, {path: text.replace(":1.4.0", f":{tag}") for path, text in texts.items()})
        environments = {
            name: {"registry": registry, "namespace": namespace, "kubernetes": "1.34"}
            for name, (registry, namespace) in self.places.items()
        }
        document = {"v": 1, "application": "shop", "environments": environments, "image_paths": self.image_paths}
        targets = Targets.model_validate(document)
        options = BuildOptions(folder=folder, targets=targets, version=version, registry="nonprod.test")
        return build(options, resolver(self.installation.nonprod), NO_PROGRAMS, Schemas()).packed

    def push(self, bundle: PackedBundle, tag: str) -> None:
        """Push the bundle and report the push to the app."""
        self.upload(bundle, tag)
        self.report_push("team/shop-bundle", bundle.digest, tag)

    def upload(self, bundle: PackedBundle, tag: str) -> None:
        registry, repository = self.installation.nonprod, "team/shop-bundle"
        for blob in (bundle.layer, bundle.config):
            registry.put_blob(repository, sha256(blob), len(blob), partial(iter, [blob]))
        registry.put_manifest(repository, tag, bundle.manifest, MANIFEST_TYPE)

    def report_push(self, repository: str, digest: str, tag: str) -> None:
        """Deliver the event of a push to the app."""
        now = self.installation.now
        self.installation.app.door.take(
            ImagePushed(
                received_at=now, registry="nonprod", repository=repository, digest=digest, tag=tag, pushed_at=now
            )
        )
        self.installation.settle()


WITH_PROXY = DEPLOYMENT.replace(
    "      containers:", "      initContainers: [{ name: wait, image: team/proxy@DIGEST }]\n      containers:"
)


def with_two_images(ci: Ci) -> tuple[PackedBundle, str]:
    """A bundle with a second image, that of an init container; and this image's digest."""
    digest = push_artifact(ci.installation.nonprod, "team/proxy", image(b"proxy 2.0"), "2.0")
    texts = {path: WITH_PROXY.replace("DIGEST", digest) if text == DEPLOYMENT else text for path, text in FILES.items()}
    return ci.bundle("1.4.0", files=texts), digest
