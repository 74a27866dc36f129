"""Build the bundle with the images that were just pushed, push it, and say which digest it has.

Runs inside `AzureCLI@2`, signed in by workload identity, which Slipway's command takes for Azure's registries. Settings
come as environment variables (see `main`). Outputs: `tag`, `digest`.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from build_image import DIGEST, REGISTRY, REPOSITORY, fitting, object_from, tag_from
from logging_commands import add_build_tag, fail, set_output, setting, show_command

MORE = "MORE_IMAGE_"
PINNED = re.compile(f"{REPOSITORY.pattern}@{DIGEST.pattern}")


def images(text: str) -> list[str]:
    """References of further images, from a JSON list. The command checks how they are written."""
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, list) or not all(isinstance(item, str) and not item.startswith("-") for item in given):
        fail(f"IMAGES: expected a list of repository:tag, got {text[:200]!r}")
    return given


def pushed_beside() -> list[str]:
    """The further images of this run, by digest: `MORE_IMAGE_<name>` each."""
    references = [value for name, value in sorted(os.environ.items()) if name.startswith(MORE)]
    return [fitting(MORE, PINNED, reference) for reference in references]


def slipway(*arguments: str) -> None:
    """Run the command; what it says, problems with file and line above all, goes to the log as it comes."""
    command = ["slipway", "bundle", *arguments]
    show_command(shlex.join(command))
    try:
        subprocess.run(command, check=True)  # noqa: S603 - no shell
    except FileNotFoundError:
        fail("slipway: expected the command on this machine, found none")
    except subprocess.CalledProcessError as error:
        fail(f"{shlex.join(command[:3])} ended with status {error.returncode}")


def main() -> None:
    registry = fitting("REGISTRY", REGISTRY, setting("REGISTRY"))
    repository = fitting("REPOSITORY", REPOSITORY, setting("REPOSITORY"))
    image = fitting("IMAGE_REPOSITORY", REPOSITORY, setting("IMAGE_REPOSITORY"))
    digest = fitting("IMAGE_DIGEST", DIGEST, setting("IMAGE_DIGEST"))
    tag = tag_from(setting("TAG"))
    folder, output, record = Path(setting("BUNDLE_FOLDER")), setting("OUTPUT"), Path(setting("RECORD"))
    named = [f"{image}@{digest}", *pushed_beside(), *images(setting("IMAGES", "[]"))]
    given = [argument for reference in named for argument in ("--image", reference)]
    targets = ("--targets", str(folder / "targets.json"))
    slipway("build", str(folder), "--version", tag, "--registry", registry, *targets, "--output", output, *given)
    slipway("push", output, f"{registry}/{repository}", "--record", str(record))
    written = object_from("what was pushed", record.read_text(encoding="utf-8"))
    pushed = fitting("digest", DIGEST, str(written.get("digest")))
    set_output("tag", tag)
    set_output("digest", pushed)
    add_build_tag(f"bundle-{tag}")
    add_build_tag(pushed.replace(":", "-"))
    sys.stdout.write(f"pushed {registry}/{repository}:{tag} as {pushed}\n")


if __name__ == "__main__":
    main()
