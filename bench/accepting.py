"""Accepting hooks from many senders at once, compared with a function that checks a secret and sends one message."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

import urllib3

from slipway.bootstrap.roles import AppRole

from .events import hook_body, hook_headers
from .rows import Row, compared_row
from .setting import BenchStack, Peer

SENDERS: Final = 50
REQUESTS: Final = 600
ROUNDS: Final = 5
AIM: Final = 1.3
ACCEPTED: Final = 202

Send = Callable[[int], int]
"""Sends the request with that number and returns the status."""


def rows() -> list[Row]:
    with (
        TemporaryDirectory() as name,
        BenchStack() as stack,
        Peer(stack) as peer,
        peer.start(AppRole.FRONT, Path(name)) as host,
    ):
        http = urllib3.PoolManager(retries=False, timeout=60, maxsize=SENDERS)
        headers = hook_headers(stack.secrets.hook_secret)

        def hook(number: int) -> int:
            address = f"{stack.url}/api/hooks/azure-devops"
            return http.request("POST", address, body=hook_body(number), headers=headers).status

        def smallest(number: int) -> int:
            secret = {"Authorization": Peer.SECRET}
            return http.request("POST", f"{host.url}/hook", body=hook_body(number), headers=secret).status

        _burst(hook, 0), _burst(smallest, 0)
        measured = [(_burst(hook, round_), _burst(smallest, round_)) for round_ in range(1, ROUNDS + 1)]
    return [
        compared_row(
            f"accepting.p{percent}",
            [_percentile(our_seconds, percent) * 1000 for our_seconds, _ in measured],
            [_percentile(peer_seconds, percent) * 1000 for _, peer_seconds in measured],
            peer_name="a function that sends one message",
            unit="ms",
            aim=AIM,
            more={"senders": SENDERS, "requests": REQUESTS},
        )
        for percent in (50, 99)
    ]


def _burst(send: Send, round_: int) -> list[float]:
    """Seconds of each request of one round. Every sender waits for its response before it sends the next request."""
    begin_together = threading.Barrier(SENDERS)

    def sender(index: int) -> list[float]:
        seconds = []
        begin_together.wait()
        for number in range(index, REQUESTS, SENDERS):
            begin = time.perf_counter()
            status = send(round_ * REQUESTS + number)
            seconds.append(time.perf_counter() - begin)
            if status != ACCEPTED:
                raise RuntimeError(f"expected {ACCEPTED}, got {status}")
        return seconds

    with ThreadPoolExecutor(SENDERS) as threads:
        return [seconds for durations in threads.map(sender, range(SENDERS)) for seconds in durations]


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]
