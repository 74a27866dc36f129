"""`make push VERSION=1.2.3`: what CI does for a new version, against the stack that `make up` keeps running."""

import argparse
import json
import re
import sys

from .ci import Pipeline
from .ci.pipeline import HookRefused
from .images.push import PushError
from .up import STACK_FILE

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""What a registry takes for a tag."""


def _tag(text: str) -> str:
    if not TAG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a tag such as 1.2.3 (letters, digits, '.', '_', '-'), got {text!r}")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(prog="make push VERSION=1.2.3 ARGS=…", description=__doc__)
    parser.add_argument("--version", required=True, type=_tag, help="tag of the image")
    parser.add_argument("--variant", help="a folder in examples/hello-aks/variants to lay over the source: wrong-total")
    parser.add_argument("--only-image", action="store_true", help="push the image, but report no CI run")
    parser.add_argument("--result", default="succeeded", choices=("succeeded", "failed"), help="how the CI run ends")
    parser.add_argument(
        "--repository",
        default="hello",
        help="push the example's image there, for an application of your own; no CI run",
    )
    options = parser.parse_args()
    if not STACK_FILE.exists():
        print("Nothing is up here: run `make up` in another terminal first.", file=sys.stderr)
        return 1
    stack = json.loads(STACK_FILE.read_text())
    pipeline = Pipeline(
        app_url=stack["url"],
        hook_secret=stack["hook_secret"],
        registry=stack["registries"]["nonprod"],
        ci_password=stack["ci_password"],
        azure_devops=stack["azure_devops"],
        repository=options.repository,
    )
    try:
        run = pipeline.begin(f"Release {options.version}")
        image = pipeline.build(options.version, variant=options.variant, commit=run.commit)
        digest = pipeline.push(image, options.version, progress=lambda text: print(f"  {text}", file=sys.stderr))
        if not options.only_image and options.repository == "hello":
            pipeline.end(run, digest, result=options.result)
            pipeline.report(run, result=options.result)
    except (PushError, HookRefused, ValueError, OSError) as error:
        print(f"push: {error}", file=sys.stderr)
        return 1
    print(f"pushed {options.repository}:{options.version} as {digest}")
    print(f"see {stack['url']}, or: .venv/bin/slipway releases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
