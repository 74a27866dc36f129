"""The thread that runs the controllers: at once after each change, and at short ticks for what depends on time."""

import sys
import threading
import traceback

from ..errors import ApiError
from ..resources import Json
from ..settings import Pace
from ..store import Store
from .common import Controller
from .daemonset import DaemonSets
from .definition import Definitions
from .deployment import Deployments
from .garbage import collect
from .job import Jobs
from .replicaset import ReplicaSets
from .service import Services
from .statefulset import StatefulSets

_IDLE = 0.25
"""Seconds between checks of deadlines while nothing changes."""


class Controllers:
    """Runs all controllers on one thread until stopped."""

    def __init__(self, store: Store, pace: Pace) -> None:
        self._store = store
        self._controllers: tuple[Controller, ...] = (
            Definitions(store),
            Deployments(store),
            StatefulSets(store),
            DaemonSets(store),
            Jobs(store, pace),
            ReplicaSets(store),
            Services(store),
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="controllers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._store.changed:  # set under the lock, because the loop checks it under the lock before it waits
            self._stopped.set()
            self._store.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._store.changed:
                version = self._store.version
                self.step()
                if self._store.version == version and not self._stopped.is_set():
                    self._store.changed.wait(_IDLE)
            self._stopped.wait(0.001)  # lets readers in between two steps

    def step(self) -> None:
        """Reconcile every object once."""
        with self._store.changed:
            for controller in self._controllers:
                for api_object in self._store.find(controller.resource):
                    self._reconcile(controller, api_object)
            collect(self._store)

    @staticmethod
    def _reconcile(controller: Controller, api_object: Json) -> None:
        """A fault of one object must not stop the others."""
        try:
            controller.reconcile(api_object)
        except ApiError as error:
            metadata = api_object["metadata"]
            name = f"{controller.resource.qualified} {metadata.get('namespace', '')}/{metadata['name']}"
            print(f"controller: {name}: {error.message}", file=sys.stderr)
        except Exception:  # noqa: BLE001 - a bug of one object must not stop the others
            traceback.print_exc()
