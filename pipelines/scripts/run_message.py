"""Compose the message with which a run tells Slipway how it ended: `slipway.pipeline-completed/v1`, as an output.

The run's own facts come from the variables that every job has (BUILD_…, SYSTEM_…). RESULTS has the results of the jobs
that came before; IMAGE_REPOSITORY, IMAGE_DIGEST and IMAGE_TAG say what was pushed, the last two only if anything was.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from logging_commands import fail, set_output, setting

TYPE = "slipway.pipeline-completed/v1"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
ORGANIZATION = re.compile(r"https://(?:dev\.azure\.com/([^/]+)|([A-Za-z0-9-]+)\.visualstudio\.com)")
RESULTS = {
    "Succeeded": "succeeded",
    "SucceededWithIssues": "partiallySucceeded",
    "Failed": "failed",
    "Skipped": "failed",  # skipped because something before it failed; what was left out altogether has no result
    "Canceled": "canceled",
}
WORST_FIRST = ("canceled", "failed", "partiallySucceeded", "succeeded")
PLAIN = re.compile(r'[^A-Za-z0-9 {}":,./\\@_=+?-]')


def overall(results: str) -> str:
    """The result of a run whose jobs ended like this: as good as the worst of them."""
    known = [RESULTS.get(name) for name in map(str.strip, results.split(",")) if name and not name.startswith("$(")]
    if not known or None in known:
        fail(f"RESULTS: expected names among {', '.join(RESULTS)}, got {results!r}")
    return next(result for result in WORST_FIRST if result in known)


def organization_of(collection: str) -> str:
    match = ORGANIZATION.match(collection)
    if not match:
        fail(f"SYSTEM_COLLECTIONURI: expected the address of an organization, got {collection!r}")
    return match[1] or match[2]


def image() -> dict[str, str]:
    """What the run built, as far as it came."""
    facts = {"repository": setting("IMAGE_REPOSITORY")}
    if tag := setting("IMAGE_TAG", ""):
        facts["tag"] = tag
    if digest := setting("IMAGE_DIGEST", ""):
        if not DIGEST.fullmatch(digest):
            fail(f"IMAGE_DIGEST: expected sha256:<64 hex>, got {digest!r}")
        facts["digest"] = digest
    return facts


def compose(now: datetime) -> dict[str, Any]:
    collection, project, run = setting("SYSTEM_COLLECTIONURI"), setting("SYSTEM_TEAMPROJECT"), setting("BUILD_BUILDID")
    if not run.isdecimal():
        fail(f"BUILD_BUILDID: expected a number, got {run!r}")
    built = image()
    message: dict[str, Any] = {
        "type": TYPE,
        "organization": organization_of(collection),
        "project": project,
        "pipeline": setting("BUILD_DEFINITIONNAME"),
        "runId": int(run),
        "runNumber": setting("BUILD_BUILDNUMBER"),
        "result": overall(setting("RESULTS")),
        "branch": setting("BUILD_SOURCEBRANCH"),
        "commit": setting("BUILD_SOURCEVERSION"),
        "requestedBy": setting("BUILD_REQUESTEDFOREMAIL", ""),
        "projectId": setting("SYSTEM_TEAMPROJECTID", ""),
        "finishedAt": now.isoformat(timespec="seconds"),
        "image": built,
    }
    if message["result"] == "succeeded" and "digest" not in built:
        fail("IMAGE_DIGEST: expected the digest of the image that a successful run pushed, got none")
    return message


def inert(message: dict[str, Any]) -> str:
    r"""The message as JSON in one line that means nothing to anything on its way.

    A branch may be called `$(password)`, `100%0A` or `##vso[…]`. Whatever is neither JSON's own sign nor harmless is
    written as `\u….`, so that variables, escapes and commands inside of it stay text.
    """
    text = json.dumps(message, ensure_ascii=True, separators=(",", ":"))
    return PLAIN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


if __name__ == "__main__":
    set_output("message", inert(compose(datetime.now(UTC))))
