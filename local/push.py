"""`make push VERSION=1.2.3 [APP=shop SOURCE=folder]`: does what CI does for a new version, against the stack that
`make up` started. The application's configuration names the repository and the pipeline, and says whether CI pushes
one image, or a bundle of several."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import urllib3

from slipway.domain.model import NAME_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN

from .ci import BundleStage, Pipeline, RunFacts
from .ci.pipeline import HookRefused
from .images.layers import SourceError
from .images.push import PushError
from .process import ROOT
from .stack.options import EXAMPLE
from .stack.places import NamespaceMaker, NamespaceRefused, application_in_force, namespaces_named_by
from .up import STACK_FILE

PROJECT = "shop"
"""The only project in the local Azure DevOps."""
NOT_FOUND = 404
TOOLS = ROOT / ".local" / "tools"
"""The folder into which `make helm` and `make kustomize` build."""
DEPLOY, IMAGES = "deploy", "images"
"""The folders of a source that is delivered as a bundle: its manifests, and one folder for each image."""


class CannotPush(Exception):  # noqa: N818
    """It cannot be pushed like that; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the image or bundle is pushed, and the pipeline that is reported to have built it."""

    repository: str
    pipeline: str | None = None
    is_bundle: bool = False

    def beside(self, image: str) -> str:
        """The repository of one of the bundle's images."""
        return "/".join([*self.repository.split("/")[:-1], image])


