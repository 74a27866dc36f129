"""What holds a container up, told apart by the words of kubelets and container runtimes."""

from typing import Any

import pytest

from slipway.effects.cluster.containers import Trouble, holdup_of

IMAGE = "r.azurecr.io/team/web@sha256:0"
UNRESOLVED = f'failed to resolve reference "{IMAGE}": {IMAGE}: not found'


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "web", "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}, **more}


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        (f"rpc error: code = NotFound desc = {UNRESOLVED}", Trouble.ABSENT),
        ("reading manifest 1 in r.azurecr.io/team/web: manifest unknown", Trouble.ABSENT),
        (f"Error response from daemon: manifest for {IMAGE} not found", Trouble.ABSENT),
        ("failed to pull and unpack image: no match for platform in manifest: not found", Trouble.ABSENT),
        ("toomanyrequests: You have reached your pull rate limit", Trouble.THROTTLED),
        ("unexpected status from HEAD request to https://r/v2/manifests/1: 429 Too Many Requests", Trouble.THROTTLED),
        ("pull QPS exceeded", Trouble.THROTTLED),
        ("unexpected status from GET request to https://r/oauth2/token: 401 Unauthorized", Trouble.NOT_ALLOWED),
        ("pull access denied, repository does not exist or may require authorization", Trouble.NOT_ALLOWED),
        ("dial tcp: lookup r.azurecr.io: no such host", Trouble.NOT_PULLED),
        ("failed to extract layer: content digest sha256:0: not found", Trouble.NOT_PULLED),
        ("503 Service Unavailable", Trouble.NOT_PULLED),
        ("unexpected EOF", Trouble.NOT_PULLED),
        ("", Trouble.NOT_PULLED),
    ],
)
def test_only_an_image_that_does_not_exist_makes_a_failed_pull_final(said: str, trouble: Trouble) -> None:
    message = f'Back-off pulling image "{IMAGE}": ErrImagePull: {said}'
    held = holdup_of(waiting("ImagePullBackOff", message), init=False)
    assert held is not None
    assert held.trouble is trouble
    assert held.trouble.final == (trouble is Trouble.ABSENT)


def test_an_image_that_was_not_found_once_may_be_on_its_way_to_the_registry() -> None:
    held = holdup_of(waiting("ErrImagePull", UNRESOLVED), init=False)
    assert held is not None
    assert not held.trouble.final


@pytest.mark.parametrize("trouble", [each for each in Trouble if each is not Trouble.OTHER])
def test_each_trouble_says_what_to_do(trouble: Trouble) -> None:
    assert trouble.advice


def test_a_reason_that_nobody_knows_is_told_as_it_stands_and_ends_nothing() -> None:
    held = holdup_of(waiting("NewReason", "of a newer kubelet"), init=False)
    assert held is not None
    assert (held.text, held.trouble.final) == ("NewReason: of a newer kubelet", False)


def test_a_long_message_is_cut_and_the_advice_is_kept() -> None:
    held = holdup_of(waiting("ImagePullBackOff", "x" * 10_000), init=False)
    assert held is not None
    assert held.text.endswith(f"({Trouble.NOT_PULLED.advice})")
    assert len(held.text) < 500
