"""The API server's way to its node: `CONNECT` at a Unix socket (its egress selector).

So a pod's address need not be one of this machine, and the API server can reach only our kubelet and the pods. A
connection to the kubelet is passed on as it is; one to a pod is answered here, by the pods' runtime.
"""

import contextlib
import http.server
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.kubernetes.resources import Json
from local.kubernetes.runtime import PodReply, PodRequest, PodUnreachableError, Runtime

_CHUNK = 64 * 1024
_MOST_BODY = 4 * 1024 * 1024
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te", "trailer"})
_IDLE = 60


class Tunnel:
    """Listens from start() to stop()."""

    def __init__(
        self, path: Path, *, kubelet_port: int, pod_at: Callable[[str], Json | None], runtime: Runtime
    ) -> None:
        handler = type(
            "Handler", (_Connect,), {"kubelet_port": kubelet_port, "pod_at": staticmethod(pod_at), "runtime": runtime}
        )
        self._server = _Server(str(path), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="tunnel", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class _Connect(socketserver.StreamRequestHandler):
    """One connection: the requested address, then the bytes that are sent there."""

    kubelet_port: int
    pod_at: Callable[[str], Json | None]
    runtime: Runtime
    timeout = _IDLE

    def handle(self) -> None:
        method, _, request_target = self.rfile.readline(4096).decode("latin-1").partition(" ")
        target = request_target.split(" ")[0]
        while self.rfile.readline(4096).strip():
            continue
        host, _, port = target.rpartition(":")
        if method != "CONNECT" or not port.isdigit():
            self._refuse("400 Bad Request")
        elif (host, int(port)) == ("127.0.0.1", self.kubelet_port):
            self._accept()
            self._pass_on(int(port))
        elif (pod := self.pod_at(host)) is not None:
            self._accept()
            self._answer(pod, int(port))
        else:
            self._refuse("502 Bad Gateway")

    def _accept(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")

    def _refuse(self, status: str) -> None:
        self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    def _pass_on(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as kubelet:
            kubelet.settimeout(_IDLE)
            back = threading.Thread(target=_pump, args=(kubelet, self.connection), daemon=True)
            back.start()
            _pump(self.connection, kubelet)
            back.join()

    def _answer(self, pod: Json, port: int) -> None:
        handler = type("PodHandler", (_PodHandler,), {"pod": pod, "port": port, "runtime": self.runtime})
        handler(self.connection, self.client_address, self.server)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _PodHandler(http.server.BaseHTTPRequestHandler):
    """A pod's port, as far as HTTP goes: the runtime determines what the pod responds."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    pod: Json
    port: int
    runtime: Runtime

    def _serve(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), _MOST_BODY)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP | {"host"}}
        request = PodRequest(method=self.command, target=self.path, headers=headers, body=self.rfile.read(length))
        try:
            reply = self.runtime.fetch(self.pod, self.port, request)
        except PodUnreachableError:
            self.close_connection = True  # like a pod where nothing listens: no response
            return
        self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - names that http.server looks for

    def _send(self, reply: PodReply) -> None:
        self.send_response(reply.code)
        for name, value in reply.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def address_string(self) -> str:
        return "api-server"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the API server logs each request."""
