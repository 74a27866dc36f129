"""Starts all parts, in parallel as far as their dependencies allow, and stops them."""

import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3

from slipway.bootstrap.roles import AppRole
from slipway.effects.cluster import ClusterAccess
from slipway.http import saying, signing_in

from ..identity import SIGN_IN, VOTES, Identity, laptop
from ..process import Part, PartFailed, free_port, python
from . import azurite, configuration, docker_registry
from .addresses import Addresses
from .grants import make_storage
from .options import StackOptions
from .places import APP, NamespaceMaker, namespaces_of
from .secrets import Secrets, load_or_make, signing_keys

REGISTRIES = ("nonprod", "prod")
CLUSTERS = ("staging", "production")
PORT_ATTEMPTS = 3
BACK = {SIGN_IN: signing_in.BACK, VOTES: saying.BACK}
"""The paths to which the identity provider sends people back, by registration."""
WHO_APPLIES = "platform"
"""The identity with which the command line signs in."""
EVENT_PATH = "/runtime/webhooks/EventGrid?functionName=image_pushed&code="


def host_name(role: AppRole, index: int) -> str:
    """The name of a host and of its log."""
    return f"{role}-{index}"


class Stack:
    """A running system. Use it as a context manager."""

    identity: Identity

    def __init__(self, options: StackOptions | None = None) -> None:
        self.options = options or StackOptions()
        self._own_folder = self.options.folder is None
        self.folder = self.options.folder or Path(tempfile.mkdtemp(prefix="slipway-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.parts: list[Part] = []
        self.hosts: list[Part] = []
        self.urls: list[str] = []
        self.workers: list[str] = []
        """Addresses of the workers' hosts, which serve only the admin endpoints."""
        self.registries: dict[str, str] = {}
        self.clusters: dict[str, dict[str, Any]] = {}
        self.azure_devops: dict[str, Any] = {}
        """Its two addresses, `url` and `people_url`."""
        self.storage = self.bus = self.inbox_url = self.traces_url = ""
        self.settings: dict[str, str] = {}
        self._places: NamespaceMaker | None = None
        self._administrators: dict[str, ClusterAccess] = {}
        self._addresses = Addresses(self.folder / "addresses.json" if self.options.keep else None)
        self.http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=30))

    @property
    def secrets(self) -> Secrets:
        return load_or_make(self.folder / "secrets.json")

    @property
    def url(self) -> str:
        """Address of the first front."""
        return self.urls[0]

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- start
    def _start(self) -> None:
        secrets = self.secrets
        with ThreadPoolExecutor(max_workers=8) as threads:
            storage = threads.submit(self._start_storage)
            bus = threads.submit(self._start_bus, secrets)
            inbox = threads.submit(self._start_inbox, secrets)
            traces = threads.submit(self._start_traces)
            identity = threads.submit(self._start_identity)
            registries = {name: threads.submit(self._start_registry, name, secrets) for name in REGISTRIES}
            self.registries = {name: future.result() for name, future in registries.items()}
            clusters = {name: threads.submit(self._start_cluster, name, secrets) for name in CLUSTERS}
            self.clusters = {name: future.result() for name, future in clusters.items()}
            self.storage, self.bus, self.inbox_url = storage.result(), bus.result(), inbox.result()
            self.traces_url, self.identity = traces.result(), identity.result()
        double_settings = configuration.azure_devops(self.identity)
        if self.options.keep:
            double_settings["journal"] = str(self._folder("azuredevops") / "journal.jsonl")
        self.azure_devops = self._start_double("azuredevops", "local.azuredevops", double_settings)
        for index in range(self.options.instances):
            self.start_host(index)
        self.identity.set_redirect_uris({name: [url + path for url in self.urls] for name, path in BACK.items()})
        self._subscribe()
        if self.options.apply and not self._applied_marker.exists():
            self.apply(self.options.apply)
            self._applied_marker.touch()

    @property
    def _applied_marker(self) -> Path:
        """A file that exists once the initial applications were applied; from then on, people change the catalogue."""
        return self.folder / "applied"

    def apply(self, path: Path, *, quiet: bool = True) -> None:
        """Act for the platform team and the teams: create the namespaces, and apply the file or folder."""
        self.places.make(namespaces_of(path))
        command = python("slipway.cli", "apply", "-f", str(path), "--yes", "--reason", "the first act on this machine")
        environment = {**os.environ, **self.command_environment()}
        process = subprocess.run(command, env=environment, capture_output=quiet, text=True, check=False)
        if process.returncode:
            raise RuntimeError(f"{path} could not be applied: {process.stderr}{process.stdout}")

    def command_environment(self) -> dict[str, str]:
        """The variables with which the command line uses this stack, signed in as an application with the role
        platform."""
        return {
            "SLIPWAY_URL": self.url,
            "SLIPWAY_KEY": self.secrets.function_key,
            "SLIPWAY_AUDIENCE": self._audience,
            **self.identity.environment(WHO_APPLIES),
        }

    def access_token(self) -> str:
        """A token of that application, for requests to the API without the command line."""
        return self.identity.token(WHO_APPLIES, self._audience)

    @property
    def _audience(self) -> str:
        return f"api://{self.identity.settings.registration(SIGN_IN).client_id}"

    def _start_storage(self) -> str:
        host_accounts = configuration.host_accounts(self.secrets)
        part, connection = azurite.start(self._folder("azurite"), log=self._log("azurite"), more_accounts=host_accounts)
        self.parts.append(part)
        make_storage(connection)
        return connection

    def _start_bus(self, secrets: Secrets) -> str:
        if self.options.service_bus:
            return self.options.service_bus
        bus_settings = configuration.service_bus(secrets, lock_seconds=self.options.lock_seconds)
        ready = self._start_double("servicebus", "local.servicebus", bus_settings)
        return str(ready["connection_string"])

    def _start_registry(self, name: str, secrets: Secrets) -> str:
        registry_settings = configuration.registry(name, secrets)
        if self.options.docker_registry:
            part, backend = docker_registry.start(self._folder(f"registry-{name}"), log=self._log(f"docker-{name}"))
            self.parts.append(part)
            registry_settings["backend"] = backend
        else:
            registry_settings["directory"] = str(self._folder(f"registry-{name}"))
        return str(self._start_double(f"registry-{name}", "local.registry", registry_settings)["login_server"])

    def _start_cluster(self, name: str, secrets: Secrets) -> dict[str, Any]:
        if name in self.options.kubeconfigs:
            return {"credential": "kubeconfig", "kubeconfig": str(self.options.kubeconfigs[name])}
        servers = list(self.registries.values())
        cluster_settings = configuration.kubernetes(
            name, servers, secrets, sorted(self.options.namespaces.get(name, ()))
        )
        if self.options.real_clusters:
            return self._start_real_cluster(name, cluster_settings, self.options.real_clusters)
        if self.options.keep:
            cluster_settings["state_dir"] = str(self._folder(f"cluster-{name}"))
        ready = self._start_double(f"cluster-{name}", "local.kubernetes", cluster_settings)
        self._administrators[name] = ClusterAccess(server=ready["url"], token=lambda: secrets.cluster_token)
        token = secrets.staging_token if name == "staging" else secrets.production_token
        return {"credential": "token", "server": ready["url"], "token": token}

    def _start_real_cluster(self, name: str, settings: dict[str, Any], kubernetes: str) -> dict[str, Any]:
        file = self._write(f"cluster-{name}.json", settings)
        folder = str(self._folder(f"cluster-{name}"))
        words = ("--kubernetes", kubernetes, "run", "--config", str(file), "--folder", folder, "--stop-with-parent")
        command = python("local.cluster", *words)
        part = Part(f"cluster-{name}", command, log=self._log(f"cluster-{name}"))
        self.parts.append(part)
        ready = part.ready()
        self._administrators[name] = ClusterAccess(kubeconfig=Path(ready["kubeconfig"]))
        return {"credential": "kubeconfig", "kubeconfig": ready["users"][APP]}

    def _start_inbox(self, secrets: Secrets) -> str:
        port = str(self._addresses.port_of("inbox"))
        command = python("local.inbox", "--secret-env", "INBOX_SECRET", "--stop-with-parent", "--port", port)
        if self.options.keep:
            command += ["--keep", str(self.folder / "inbox.json")]
        part = Part(
            "inbox",
            command,
            log=self._log("inbox"),
            environment={"INBOX_SECRET": secrets.inbox_secret},
        )
        self.parts.append(part)
        return f"http://127.0.0.1:{self._note_port('inbox', part.ready()['port'])}"

    def _start_traces(self) -> str:
        if not self.options.traces:
            return ""
        port = str(self._addresses.port_of("traces"))
        part = Part("traces", python("local.traces", "--stop-with-parent", "--port", port), log=self._log("traces"))
        self.parts.append(part)
        return f"http://127.0.0.1:{self._note_port('traces', part.ready()['port'])}"

    def _start_identity(self) -> Identity:
        directory = laptop(port=self._addresses.port_of("identity"), besides=self.options.people)
        identity = Identity.start(directory, self._folder("identity"))
        self.parts.append(identity.part)
        self._note_port("identity", urlsplit(identity.issuer).port)
        return identity

    def _start_double(self, name: str, module: str, settings: dict[str, Any]) -> dict[str, Any]:
        file = self._write(f"{name}.json", settings)
        command = python(module, "--config", str(file), "--port", str(self._addresses.port_of(name)))
        part = Part(name, [*command, "--stop-with-parent"], log=self._log(name))
        self.parts.append(part)
        ready = part.ready()
        self._note_port(name, ready.get("port"))
        return ready

    def _note_port(self, name: str, port: int | None) -> int | None:
        if port:
            self._addresses.note(name, port)
        return port

    def start_host(self, index: int) -> str:
        """Start one more instance of the function app, or restart one that was stopped; returns its address."""
        previous_port = urlsplit(self.urls[index]).port if index < len(self.urls) else None
        port = previous_port or ((self._addresses.port_of("front") or self.options.port) if index == 0 else 0)
        for attempt in range(PORT_ATTEMPTS):
            try:
                return self._start_host(index, port or free_port())
            except PartFailed:
                # Another program may have taken the port, which was free a moment ago.
                if port or attempt == PORT_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _start_host(self, index: int, port: int) -> str:
        self.settings = configuration.app_settings(
            secrets=self.secrets,
            storage=self.storage,
            bus=self.bus,
            registries=self.registries,
            clusters=self.clusters,
            azure_devops=self.azure_devops,
            inbox=self.inbox_url,
            public_url=self.urls[0] if self.urls else f"http://127.0.0.1:{port}",
            traces=self.traces_url,
            identity={**configuration.sign_in(self.identity), **self.identity.environment("front")},
            signing_keys=str(signing_keys(self.folder / "signing-keys")),
        )
        single = host_name(AppRole.SINGLE, index)
        url = self._run_host(single, port, self.settings) if self.options.single else self._run_roles(index, port)
        if index == len(self.urls):
            self.urls.append(url)
        if index == 0:
            self._note_port("front", urlsplit(url).port)
        return url

    def _run_roles(self, index: int, port: int) -> str:
        """Start front and worker together; returns the front's address."""
        port_of = {AppRole.FRONT: port, AppRole.WORKER: free_port()}
        with ThreadPoolExecutor(max_workers=len(port_of)) as threads:
            starts = {
                role: threads.submit(self._run_host, host_name(role, index), port, self._settings_of_role(role))
                for role, port in port_of.items()
            }
        try:
            urls = {role: future.result() for role, future in starts.items()}
        except PartFailed:
            self.stop_host(index)  # the one that did start
            raise
        self.workers = [*self.workers[:index], urls[AppRole.WORKER]]
        return urls[AppRole.FRONT]

    def _settings_of_role(self, role: AppRole) -> dict[str, str]:
        role_settings = self.settings | self.identity.environment(role)
        bus, real = self.bus, bool(self.options.service_bus)
        values = configuration.settings_of_role(
            role_settings, role, self.secrets, storage=self.storage, bus=bus, real_bus=real
        )
        return self.options.settings_of(role, values) if self.options.settings_of else values

    def _run_host(self, name: str, port: int, values: dict[str, str]) -> str:
        """Start a host with these settings; returns its address."""
        settings = self._write(f"{name}.settings.json", {"IsEncrypted": False, "Values": values})
        keys = self._write(f"{name}.keys.json", configuration.host_keys(self.secrets))
        state = self._folder(f"state-{name.partition('-')[0]}")
        command = python("local.functions", "--app", str(self.options.app), "--state", str(state))
        command += ["--port", str(port), "--settings", str(settings), "--keys", str(keys), "--stop-with-parent"]
        part = Part(name, command, log=self._log(name))
        self.parts.append(part)
        try:
            url = str(part.ready()["url"])
        except PartFailed:
            self._forget(part)
            raise
        self.hosts.append(part)
        return url

    def stop_host(self, index: int) -> None:
        """Stop an instance; `start_host` brings it back at the same address."""
        names = {host_name(role, index) for role in AppRole}
        for part in [host for host in self.hosts if host.name in names]:
            self._forget(part)

    def stop_role(self, role: AppRole) -> None:
        """Stop all fronts or all workers, while the others go on; `start_role` brings them back at the same
        addresses."""
        for part in [host for host in self.hosts if host.name.startswith(f"{role}-")]:
            self._forget(part)

    def start_role(self, role: AppRole) -> None:
        """Start all of them together, at their earlier addresses."""
        urls = self.workers if role.works else self.urls
        with ThreadPoolExecutor(max_workers=len(urls)) as threads:
            starts = [
                threads.submit(
                    self._run_host, host_name(role, index), urlsplit(url).port or 0, self._settings_of_role(role)
                )
                for index, url in enumerate(urls)
            ]
        for start in starts:
            start.result()

    def start_again(self, part: Part) -> None:
        """Restart a part that has ended, at its earlier address and with its data. Raises `PartFailed`."""
        part.restart()
        if part.name == azurite.NAME:
            for port in azurite.ports(self.storage):
                part.wait_for_port(port)
        else:
            part.ready()
        if part.name == "registry-nonprod":
            self._subscribe()

    def _forget(self, part: Part) -> None:
        part.stop()
        self.parts.remove(part)
        if part in self.hosts:
            self.hosts.remove(part)

    def _subscribe(self) -> None:
        """Tell the non-production registry where to send its push events, like an Event Grid subscription."""
        to_app = {"url": self.url + EVENT_PATH + self.secrets.event_grid_key, "max_events_per_batch": 10}
        endpoint = self.options.event_endpoint or to_app
        response = self.http.request(
            "POST", f"http://{self.registries['nonprod']}/local/event-endpoints", json=[endpoint]
        )
        if response.status >= 300:
            raise RuntimeError(f"the registry refused the event endpoint: {response.status} {response.data[:200]!r}")

    # ---- while it runs
    def describe(self) -> dict[str, Any]:
        """What other commands need in order to find this stack; kept in a file that only its owner can read."""
        return {
            "url": self.url,
            "key": self.secrets.function_key,
            "audience": self._audience,
            "signs_in": self.identity.environment(WHO_APPLIES),
            "urls": self.urls,
            "workers": self.workers,
            "inbox": self.inbox_url,
            "traces": self.traces_url,
            "identity": {
                "issuer": self.identity.issuer,
                "keys": self.identity.keys_url,
                "managed": self.identity.managed_url,
            },
            "registries": self.registries,
            "clusters": self.places.clusters,
            "cluster_token": self.secrets.cluster_token,
            "azure_devops": self.azure_devops["url"],
            "hook_secret": self.secrets.hook_secret,
            "ci_user": "ci",
            "ci_password": self.secrets.ci_password,
            "storage": self.storage,
            "bus": self.bus,
            "pids": {part.name: part.pid for part in self.parts},
        }

    @property
    def places(self) -> NamespaceMaker:
        """Creates the namespaces of the clusters that are doubles."""
        if self._places is None:
            doubles = {name: cluster["server"] for name, cluster in self.clusters.items() if "server" in cluster}
            self._places = NamespaceMaker(clusters=doubles, token=self.secrets.cluster_token)
        return self._places

    def keep_up(self) -> list[str]:
        """Create the namespaces of applications that were applied since the last look; returns them. Raises
        `NamespaceRefused`."""
        return self.places.create_namespaces(self.url, self.secrets.function_key, self.access_token)

    def run_timer(self, name: str) -> None:
        """Run the function of one of the worker's timers now. Raises `PartFailed`."""
        url, key = f"{self.workers[0]}/admin/functions/{name}", self.secrets.master_key
        response = self.http.request("POST", url, headers={"x-functions-key": key}, json={})
        if response.status != HTTPStatus.ACCEPTED:
            raise PartFailed(f"the worker's host responded with {response.status} to a request to run {name}")

    def administrator(self, cluster: str) -> ClusterAccess:
        """Access with all rights to a cluster that this stack started, bypassing the app."""
        return self._administrators[cluster]

    def notices(self) -> list[dict[str, Any]]:
        """The notices in the inbox."""
        notices: list[dict[str, Any]] = self.http.request("GET", f"{self.inbox_url}/messages").json()
        return notices

    # ---- end
    def stop(self) -> None:
        """Stop every part, the app first so that it can finish what it is doing."""
        for part in self.hosts:
            part.ask_to_stop()
        for part in self.hosts:
            part.stop()
        for part in self.parts:
            part.ask_to_stop()
        for part in self.parts:
            part.stop()
        self.parts, self.hosts = [], []
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _log(self, name: str) -> Path:
        return self._folder("logs") / f"{name}.log"

    def _write(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=2))
        return path
