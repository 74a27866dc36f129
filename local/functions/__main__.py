"""`python -m local.functions --app DIR --state DIR`: one instance of a function app.

Prints one line of JSON on stdout when it is ready, and nothing else there; the log goes to stderr or to `--log`.
Exit codes: 0 stopped, 1 the app cannot be loaded (with `--list`: or a function is in error), 2 bad command line.
A host whose worker has died three times stops, as in Azure, and restarts itself in place of the platform.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from . import app_settings, host_json, limits
from .ages import HostAge
from .errors import HostError
from .worker import Worker

log = logging.getLogger("host")
_LEVELS = ("debug", "info", "warning", "error")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.functions", description="A local Azure Functions host.")
    add = parser.add_argument
    add("--app", type=Path, required=True, metavar="DIR", help="folder with function_app.py and host.json")
    add("--state", type=Path, metavar="DIR", help="folder for keys, timer status and locks; instances share it")
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    add("--settings", type=Path, metavar="FILE", help="app settings, in the form of local.settings.json")
    add("--keys", type=Path, metavar="FILE", help="access keys; by default generated once in the state folder")
    add("--no-auth", action="store_true", help="require no keys, as Core Tools do")
    add("--log", type=Path, metavar="FILE", help="write the log there instead of stderr")
    add("--log-level", choices=_LEVELS, default="info")
    add("--list", action="store_true", help="print the indexed functions as JSON and exit")
    add(
        "--drain",
        type=float,
        default=limits.DRAIN_WITHIN,
        metavar="SECONDS",
        help="how long running invocations may take to end",
    )
    add(
        "--timer-lease",
        type=float,
        default=limits.TIMER_LEASE,
        metavar="SECONDS",
        help="how long a dead instance keeps its timers",
    )
    add(
        "--answer-within",
        type=float,
        default=limits.ANSWER_WITHIN,
        metavar="SECONDS",
        help="when an HTTP response is cut off",
    )
    add(
        "--restart-pause",
        type=float,
        default=limits.RESTART_PAUSE,
        metavar="SECONDS",
        help="minimum time between worker restarts",
    )
    add(
        "--host-age",
        type=HostAge,
        choices=list(HostAge),
        default=HostAge.TODAY,
        help="imitate the hosts of that age",
    )
    add("--stop-with-parent", action="store_true", help="stop when stdin is closed")
    return parser


class _RecycledError(Exception):
    """The host stopped by itself, to be restarted at the same port."""

    def __init__(self, port: int) -> None:
        super().__init__(f"to be restarted at port {port}")
        self.port = port


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.state is None and not options.list:
        parser.error("--state: expected a folder")
    _set_up_logging(options.log, options.log_level)
    try:
        return asyncio.run(_run(options))
    except _RecycledError as recycled:
        # Restart a host that stopped by itself, as the platform does.
        command = [*(sys.argv[1:] if arguments is None else arguments), "--port", str(recycled.port)]
        os.execv(sys.executable, [sys.executable, "-m", "local.functions", *command])
    except HostError as error:
        log.critical("%s", error)
        if options.log is not None:
            print(f"error: {error}", file=sys.stderr)
        return 1


def _set_up_logging(file: Path | None, level: str) -> None:
    handler = logging.FileHandler(file) if file is not None else logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(levelname).1s %(name)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=level.upper())
    # The SDKs log every change of state of every link.
    logging.getLogger("azure").setLevel(logging.ERROR)


async def _run(options: argparse.Namespace) -> int:
    app: Path = options.app.resolve()
    if not app.is_dir():
        raise HostError(f"--app: expected a folder, found none at {app}")
    listening = _listen(options.host, options.port)
    address = f"{options.host}:{listening.getsockname()[1]}"
    local = app / "local.settings.json"
    settings = app_settings.load(options.settings or (local if local.is_file() else None)).with_defaults(
        {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "FUNCTIONS_EXTENSION_VERSION": "~4",
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": str(app),
            "WEBSITE_HOSTNAME": address,
            "PYTHONUNBUFFERED": "1",
        }
    )
    host = host_json.load(app, settings.host_json())
    worker = Worker(app, settings, options.log_level, age=options.host_age, restart_pause=options.restart_pause)
    indexing = asyncio.create_task(worker.start())
    try:
        if options.list:
            return _print_list(await indexing, settings, host, options.host_age)
        return await _serve(options, settings, host, worker=worker, indexing=indexing, listening=listening)
    finally:
        await asyncio.gather(indexing, return_exceptions=True)
        await worker.stop()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        raise HostError(f"--port: cannot listen on {host}:{port}: {error.strerror}") from error


def _print_list(indexed: Any, settings: app_settings.AppSettings, host: host_json.HostJson, age: HostAge) -> int:
    from .admin import listing  # noqa: PLC0415 - see _serve
    from .bindings import describe  # noqa: PLC0415

    functions = describe(indexed.functions, settings, host, age)
    print(json.dumps([listing(function, host) for function in functions], indent=2))
    return 1 if any(function.error for function in functions) else 0


async def _serve(
    options: argparse.Namespace,
    settings: app_settings.AppSettings,
    host: host_json.HostJson,
    *,
    worker: Worker,
    indexing: asyncio.Task[Any],
    listening: socket.socket,
) -> int:
    # Let the worker process start before this process is busy importing aiohttp.
    await asyncio.sleep(0)
    from .host import Host, Options  # noqa: PLC0415 - imported while the worker indexes

    options.state.mkdir(parents=True, exist_ok=True)
    instance = Host(
        Options(
            state=options.state.resolve(),
            keys_file=options.keys,
            auth=not options.no_auth,
            drain_within=options.drain,
            timer_lease=options.timer_lease,
            answer_within=options.answer_within,
            age=options.host_age,
        ),
        settings,
        host,
        worker,
    )
    await instance.start(await indexing, listening)
    stop: asyncio.Future[Any] = _stop_signal(options.stop_with_parent)
    ready = {
        "ready": True,
        "url": "http://{}:{}".format(*listening.getsockname()[:2]),
        "functions": [function.name for function in instance.functions],
        "errors": {function.name: function.error for function in instance.functions if function.error},
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    port = int(listening.getsockname()[1])
    await asyncio.wait((stop, worker.given_up), return_when=asyncio.FIRST_COMPLETED)
    is_recycled = worker.given_up.done() and not stop.done()
    if is_recycled:
        log.critical("%s.", worker.given_up.result())
    log.info("Stopping.")
    await instance.stop()
    if is_recycled:
        raise _RecycledError(port)
    return 0


def _stop_signal(with_parent: bool) -> asyncio.Future[None]:
    """A future that is done at SIGTERM, SIGINT, or (`with_parent`) when stdin ends."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not stop.done():
            stop.set_result(None)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    if with_parent:
        descriptor = sys.stdin.fileno()

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                if not os.read(descriptor, 4096):
                    loop.remove_reader(descriptor)
                    end()

        loop.add_reader(descriptor, read)
    return stop


if __name__ == "__main__":
    sys.exit(main())
