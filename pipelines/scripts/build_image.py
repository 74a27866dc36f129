"""Build the image for every platform, push it with its SBOM, and say which digest it has.

Runs inside `AzureCLI@2`, signed in by workload identity; `az acr login` turns that into the registry's own short-lived
token. Settings come as environment variables (see `main`). Outputs: `tag`, `digest`.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from logging_commands import add_build_tag, fail, set_output, setting, show_command

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REGISTRY = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+(?::[0-9]+)?")
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9]+(?:/v[0-9]+)?")
ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
LONGEST_TAG = 128
MACHINES = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}


def tag_from(text: str) -> str:
    """The text as a tag: `2026.11.23+4` becomes `2026.11.23-4`."""
    tag = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip(".-")[:LONGEST_TAG]
    return tag or fail(f"TAG: expected letters, digits, dots or dashes, got {text!r}")


def fitting(name: str, pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        fail(f"{name}: expected {pattern.pattern}, got {value!r}")
    return value


def build_arguments(text: str, tag: str) -> list[str]:
    """`NAME=value` each, from a JSON list; `{tag}` is filled in."""
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        fail(f"BUILD_ARGUMENTS: expected a list of NAME=value, got {text!r}")
    return [fitting("BUILD_ARGUMENTS", ARGUMENT, item.replace("{tag}", tag)) for item in given]


def run(*command: str) -> str:
    """A program's standard output. What it says on standard error goes to the log as it comes."""
    show_command(shlex.join(command))
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - no shell
    except FileNotFoundError:
        fail(f"{command[0]}: expected the program on this machine, found none")
    except subprocess.CalledProcessError as error:
        fail(f"{shlex.join(command[:3])} ended with status {error.returncode}")


def object_from(what: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        fail(f"{what}: expected JSON, got {text[:80]!r}")
    return value if isinstance(value, dict) else {}


def prepare_builder(platforms: list[str], buildkit: str) -> None:
    """A builder that can write an index of several platforms, which Docker's own cannot."""
    if set(platforms) - {MACHINES.get(os.uname().machine)}:
        # From Ubuntu's archive, and not a privileged container from somewhere: it registers itself with the kernel.
        run("sudo", "apt-get", "update", "--quiet")
        run("sudo", "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "qemu-user-static")
    run("docker", "buildx", "create", "--use", "--driver", "docker-container", "--driver-opt", f"image={buildkit}")


def build_and_push(image: str, tag: str, platforms: list[str]) -> str:
    """The digest of the index that was pushed."""
    arguments = build_arguments(setting("BUILD_ARGUMENTS", "[]"), tag)
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        run(
            "docker", "buildx", "build",
            "--platform", ",".join(platforms),
            "--file", setting("DOCKERFILE"),
            "--tag", f"{image}:{tag}",
            *(part for argument in arguments for part in ("--build-arg", argument)),
            "--label", f"org.opencontainers.image.version={tag}",
            "--label", f"org.opencontainers.image.revision={setting('BUILD_SOURCEVERSION')}",
            "--label", f"org.opencontainers.image.source={setting('BUILD_REPOSITORY_URI')}",
            "--attest", f"type=sbom,generator={setting('SBOM_IMAGE')}",
            "--provenance=mode=min",  # mode=max would write the build arguments into the image
            "--metadata-file", str(metadata),
            "--push",
            setting("CONTEXT"),
        )  # fmt: skip
        written = object_from("metadata of the build", metadata.read_text(encoding="utf-8"))
    return fitting("containerimage.digest", DIGEST, str(written.get("containerimage.digest")))


def sbom_of(reference: str, platforms: list[str]) -> dict[str, Any]:
    """The SBOM of each platform, read back from the registry: what was not pushed cannot be copied."""
    text = run("docker", "buildx", "imagetools", "inspect", reference, "--format", "{{json .SBOM}}")
    found = object_from("SBOM", text)
    by_platform = {platforms[0]: found} if "SPDX" in found else found
    missing = [platform for platform in platforms if not by_platform.get(platform, {}).get("SPDX")]
    if missing:
        fail(f"SBOM: expected one for each platform, got none for {', '.join(missing)}")
    return {platform: by_platform[platform]["SPDX"] for platform in platforms}


def main() -> None:
    registry = fitting("REGISTRY", REGISTRY, setting("REGISTRY"))
    image = f"{registry}/{fitting('REPOSITORY', REPOSITORY, setting('REPOSITORY'))}"
    tag = tag_from(setting("TAG"))
    platforms = [fitting("PLATFORMS", PLATFORM, platform) for platform in setting("PLATFORMS").split(",")]
    run("az", "acr", "login", "--name", registry.split(".")[0], "--only-show-errors")
    prepare_builder(platforms, setting("BUILDKIT_IMAGE"))
    digest = build_and_push(image, tag, platforms)
    # Said at once: where something fails from here on, the report names the image that must not be released.
    set_output("tag", tag)
    set_output("digest", digest)
    Path(setting("SBOM_FILE")).write_text(json.dumps(sbom_of(f"{image}@{digest}", platforms)), encoding="utf-8")
    add_build_tag(f"image-{tag}")
    add_build_tag(digest.replace(":", "-"))
    sys.stdout.write(f"pushed {image}:{tag} as {digest}\n")


if __name__ == "__main__":
    main()
