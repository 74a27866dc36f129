"""`python -m local.images --source examples/hello-aks --repository hello --tag 1.2.3 --registry URL`: build and push.

Progress goes to standard error; standard output gets one line of JSON for scripts.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from slipway.domain.model import NAME_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN

from .image import build
from .layers import SourceError
from .push import Credentials, PushError, push


def main() -> int:
    arguments = _arguments()
    try:
        credentials = _credentials(arguments)
        image = build(
            arguments.source,
            version=arguments.version or arguments.tag,
            variant=arguments.variant or "",
            revision=arguments.revision,
            source=arguments.source_url,
        )
        pushed = push(
            image,
            registry_url=arguments.registry,
            repository=arguments.repository,
            tag=arguments.tag,
            credentials=credentials,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (SourceError, PushError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(asdict(pushed)), flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.images", description="Build and push a small OCI image.")
    parser.add_argument("--source", type=Path, required=True, help="folder with the application's files in app/")
    parser.add_argument("--repository", type=_matching(REPOSITORY_PATTERN), required=True)
    parser.add_argument("--tag", type=_matching(TAG_PATTERN), required=True)
    parser.add_argument("--registry", type=_matching(r"^https?://[^\s@]+$"), required=True, help="its URL")
    parser.add_argument("--version", help="APP_VERSION in the image; by default the tag")
    parser.add_argument("--variant", type=_matching(NAME_PATTERN), help="folder of variants/ to lay over app/")
    parser.add_argument("--revision", default="", help="commit that the image was built from")
    parser.add_argument("--source-url", default="", help="repository that the image was built from")
    parser.add_argument("--user", help="who pushes")
    parser.add_argument("--password-env", metavar="NAME", help="environment variable that holds the password")
    arguments = parser.parse_args()
    if bool(arguments.user) != bool(arguments.password_env):
        parser.error("--user and --password-env: expected both or neither")
    if arguments.password_env and arguments.password_env not in os.environ:
        parser.error(f"--password-env: the environment variable {arguments.password_env} is not set")
    return arguments


def _matching(pattern: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"expected text like {pattern}, got {text!r}")
        return text

    return check


def _credentials(arguments: argparse.Namespace) -> Credentials | None:
    if not arguments.user:
        return None
    return Credentials(user=arguments.user, password=os.environ[arguments.password_env])


if __name__ == "__main__":
    sys.exit(main())
