"""Liveness, readiness and startup probes over HTTP and TCP."""

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..podstatus import ADDRESS
from ..resources import Json
from .environment import ContainerConfigError

type Kind = Literal["livenessProbe", "readinessProbe", "startupProbe"]
KINDS: tuple[Kind, ...] = ("livenessProbe", "readinessProbe", "startupProbe")
_MAX_ANSWER = 10 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    ok: bool
    message: str = ""


class Probe:
    """One probe of a started container: when it is due, and how often it has failed in a row."""

    def __init__(
        self, kind: Kind, spec: Json, local_port: Callable[[int | str], int | None], first_every: float
    ) -> None:
        self.kind = kind
        self._spec = spec
        self._local_port = local_port
        self._first_every = first_every
        self._next: float | None = None
        self._failures = 0
        self._successes = 0
        self.passed = False
        self.message = ""

    def due(self, now: float, started: float) -> bool:
        if self._next is None:
            self._next = started + self._spec.get("initialDelaySeconds", 0)
        return now >= self._next

    def run(self, now: float) -> None:
        outcome = ask(self._spec, self._local_port)
        period = float(self._spec.get("periodSeconds", 10))
        if outcome.ok:
            self._successes += 1
            self._failures = 0
            self.passed = self.passed or self._successes >= self._spec.get("successThreshold", 1)
        else:
            self._successes = 0
            self._failures += 1
            self.message = outcome.message
            if self._failures >= self._spec.get("failureThreshold", 3):
                self.passed = False
        is_waiting = self.kind != "livenessProbe" and not self.passed
        self._next = now + (min(period, self._first_every) if is_waiting else period)

    def failed(self, now: float, started: float) -> bool:
        """Whether the container has to be restarted."""
        threshold = self._spec.get("failureThreshold", 3)
        if self.kind == "startupProbe":
            allowed = self._spec.get("initialDelaySeconds", 0) + threshold * float(self._spec.get("periodSeconds", 10))
            return not self.passed and now - started >= allowed
        return self.kind == "livenessProbe" and self._failures >= threshold


def ask(spec: Json, local_port: Callable[[int | str], int | None]) -> Outcome:
    """Run the probe once."""
    seconds = float(spec.get("timeoutSeconds", 1))
    if get := spec.get("httpGet"):
        port = local_port(get["port"])
        return Outcome(False, f"unknown port {get['port']}") if port is None else _http(get, port, seconds)
    if tcp := spec.get("tcpSocket"):
        port = local_port(tcp["port"])
        return Outcome(False, f"unknown port {tcp['port']}") if port is None else _tcp(port, seconds)
    kinds = ", ".join(k for k in ("exec", "grpc") if k in spec) or "none"
    raise ContainerConfigError(f"probe: expected httpGet or tcpSocket, got {kinds}")


def _http(get: Json, port: int, seconds: float) -> Outcome:
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=seconds)
    headers = {h["name"]: h["value"] for h in get.get("httpHeaders") or []} | {"User-Agent": "kube-probe/1.37"}
    try:
        connection.request("GET", get.get("path") or "/", headers=headers)
        response = connection.getresponse()
        response.read(_MAX_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        return Outcome(False, f'Get "http://{ADDRESS}:{port}{get.get("path") or "/"}": {error}')
    finally:
        connection.close()
    if 200 <= response.status < 400:
        return Outcome(True)
    return Outcome(False, f"HTTP probe failed with statuscode: {response.status}")


def _tcp(port: int, seconds: float) -> Outcome:
    try:
        socket.create_connection((ADDRESS, port), timeout=seconds).close()
    except OSError as error:
        return Outcome(False, f"dial tcp {ADDRESS}:{port}: {error}")
    return Outcome(True)