def main() -> int:
    options = _options()
    if not STACK_FILE.exists():
        print("Nothing is up here: run `make up` first.", file=sys.stderr)
        return 1
    stack = json.loads(STACK_FILE.read_text())
    try:
        target = Target(repository=options.repository) if options.repository else _target(stack, options.app)
        digest = _push(stack, target, options)
    except (CannotPush, PushError, SourceError, HookRefused, NamespaceRefused) as error:
        print(f"push: {error}", file=sys.stderr)
        return 1
    except (ValueError, OSError, urllib3.exceptions.HTTPError) as error:
        print(f"push: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"pushed {target.repository}:{options.version} as {digest}")
    print(f"see {stack['url']}, or: .venv/bin/slipway releases")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make push VERSION=1.2.3 ARGS=…", description=__doc__)
    parser.add_argument("--version", required=True, type=_matching(TAG_PATTERN, "a tag such as 1.2.3"))
    parser.add_argument("--app", default="hello", type=_matching(NAME_PATTERN, "the name of an application"))
    parser.add_argument(
        "--source",
        type=Path,
        default=EXAMPLE,
        help="folder whose app/ is the image's /app, with server.py in it; for a bundle a folder with one of these for "
        "each image in images/, which are pushed beside the bundle, and the input of `slipway bundle build` in deploy/",
    )
    parser.add_argument("--variant", help="a folder in variants/ of the source to lay over it, such as wrong-total")
    parser.add_argument("--only-image", action="store_true", help="push the image, but report no CI run")
    parser.add_argument("--result", default="succeeded", choices=("succeeded", "failed"), help="how the CI run ends")
    parser.add_argument(
        "--repository",
        type=_matching(REPOSITORY_PATTERN, "a repository such as team/shop"),
        help="push there, whatever application it belongs to, and report no CI run: an image of a bundle",
    )
    return parser.parse_args()


def _matching(pattern: str, what: str) -> Any:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
        return text

    return check


def _target(stack: dict[str, Any], name: str) -> Target:
    """Where to push the application in force, whose namespaces exist after this. Raises `CannotPush`,
    `NamespaceRefused`."""
    application = _application_in_force(stack, name)
    artifact = application.get("image") or application["bundle"]
    if artifact["registry"] != "nonprod":
        raise CannotPush(f"{name} is pushed to the registry {artifact['registry']}: here, CI may push to nonprod only")
    run = application.get("pipeline") or {}
    if run and run.get("project") != PROJECT:
        project = run.get("project")
        raise CannotPush(
            f"{name} is built in the project {project}: here, Azure DevOps has only the project {PROJECT}; write "
            f"`project: {PROJECT}` under `pipeline` in its application.yaml, and apply it again"
        )
    if run and not run.get("name"):
        raise CannotPush(f"{name} names its pipeline only by number: add its name to `pipeline`")
    NamespaceMaker(clusters=stack["clusters"], token=stack["cluster_token"]).make(namespaces_named_by(application))
    return Target(repository=artifact["repository"], pipeline=run.get("name"), is_bundle="bundle" in application)


def _application_in_force(stack: dict[str, Any], name: str) -> dict[str, Any]:
    headers = {"x-functions-key": stack["key"]}
    url = f"{stack['url']}/api/v1/catalogue/application/{name}"
    response = urllib3.request("GET", f"{url}/files", headers=headers, retries=False, timeout=10)
    if response.status == NOT_FOUND:
        raise CannotPush(f"no application {name} is in the catalogue: apply it with `slipway apply -f FOLDER`")
    if response.status != 200:
        raise CannotPush(f"the app responded with {response.status} to a request for {name}")
    return application_in_force(response.json(), name)


def _push(stack: dict[str, Any], target: Target, options: argparse.Namespace) -> str:
    pipeline = Pipeline(
        app_url=stack["url"],
        hook_secret=stack["hook_secret"],
        registry=stack["registries"]["nonprod"],
        ci_password=stack["ci_password"],
        azure_devops=stack["azure_devops"],
        repository=target.repository,
        name=target.pipeline or "none",
        source=options.source,
    )
    sources = _sources(target, options)
    run = None if options.only_image or not target.pipeline else pipeline.begin(f"Release {options.version}")
    try:
        digest, published = _build_and_push(stack, target, options, pipeline=pipeline, sources=sources, run=run)
    except (CannotPush, PushError):
        if run:
            pipeline.end(run, None, result="failed")
            pipeline.report(run, result="failed")
        raise
    if run:
        pipeline.end(run, digest, result=options.result, published=published)
        pipeline.report(run, result=options.result)
    return digest


def _build_and_push(
    stack: dict[str, Any],
    target: Target,
    options: argparse.Namespace,
    *,
    pipeline: Pipeline,
    sources: dict[str, Path],
    run: RunFacts | None,
) -> tuple[str, dict[str, Any] | None]:
    """Build and push; returns the digest and, for a bundle, the document that the run publishes. Raises `CannotPush`,
    `PushError`."""
    digest = ""
    for repository, source in sources.items():
        image_pipeline = replace(pipeline, repository=repository, source=source)
        image = image_pipeline.build(options.version, variant=options.variant, commit=run.commit if run else None)
        digest = image_pipeline.push(image, options.version, progress=lambda text: print(f"  {text}", file=sys.stderr))
    if not target.is_bundle:
        return digest, None
    published = _push_bundle(stack, target, options, [f"{repository}:{options.version}" for repository in sources])
    return str(published["digest"]), published


def _sources(target: Target, options: argparse.Namespace) -> dict[str, Path]:
    """The folder of each image, by its repository. Raises `CannotPush`."""
    source: Path = options.source
    if not target.is_bundle:
        if not (source / "app" / "server.py").is_file():
            raise CannotPush(f"{source}: expected a folder with app/server.py, which the image starts, found none")
        return {target.repository: source}
    if options.variant:
        raise CannotPush("--variant: expected none, since a variant is of one image, and this is a bundle")
    programs = sorted((source / IMAGES).glob("*/app/server.py"))
    if not programs or not (source / DEPLOY).is_dir():
        expected = f"{IMAGES}/NAME/app/server.py for each image, and {DEPLOY}/ to build the bundle from"
        raise CannotPush(f"{source}: it is delivered as a bundle; expected {expected}, as `slipway new --chart` writes")
    return {target.beside(program.parents[1].name): program.parents[1] for program in programs}


def _push_bundle(
    stack: dict[str, Any], target: Target, options: argparse.Namespace, images: list[str]
) -> dict[str, Any]:
    """Build and push the bundle; returns the document that the run publishes. Raises `CannotPush`."""
    with tempfile.TemporaryDirectory(prefix="slipway-push-") as name:
        stage = BundleStage(
            run_command=partial(_run_command, stack, Path(name)),
            folder=Path(name),
            registry=stack["registries"]["nonprod"],
        )
        stage.build(options.app, (options.source / DEPLOY).resolve(), options.version, images)
        return stage.push(target.repository)


def _run_command(stack: dict[str, Any], folder: Path, *arguments: str) -> None:
    """Run a command of the pipeline. Raises `CannotPush`."""
    environment = {
        "PATH": os.pathsep.join([str(TOOLS), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "SLIPWAY_URL": stack["url"],
        "SLIPWAY_KEY": stack["key"],
        "SLIPWAY_REGISTRY_USER": "ci",
        "SLIPWAY_REGISTRY_PASSWORD": stack["ci_password"],
    }
    command = [sys.executable, "-m", "slipway.cli", *arguments]
    process = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    for line in process.stdout.splitlines():
        print(f"  {line}", file=sys.stderr)
    if process.returncode:
        raise CannotPush(f"slipway {' '.join(arguments[:2])} ended with {process.returncode}: {process.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
