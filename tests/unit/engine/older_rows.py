"""What an earlier version left, as files; `python -m tests.unit.engine.older_rows NAME` writes what this one leaves.

It is a release that waits in production for the second of two approvals: links are out, messages under way.
Write a file of the version that is released, before the shape of any row changes; never write one anew.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from slipway.ledger.table import Act, Write
from slipway.testing import ADA, DELIVERY, Installation, MemoryBlobs, write_delivery

FOLDER = Path(__file__).parent / "older"
APPLICATION = "shop"
TWO_APPROVERS = DELIVERY.replace("kind: approval, approvers", "kind: approval, required: 2, approvers")


def left_behind(folder: Path) -> dict[str, Any]:
    """A release that waits, as JSON: the delivery's files, the rows, the documents, the queued messages, the clock."""
    assert "required: 2" in TWO_APPROVERS
    home = write_delivery(folder, APPLICATION, text=TWO_APPROVERS)
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle()
    installation.vote(1, ADA)
    installation.settle()
    blobs = installation.blobs
    assert isinstance(blobs, MemoryBlobs)
    rows = installation.app.table.rows(APPLICATION, "", "~")
    digests = {rollout.plan_hash for rollout in installation.release(1).rollouts if rollout.plan_hash}
    return {
        "files": {str(path.relative_to(home)): path.read_text() for path in sorted(home.rglob("*")) if path.is_file()},
        "rows": {row.key: dict(row.values) for row in rows},
        "documents": [(blobs.get(digest) or b"").decode() for digest in sorted(digests)],
        "messages": [message.model_dump(mode="json") for message in installation.bus.sent],
        "now": installation.now.isoformat(),
        "tokens": installation.inbox.tokens(),
    }


def put_back(left: dict[str, Any], installation: Installation) -> None:
    """The rows and documents into an installation of today."""
    for start in range(0, len(left["rows"]), 90):
        part = list(left["rows"].items())[start : start + 90]
        writes = [Write(act=Act.CREATE, key=key, values=values) for key, values in part]
        installation.app.table.transact(APPLICATION, writes)
    for document in left["documents"]:
        installation.blobs.put(document.encode(), "application/json")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        text = json.dumps(left_behind(Path(name)), indent=1, sort_keys=True, ensure_ascii=False)
    (FOLDER / f"{sys.argv[1]}.json").write_text(text + "\n", encoding="utf-8")
