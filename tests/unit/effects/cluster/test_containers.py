"""What holds a container up, recognized by the messages of kubelets and container runtimes."""

from typing import Any

import pytest

from slipway.effects.cluster.containers import holdup_of
from slipway.effects.cluster.situations import Situation

IMAGE = "r.azurecr.io/team/web@sha256:0"
UNRESOLVED = f'failed to resolve reference "{IMAGE}": {IMAGE}: not found'


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "web", "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}, **more}


@pytest.mark.parametrize(
    ("error_text", "situation"),
    [
        (f"rpc error: code = NotFound desc = {UNRESOLVED}", Situation.ABSENT),
        ("reading manifest 1 in r.azurecr.io/team/web: manifest unknown", Situation.ABSENT),
        (f"Error response from daemon: manifest for {IMAGE} not found", Situation.ABSENT),
        ("failed to pull and unpack image: no match for platform in manifest: not found", Situation.ABSENT),
        ("toomanyrequests: You have reached your pull rate limit", Situation.THROTTLED),
        ("unexpected status from HEAD request to https://r/v2/manifests/1: 429 Too Many Requests", Situation.THROTTLED),
        ("pull QPS exceeded", Situation.THROTTLED),
        ("unexpected status from GET request to https://r/oauth2/token: 401 Unauthorized", Situation.NOT_ALLOWED),
        ("pull access denied, repository does not exist or may require authorization", Situation.NOT_ALLOWED),
        ("dial tcp: lookup r.azurecr.io: no such host", Situation.NOT_PULLED),
        ("failed to extract layer: content digest sha256:0: not found", Situation.NOT_PULLED),
        ("503 Service Unavailable", Situation.NOT_PULLED),
        ("unexpected EOF", Situation.NOT_PULLED),
        ("", Situation.NOT_PULLED),
    ],
)
def test_the_cause_of_a_failed_pull_is_recognized_by_its_message(error_text: str, situation: Situation) -> None:
    message = f'Back-off pulling image "{IMAGE}": ErrImagePull: {error_text}'
    holdup = holdup_of(waiting("ImagePullBackOff", message), init=False)
    assert holdup is not None
    assert holdup.situation is situation


def test_an_image_not_found_at_the_first_pull_counts_as_not_pulled_yet() -> None:
    holdup = holdup_of(waiting("ErrImagePull", UNRESOLVED), init=False)
    assert holdup is not None
    assert holdup.situation is Situation.NOT_PULLED


def test_an_unknown_reason_is_shown_as_it_stands_and_gets_the_situation_other() -> None:
    holdup = holdup_of(waiting("NewReason", "of a newer kubelet"), init=False)
    assert holdup is not None
    assert (holdup.situation, holdup.text) == (Situation.OTHER, "NewReason: of a newer kubelet (read what it says)")


def test_a_long_message_is_cut_and_the_advice_is_kept() -> None:
    holdup = holdup_of(waiting("ImagePullBackOff", "x" * 10_000), init=False)
    assert holdup is not None
    assert holdup.text.endswith(f"({Situation.NOT_PULLED.advice})")
    assert len(holdup.text) < 500
