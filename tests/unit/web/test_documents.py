"""Kept documents: plans and logs as plain text, by their hash and nothing else."""

import json

import pytest

from slipway.domain.errors import NotFound
from slipway.domain.model import sha256
from slipway.domain.release import Evidence
from slipway.ledger import LedgerUnavailable
from slipway.web.evidence import LOGS_SHOWN, evidence_views, kept_document
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_approval


def test_a_log_is_given_as_it_was_written() -> None:
    home = ScriptedInstallation()
    name = home.blobs.put(b"<script>\xff\n", "text/html")
    assert kept_document(name, home.app.reader.evidence).body == b"<script>\xff\n"


def test_a_plan_is_readable_and_shows_no_secret_values() -> None:
    home, subject = awaiting_approval()
    text = kept_document(str(subject.plan_hash), home.app.reader.evidence).body
    assert b"hunter2" not in text
    assert json.loads(text)["manifests"][0]["stringData"] == {"password": "***"}
    assert json.loads(text)["tag"] == "1.5.0"


@pytest.mark.parametrize(
    "name", ["", "sha256:", "../../etc/passwd", "sha256:" + "g" * 64, "sha256:" + "A" * 64, "sha512:" + "a" * 64]
)
def test_a_name_that_is_not_a_hash_names_no_document(name: str) -> None:
    with pytest.raises(NotFound):
        kept_document(name, ScriptedInstallation().app.reader.evidence)


def test_a_document_that_was_changed_is_not_shown() -> None:
    home = ScriptedInstallation()
    name = home.blobs.put(b"as it was", "text/plain")
    home.blobs.documents[name] = b"another"
    with pytest.raises(NotFound, match="was changed"):
        kept_document(name, home.app.reader.evidence)


def test_the_end_of_a_log_is_shown_and_only_of_the_newest_results() -> None:
    names: list[str] = []

    def reader(name: str) -> bytes:
        names.append(name)
        return b"".join(b"line %d\n" % n for n in range(1000))

    evidence = [
        Evidence(name=f"e{n}", passed=True, summary="", log=sha256(str(n).encode())) for n in range(LOGS_SHOWN + 3)
    ]
    views = evidence_views(evidence, reader)
    assert views[0].name == f"e{LOGS_SHOWN + 2}"
    assert views[0].excerpt.splitlines()[-1] == "line 999"
    assert len(views[0].excerpt.splitlines()) == 15
    assert len(names) == LOGS_SHOWN
    assert views[-1].excerpt == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NotFound("gone"), "no longer kept"),
        (ValueError("changed"), "was changed"),
        (LedgerUnavailable("away"), "cannot be read right now"),
    ],
)
def test_a_result_whose_log_cannot_be_read_is_shown_with_the_reason(error: Exception, message: str) -> None:
    def reader(_: str) -> bytes:
        raise error

    (view,) = evidence_views([Evidence(name="e", passed=False, summary="s", log=sha256(b""))], reader)
    assert message in view.excerpt
    assert view.badge.word == "Failed"
