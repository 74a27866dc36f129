"""A newcomer's own application, from an empty folder to production: with the commands of the page, and no others."""

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import urllib3

from local.identity import laptop
from local.person import Signer
from tests.docs.commands import ROOT, blocks_of
from tests.integration.system import until

pytestmark = pytest.mark.stack
PAGE = ROOT / "docs/how-to/add-an-application.md"
SECTION = "On your laptop"
WRITTEN = "cart"
"""The name of the application on the page."""
INSTALLED = (".venv", "local/azurite/node_modules", "local/identity/node_modules")
SECONDS = 120


@dataclass(frozen=True)
class Reader:
    """Somebody with a clone of the repository, who types what the page says, with a name of their own."""

    clone: Path
    name: str

    def blocks(self) -> list[str]:
        _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {SECTION}\n")
        section = rest.partition("\n## ")[0]
        commands = [block.body for block in blocks_of("the page", section) if block.language == "sh"]
        return [re.sub(rf"\b{WRITTEN}\b", self.name, body) for body in commands]

    def type(self, block: str) -> str:
        """What the lines of a block print."""
        done = subprocess.run(
            ["sh", "-e", "-c", block], cwd=self.clone, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def again(self, line: str, words: str) -> str:
        """Type a line until it prints the words, as somebody does who is told to wait some seconds."""
        return until(lambda: said if words in (said := self.type(line)) else None, f"{words!r} of {line}") or ""

    def confirmed(self, line: str, who: str) -> None:
        """Type a line that waits for a person, and be that person, at the address that it prints."""
        with subprocess.Popen(
            ["sh", "-e", "-c", line], cwd=self.clone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as waits:
            assert waits.stderr is not None
            address = next(found[0] for told in waits.stderr if (found := re.findall(r"http\S+/confirm/\S+", told)))
            Signer(oid=laptop().person(who).oid).confirm(address)
            assert waits.wait(SECONDS) == 0, waits.stderr.read()

    def inbox(self, stack: dict[str, Any]) -> str:
        """Follow the newest link of the inbox, as on its page; returns where it leads."""
        page = urllib3.request("GET", stack["inbox"], timeout=10).data.decode()
        return str(re.findall(r'href="([^"]+)">Release<', page)[0])


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """The clone has the files that git knows or would add; what was installed is linked."""
    clone, name = tmp_path / "clone", f"x{secrets.token_hex(4)}"
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for path in filter(None, listed.split("\0")):
        if (ROOT / path).is_file():
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, clone / path)
    for path in INSTALLED:
        (clone / path).symlink_to(ROOT / path)
    assert name not in "".join(path.read_text(errors="replace") for path in clone.rglob("*.md"))
    yield Reader(clone=clone, name=name)
    subprocess.run(["make", "down"], cwd=clone, capture_output=True, timeout=SECONDS, check=True)


def test_the_commands_of_the_page_bring_an_application_of_ones_own_into_production(reader: Reader) -> None:
    start, check, push, look, again, alone = reader.blocks()
    reader.type(start)
    reader.type(check)
    pushing, explain = push.strip().splitlines()
    reader.type(pushing)
    reader.again(explain, "waits in production")
    stack = json.loads((reader.clone / ".local/stack.json").read_text())
    ada = Signer(oid=laptop().person("Ada").oid)
    where, page = ada.read(reader.inbox(stack))
    (decision, *_) = re.findall(r'href="([^"]*/approvals/[^"]+)"', page)
    ada.decide(urljoin(where, decision), "approve")
    release, verify = look.strip().splitlines()
    reader.again(release, "completed")
    assert "intact" in reader.type(verify)
    assert _runs(stack, "production", reader.name) == {"2"}

    assert re.search(rf"{reader.name}.*production.*{reader.name}-1", reader.type(again), re.DOTALL)
    later = json.loads((reader.clone / ".local/stack.json").read_text())
    assert {name: later[name] for name in ("url", "registries", "inbox")} == {
        name: stack[name] for name in ("url", "registries", "inbox")
    }
    until(lambda: _runs(later, "production", reader.name) == {"2"}, "the pods run again")

    deployment = reader.clone.parent / reader.name / "manifests/deployment.yaml"
    deployment.write_text(deployment.read_text().replace("memory: 64Mi", "memory: 96Mi"))
    apply, create = alone.strip().splitlines()
    reader.type(apply)
    reader.confirmed(create, "Olu")
    reader.again(explain.replace("-1", "-2"), "waits in production")
    assert "96Mi" in _deployment(later, "staging", reader.name)
    reader.type(pushing.replace("0.1.0", "0.2.0"))
    reader.again(explain.replace("-1", "-3"), "waits in production")


def _runs(stack: dict[str, Any], cluster: str, name: str) -> set[str]:
    """How many pods of the Deployment are available."""
    return {str(json.loads(_deployment(stack, cluster, name))["status"].get("availableReplicas", 0))}


def _deployment(stack: dict[str, Any], cluster: str, name: str) -> str:
    """The Deployment as it is now, as somebody with a kubectl would ask for it."""
    url = f"{stack['clusters'][cluster]}/apis/apps/v1/namespaces/{name}-{cluster}/deployments/{name}"
    answer = urllib3.request("GET", url, headers={"Authorization": f"Bearer {stack['cluster_token']}"}, timeout=10)
    return answer.data.decode()
