"""Say in the run itself what it published: a document that names image or bundle by digest, which Slipway reads there.

A message or a hook only tells Slipway to look. The document is attached to the record of this very step, and counts for
that reason. Of a bundle it is RECORD, the file that `slipway bundle push` wrote. Of an image it is made here: REGISTRY
and REPOSITORY are the template's parameters, IMAGE_DIGEST comes from the step that pushed, FOLDER is where it is put.
"""

import json
import re
from pathlib import Path

from logging_commands import attach, fail, setting

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def document() -> dict[str, object]:
    """The document of `docs/reference/formats.md`, version 1."""
    digest = setting("IMAGE_DIGEST")
    if not DIGEST.fullmatch(digest):
        fail(f"IMAGE_DIGEST: expected sha256:<64 hex>, got {digest!r}")
    return {
        "v": 1,
        "kind": "image",
        "registry": setting("REGISTRY"),
        "repository": setting("REPOSITORY"),
        "digest": digest,
        "images": [],
        "tool": "slipway pipelines",
    }


if __name__ == "__main__":
    if record := setting("RECORD", ""):
        file = Path(record)
    else:
        file = Path(setting("FOLDER")) / "slipway.json"
        file.write_text(json.dumps(document(), sort_keys=True) + "\n", encoding="utf-8")
    attach("slipway", file)
