"""The example with a gate that counts proved approvals alone, for the story in which Ada signs her vote."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import yaml

from local.identity import laptop
from local.stack.options import EXAMPLE

PERSON = laptop().person("Ada")
GATE = {
    "kind": "approval",
    "approvers": [f"oid:{PERSON.oid}"],
    "level": "signed",
    "fresh": "5m",
    "deadline": "24h",
}
"""Ada, who must have signed in within the last five minutes, and whose token proves what she said."""


@contextmanager
def signed_votes() -> Iterator[Path]:
    """A folder with the example, in which production has this gate."""
    with tempfile.TemporaryDirectory(prefix="slipway-example-") as name:
        folder = Path(name)
        copytree(EXAMPLE, folder, dirs_exist_ok=True)
        file = folder / "application.yaml"
        application = yaml.safe_load(file.read_text(encoding="utf-8"))
        application["environments"][-1]["gate"] = GATE
        application["people"] = {PERSON.oid: {"name": PERSON.name, "mail": PERSON.mail}}
        file.write_text(yaml.safe_dump(application, sort_keys=False), encoding="utf-8")
        yield folder
