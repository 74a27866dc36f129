"""The verifier in docs/reference/webhook.md accepts what the webhook really posts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from slipway.commands.telling import ChangeNotice
from slipway.domain.steps import Notice
from slipway.effects.notification import Message
from slipway.effects.notification.webhook import Webhook
from tests.unit.effects.notification.samples import change_proposed, ended, gate_opened, hostile

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "reference" / "webhook.md").read_text(encoding="utf-8")
SECRET = b"a secret of some length"


class CapturingPool(urllib3.PoolManager):
    """Records the request instead of sending it."""

    def request(self, method: str, url: str, **options: Any) -> Any:  # type: ignore[override]
        self.headers_sent, self.body_sent = options["headers"], options["body"]
        return urllib3.HTTPResponse(status=202)


def posted(message: Message) -> tuple[dict[str, str], bytes]:
    pool = CapturingPool()
    Webhook(name="bot", url="https://bot.example/", secret=SECRET, pool=pool).send(message)
    return pool.headers_sent, pool.body_sent


@pytest.fixture
def read_notice() -> Callable[[bytes, dict[str, str], bytes], dict[str, Any]]:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in source.splitlines() if line.strip()]) <= 15
    scope: dict[str, Any] = {}
    exec(source, scope)
    verifier: Callable[[bytes, dict[str, str], bytes], dict[str, Any]] = scope["read_notice"]
    return verifier


@pytest.mark.parametrize("message", [gate_opened(), ended(), hostile(), change_proposed()])
def test_the_documented_verifier_reads_what_is_posted(
    read_notice: Callable[[bytes, dict[str, str], bytes], dict[str, Any]], message: Message
) -> None:
    notice = read_notice(SECRET, *posted(message))
    assert notice.pop("type") == f"dev.slipway.{message.notice}"
    assert Message.model_validate(notice) == message


def test_the_documented_verifier_refuses_another_body_another_secret_and_no_signature(
    read_notice: Callable[[bytes, dict[str, str], bytes], dict[str, Any]],
) -> None:
    headers, body = posted(gate_opened())
    for secret, given_headers, content in [
        (SECRET, headers, body + b" "),
        (b"other", headers, body),
        (SECRET, {}, body),
    ]:
        with pytest.raises(PermissionError):
            read_notice(secret, given_headers, content)


def test_every_kind_of_notice_and_every_field_is_documented() -> None:
    for notice in (*Notice, *ChangeNotice):
        assert f"dev.slipway.{notice}" in PAGE
    for field in set(Message.model_fields) - {"id", "notice", "time", "asked_by"}:
        assert f"`{field}`" in PAGE, field
