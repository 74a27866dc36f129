"""`slipway evidence`: a kept document, checked against the hash that the audit trail names."""

import base64
import json
import sys
from contextlib import suppress
from typing import Any

import click

from slipway.domain.model import sha256

from ..api import Api
from ..console import CliConsole
from ..errors import CliError, Exit
from ..options import DigestType, connected
from ..options import as_json as json_option


@click.command()
@click.argument("digest", type=DigestType())
@json_option
@connected
def evidence(api: Api, *, digest: str, as_json: bool) -> None:
    """Print a stored document (a plan, a log) by its hash, as releases and audit records name it.

    The command computes the hash of what the app sends, and prints nothing if it differs. In a pipe the document is
    written byte for byte; on a terminal JSON is indented and control characters are escaped. With --json it is part of
    an object, as `document` if it is JSON, else as `text` or `base64`.

    \b
    Examples:
      slipway evidence sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      slipway evidence $(slipway release shop-482 --json | jq -r .plan_hash) | jq .manifests
    """
    content = api.document(digest)
    if (actual := sha256(content)) != digest:
        raise CliError(
            f"the document is not the one that was kept: its hash is {actual}, expected {digest}",
            exit_code=Exit.BROKEN,
            expected=digest,
            got=actual,
        )
    console = CliConsole()
    if as_json:
        console.json({"digest": digest, "size": len(content), **_parsed(content)})
    elif not console.terminal:
        sys.stdout.buffer.write(content)
    elif (document := _parsed(content).get("document")) is not None:
        console.document(document)
    else:
        console.text(content.decode("utf-8", "backslashreplace"))


def _parsed(content: bytes) -> dict[str, Any]:
    """The content as `document` if it is JSON, else as `text`, else as `base64`."""
    with suppress(ValueError, RecursionError):
        return {"document": json.loads(content)}
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}
