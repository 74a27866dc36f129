"""A person with a clone of the repository who types the lines of a page, with an application name of their own."""

import difflib
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import urllib3

from local.identity import laptop
from local.person import Signer
from tests.docs.commands import ROOT, Block, blocks_of
from tests.integration.system import until

WRITTEN = "cart"
"""The name of the application on the pages."""
INSTALLED = (".venv", "local/azurite/node_modules", "local/identity/node_modules")
SECONDS = 120


@dataclass(frozen=True)
class Reader:
    """A reader of the docs: their clone, and the name of their application."""

    clone: Path
    name: str

    def blocks(self, page: Path, section: str) -> list[Block]:
        """The blocks to type under a heading of the page: commands, and files, whose titles are their paths."""
        _, _, following = page.read_text(encoding="utf-8").partition(f"\n## {section}\n")
        text = re.sub(rf"\b{WRITTEN}\b", self.name, following.partition("\n## ")[0])
        return [block for block in blocks_of(page.name, text) if block.language == "sh" or "/" in block.title]

    def type(self, block: str) -> str:
        """Type the lines of a block; returns their output."""
        process = self._run_block(block)
        assert process.returncode == 0, f"{block}\n{process.stdout}\n{process.stderr}"
        return process.stdout

    def _run_block(self, block: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e", "-c", block], cwd=self.clone, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def edit(self, block: Block) -> int:
        """Write a file as the page has it. Returns how many of its lines had to be typed."""
        file = self.clone / block.title
        before, after = file.read_text().splitlines(), block.body.splitlines()
        file.write_text(block.body)
        return sum(line.startswith("+ ") for line in difflib.ndiff(before, after))

    def type_until(self, line: str, words: str) -> str:
        """Type a line again and again until it prints the words, as a person does who has to wait some seconds. Until
        then it may also say that there is no such release yet."""

        def matching_output() -> str | None:
            process = self._run_block(line)
            return process.stdout if process.returncode == 0 and words in process.stdout else None

        return until(matching_output, f"{words!r} of {line}") or ""

    def approve(self) -> str:
        """Follow the newest link of the inbox, sign in as Ada and approve, as the pages say. Returns the page on which
        Ada decides."""
        ada = Signer(oid=laptop().person("Ada").oid)
        inbox = urllib3.request("GET", self.stack["inbox"], timeout=10).data.decode()
        where, page = ada.read(re.findall(r'href="([^"]+)">Release<', inbox)[0])
        (decision, *_) = re.findall(r'href="([^"]*/approvals/[^"]+)"', page)
        _, decision_page = ada.read(urljoin(where, decision))
        ada.decide(urljoin(where, decision), "approve")
        return decision_page

    def confirmed(self, line: str, who: str) -> None:
        """Type a line that waits for a confirmation, and confirm as this person at the address that it prints."""
        with subprocess.Popen(
            ["sh", "-e", "-c", line], cwd=self.clone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as waits:
            assert waits.stderr is not None
            address = next(
                addresses[0] for output in waits.stderr if (addresses := re.findall(r"http\S+/confirm/\S+", output))
            )
            Signer(oid=laptop().person(who).oid).confirm(address)
            assert waits.wait(SECONDS) == 0, waits.stderr.read()

    @property
    def stack(self) -> dict[str, Any]:
        """The parts that `make up` keeps running."""
        parts: dict[str, Any] = json.loads((self.clone / ".local/stack.json").read_text())
        return parts

    def in_cluster(self, cluster: str, path: str) -> Any:
        """The cluster's response about a namespace of the application, as somebody with kubectl would get it."""
        stack = self.stack
        url = stack["clusters"][cluster] + path.replace("NAMESPACE", f"namespaces/{self.name}-{cluster}")
        headers = {"Authorization": f"Bearer {stack['cluster_token']}"}
        return urllib3.request("GET", url, headers=headers, timeout=10).json()

    def deployment(self, cluster: str, name: str) -> Any:
        return self.in_cluster(cluster, f"/apis/apps/v1/NAMESPACE/deployments/{name}")

    def runs(self, cluster: str, name: str) -> int:
        """How many pods of a Deployment are available."""
        return int(self.deployment(cluster, name)["status"].get("availableReplicas", 0))


@contextmanager
def newcomer(folder: Path) -> Iterator[Reader]:
    """A clone with the files that git knows or would add, and links to what was installed."""
    clone, name = folder / "clone", f"x{secrets.token_hex(4)}"
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for path in filter(None, listed.split("\0")):
        if (ROOT / path).is_file():
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, clone / path)
    for path in INSTALLED:
        (clone / path).symlink_to(ROOT / path)
    assert not any(name in path.read_text(errors="replace") for path in clone.rglob("*.md"))
    with pytest.MonkeyPatch.context() as shell:
        shell.delenv("MAKEFLAGS", raising=False)  # the ARGS of the make that runs the tests are not the newcomer's
        try:
            yield Reader(clone=clone, name=name)
        finally:
            subprocess.run(["make", "down"], cwd=clone, capture_output=True, timeout=SECONDS, check=True)
