"""The double's kube-proxy: for each port of a Service, a TCP listener that forwards to a ready pod."""

import contextlib
import socket
import threading
from itertools import count

from ..podinfo import local_port, ready_pods
from ..podstatus import ADDRESS
from ..resources import SERVICES, Json
from ..store import Store

_CHUNK = 64 * 1024
_MOST_CONNECTIONS = 256


class Forwarder:
    """One listener. While no pod is ready, connections are closed at once."""

    def __init__(self, store: Store, namespace: str, name: str, port: int) -> None:
        self._store = store
        self._where = (namespace, name, port)
        self._turn = count()
        self._open = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._listener = socket.create_server((ADDRESS, 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name=f"forward-{name}-{port}", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            if self._open.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
            else:
                client.close()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                target = self._target()
                if target is None:
                    return
                with socket.create_connection((ADDRESS, target), timeout=5) as pod:
                    pod.settimeout(None)
                    back = threading.Thread(target=_pump, args=(pod, client), daemon=True)
                    back.start()
                    _pump(client, pod)
                    back.join()
        except OSError:
            return  # one side went away, so the connection ends
        finally:
            self._open.release()

    def _target(self) -> int | None:
        namespace, name, number = self._where
        service = self._store.get(SERVICES, namespace, name)
        if service is None:
            return None
        port: Json = next((p for p in service["spec"].get("ports") or [] if p["port"] == number), {})
        pods = ready_pods(self._store, service)
        if not pods or not port:
            return None
        return local_port(pods[next(self._turn) % len(pods)], port.get("targetPort", number))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Forwarders:
    """One forwarder for each port of each Service, opened when first needed or seen."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forwarders: dict[tuple[str, str, int], Forwarder] = {}
        self._lock = threading.Lock()

    def port_of(self, service: Json, port: Json) -> int:
        key = (service["metadata"]["namespace"], service["metadata"]["name"], int(port["port"]))
        with self._lock:
            if key not in self._forwarders:
                self._forwarders[key] = Forwarder(self._store, *key)
            return self._forwarders[key].port

    def keep_up(self) -> None:
        """Open forwarders for new ports, close those of removed ones."""
        keys = {
            (s["metadata"]["namespace"], s["metadata"]["name"], int(p["port"]))
            for s in self._store.find(SERVICES)
            for p in s["spec"].get("ports") or []
        }
        with self._lock:
            for key in [k for k in self._forwarders if k not in keys]:
                self._forwarders.pop(key).close()
            for key in keys - set(self._forwarders):
                self._forwarders[key] = Forwarder(self._store, *key)

    def close(self) -> None:
        with self._lock:
            for forwarder in self._forwarders.values():
                forwarder.close()
            self._forwarders.clear()
