"""The example as a team that delivers bundles has it: staging may start on a message's word, production needs a
proof."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from local.identity import laptop
from local.stack.options import EXAMPLE

ADA, BEN = laptop().person("Ada"), laptop().person("Ben")
BUNDLES = "hello-bundle"
"""The repository of the bundles."""
VALIDATION = {"kind": "approval", "approvers": [f"oid:{BEN.oid}"], "level": "queue", "deadline": "24h"}
"""Ben, on whose behalf a bot may vote."""
GATE = {"kind": "approval", "approvers": [f"oid:{ADA.oid}"], "level": "signed", "fresh": "5m", "deadline": "24h"}
"""Ada, who must have signed in within the last five minutes, and whose token proves her vote."""


@contextmanager
def bundle_folder() -> Iterator[Path]:
    """A folder with the application and its project."""
    with _written_folder(VALIDATION, GATE) as folder:
        yield folder


@contextmanager
def attacked_folder() -> Iterator[Path]:
    """The same for the attacks on its gates: staging needs no approval, and Ben may approve as well as Ada."""
    with _written_folder({"kind": "auto"}, GATE | {"approvers": [f"oid:{ADA.oid}", f"oid:{BEN.oid}"]}) as folder:
        yield folder


@contextmanager
def _written_folder(validation: dict[str, Any], gate: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slipway-example-") as name:
        folder = Path(name)
        _write(folder / "application.yaml", _application(_read("application.yaml"), validation, gate))
        _write(folder / "project.yaml", _project(_read("project.yaml")))
        yield folder


def _application(of_images: dict[str, Any], validation: dict[str, Any], gate: dict[str, Any]) -> dict[str, Any]:
    """The example's application, whose manifests are in the bundle instead."""
    image = of_images.pop("image")
    staging, production = (_environment(environment) for environment in of_images["environments"])
    staging |= {"gate": validation, "verification": staging["verification"] | {"job": "acceptance.yaml"}}
    production |= {"gate": gate}
    del of_images["pipeline"]["tag"]  # it gives the image's tag; here, the run publishes which bundle it built
    return of_images | {
        "source": "bundle",
        "bundle": {"registry": image["registry"], "repository": BUNDLES},
        "people": {person.oid: {"name": person.name, "mail": person.mail} for person in (ADA, BEN)},
        "environments": [staging, production],
    }


def _environment(of_images: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in of_images.items() if name not in ("substitutions", "manifests")}


def _project(of_images: dict[str, Any]) -> dict[str, Any]:
    return of_images | {"repositories": [*of_images["repositories"], BUNDLES]}


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8"))
    return document


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
