"""Accepting: a service hook answered with 202 under parallel senders, beside a trivial function on the same host."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

import urllib3

from .events import hook_body, hook_headers
from .rows import Row, compared
from .setting import BenchStack, trivial_host

SENDERS: Final = 50
REQUESTS: Final = 600
ROUNDS: Final = 5
AIM: Final = 2.0
ACCEPTED: Final = 202

Send = Callable[[int], int]
"""Sends the request of that number; returns the status."""


def rows() -> list[Row]:
    with (
        TemporaryDirectory() as name,
        BenchStack() as stack,
        trivial_host(Path(name)) as host,
    ):
        http = urllib3.PoolManager(retries=False, timeout=60, maxsize=SENDERS)
        headers = hook_headers(stack.secrets.hook_secret)

        def hook(number: int) -> int:
            address = f"{stack.url}/api/hooks/azure-devops"
            return http.request("POST", address, body=hook_body(number), headers=headers).status

        def trivial(number: int) -> int:
            return http.request("POST", f"{host.url}/trivial", body=hook_body(number)).status

        _burst(hook, 0), _burst(trivial, 0)
        measured = [(_burst(hook, round_), _burst(trivial, round_)) for round_ in range(1, ROUNDS + 1)]
    return [
        compared(
            f"accepting.p{percent}",
            [_percentile(ours, percent) * 1000 for ours, _ in measured],
            [_percentile(peer, percent) * 1000 for _, peer in measured],
            peer_name="a trivial function",
            unit="ms",
            aim=AIM if percent == 99 else None,
            more={"senders": SENDERS, "requests": REQUESTS},
        )
        for percent in (50, 99)
    ]


def _burst(send: Send, round_: int) -> list[float]:
    """Seconds of each request of one round; every sender waits for its answer before it sends the next."""
    begin_together = threading.Barrier(SENDERS)

    def sender(index: int) -> list[float]:
        taken = []
        begin_together.wait()
        for number in range(index, REQUESTS, SENDERS):
            begin = time.perf_counter()
            status = send(round_ * REQUESTS + number)
            taken.append(time.perf_counter() - begin)
            if status != ACCEPTED:
                raise RuntimeError(f"expected {ACCEPTED}, got {status}")
        return taken

    with ThreadPoolExecutor(SENDERS) as threads:
        return [seconds for found in threads.map(sender, range(SENDERS)) for seconds in found]


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]
