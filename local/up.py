"""`make up`: the whole system on this machine, kept up to click around in. Each start begins afresh."""

import argparse
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

from slipway.catalogue import ConfigError

from .process import ROOT, PartFailed
from .stack import Stack, StackOptions
from .stack.stack import EXAMPLE

FOLDER = ROOT / ".local"
RUN = FOLDER / "run"
STACK_FILE = FOLDER / "stack.json"
WATCH_EVERY = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make up ARGS=…", description=__doc__)
    parser.add_argument("--instances", type=int, default=1, choices=range(1, 5), help="instances of front and worker")
    parser.add_argument("--single", action="store_true", help="run one app that is front and worker at once")
    parser.add_argument("--port", type=int, default=7071, help="port of the front; a free one where it is taken")
    parser.add_argument(
        "--apply",
        type=Path,
        default=EXAMPLE,
        metavar="PATH",
        help="file or folder with the projects and applications to begin with; their namespaces are made",
    )
    parser.add_argument("--docker-registry", action="store_true", help="let Debian's docker-registry keep the images")
    parser.add_argument(
        "--service-bus-setting", metavar="NAME", help="environment variable with a real namespace's connection string"
    )
    for name in ("staging", "production"):
        parser.add_argument(f"--{name}-kubeconfig", type=Path, help=f"use this cluster as {name} instead of the double")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"The stack of this folder is up already; see {STACK_FILE.relative_to(ROOT)}", file=sys.stderr)
            return 1
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    kubeconfigs = {n: path for n in ("staging", "production") if (path := getattr(options, f"{n}_kubeconfig"))}
    shutil.rmtree(RUN, ignore_errors=True)
    wanted = StackOptions(
        folder=RUN,
        instances=options.instances,
        single=options.single,
        port=options.port if _is_free(options.port) else 0,
        docker_registry=options.docker_registry,
        service_bus=os.environ[options.service_bus_setting] if options.service_bus_setting else None,
        apply=options.apply.resolve(),
        kubeconfigs=kubeconfigs,
        traces=True,
    )
    ended = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: ended.set())
    roles = "the app" if options.single else "front and worker of the app"
    print(f"Starting Azurite, doubles of Azure's services, two registries, two clusters, and {roles} …", flush=True)
    try:
        with Stack(wanted) as stack:
            STACK_FILE.touch(mode=0o600)
            STACK_FILE.write_text(json.dumps(stack.describe(), indent=2))
            print(_welcome(stack), flush=True)
            code = _watch(stack, ended)
            print("\nStopping …", flush=True)
    except (PartFailed, ConfigError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        STACK_FILE.unlink(missing_ok=True)
    return code


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _watch(stack: Stack, ended: threading.Event) -> int:
    """Until somebody ends it, or a part ends by itself. New notices are shown as they come."""
    shown: set[str] = set()
    while not ended.wait(WATCH_EVERY):
        for part in stack.parts:
            if not part.alive:
                print(f"{part.name} ended by itself; its log is {part.log}", file=sys.stderr)
                return 1
        for notice in stack.notices():
            if notice["id"] not in shown:
                shown.add(notice["id"])
                print(f"\n{notice['headline']}\n  {notice['approval_url'] or notice['release_url']}", flush=True)
    return 0


def _roles(stack: Stack) -> str:
    if stack.options.single:
        return "one app that is front and worker at once"
    return "front (pages, API, hooks) and worker (queues, timers): two apps, each with just its rights"


def _welcome(stack: Stack) -> str:
    return f"""
Slipway is up.

  Pages              {stack.url}
  Runs as            {_roles(stack)}
  Inbox              {stack.inbox_url}   (links to approve arrive there, and are printed here)
  Traces             {stack.traces_url}   (or: make trace RELEASE=hello-1)
  Push a new image   make push VERSION=1.0.0
  One that fails     make push VERSION=1.1.0 ARGS="--variant wrong-total"
  Change rules       .venv/bin/slipway apply -f examples/hello-aks   (or another folder)
  Ask                .venv/bin/slipway releases · explain hello-1 · audit verify
  Logs               {stack.folder}/logs

Ctrl-C ends it; the next start begins afresh."""


if __name__ == "__main__":
    sys.exit(main())
