"""The settings file: what is wrong with it is said with field, expectation and what came."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.servicebus import SettingsError
from local.servicebus.settings import read_settings


def written(folder: Path, content: Any) -> Path:
    path = folder / "bus.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_defaults_are_those_of_the_service(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, {"queues": [{"name": "events"}]}))
    (queue,) = settings.queues
    assert (queue.lock_seconds, queue.max_delivery_count, queue.requires_session) == (60, 10, False)
    assert len(settings.key.get_secret_value()) >= 32
    assert settings.key.get_secret_value() not in repr(settings)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "expected JSON"),
        ({}, "queues: Field required"),
        ({"queues": []}, "queues: .*at least 1"),
        ({"queues": [{"name": "a b"}]}, "queues.0.name: .*got 'a b'"),
        ({"queues": [{"name": "a", "lock_seconds": 301}]}, "queues.0.lock_seconds: .*300, got 301"),
        ({"queues": [{"name": "a", "locks": 3}]}, "queues.0.locks: .*got 3"),
        ({"queues": [{"name": "a"}, {"name": "A"}]}, "the name 'a' is used twice"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, content: Any, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as refused:
        read_settings(written(tmp_path, content))
    assert "bus.json" in str(refused.value)


@pytest.mark.parametrize("key", ["short", "with;semicolon", 12345678])
def test_a_bad_key_is_refused_without_being_shown(tmp_path: Path, key: Any) -> None:
    with pytest.raises(SettingsError, match="key") as refused:
        read_settings(written(tmp_path, {"queues": [{"name": "a"}], "key": key}))
    assert str(key) not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.json: cannot be read"):
        read_settings(tmp_path / "nowhere.json")
