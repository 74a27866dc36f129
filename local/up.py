"""`make up`: the whole system on this machine, kept running to click around in. The next start continues from there."""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import urllib3

from slipway.catalogue import ConfigError

from .identity import laptop
from .process import ROOT, PartFailed, python
from .stack import Stack, StackOptions
from .stack.addresses import is_free
from .stack.options import EXAMPLE
from .stack.places import NamespaceRefused

FOLDER = ROOT / ".local"
RUN = FOLDER / "run"
STACK_FILE = FOLDER / "stack.json"
LOG = FOLDER / "up.log"
WATCH_EVERY = 1.0
UP = "\nSlipway is up.\n"
START_WITHIN = 180.0
"""Seconds that a start in the background may take."""


def main() -> int:
    options = _options()
    FOLDER.mkdir(exist_ok=True)
    if options.background:
        return _start_in_background(options)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _report_running(options)
        return _run(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make up ARGS=…", description=__doc__)
    parser.add_argument("--background", action="store_true", help="return once it is up; `make down` ends it")
    parser.add_argument("--fresh", action="store_true", help="delete the data of earlier starts, and begin afresh")
    parser.add_argument("--instances", type=int, default=1, choices=range(1, 5), help="instances of front and worker")
    parser.add_argument("--single", action="store_true", help="run one app that is front and worker at once")
    parser.add_argument("--port", type=int, default=7071, help="port of the front at the first start; or a free one")
    parser.add_argument(
        "--apply",
        type=Path,
        default=EXAMPLE,
        metavar="PATH",
        help="file or folder with the projects and applications that are applied at the first start",
    )
    parser.add_argument("--docker-registry", action="store_true", help="let Debian's docker-registry keep the images")
    parser.add_argument(
        "--service-bus-setting", metavar="NAME", help="environment variable with a real namespace's connection string"
    )
    for name in ("staging", "production"):
        parser.add_argument(f"--{name}-kubeconfig", type=Path, help=f"use this cluster as {name} instead of the double")
    return parser.parse_args()


def _report_running(options: argparse.Namespace) -> int:
    try:
        stack = json.loads(STACK_FILE.read_text())
    except (OSError, ValueError):
        print("Another start is under way.", file=sys.stderr)
        return 1
    print(f"Slipway is up already: {stack['url']}   (inbox {stack['inbox']}; `make down` ends it)")
    if options.fresh:
        print("To begin afresh, end it first: make down", file=sys.stderr)
        return 1
    return 0


def _start_in_background(options: argparse.Namespace) -> int:
    if STACK_FILE.exists() and _answers(json.loads(STACK_FILE.read_text())):
        return _report_running(options)
    STACK_FILE.unlink(missing_ok=True)
    words = [word for word in sys.argv[1:] if word != "--background"]
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            python("local.up", *words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    print(f"Starting in the background; the log is {LOG.relative_to(ROOT)} …", flush=True)
    end, shown_length = time.monotonic() + START_WITHIN, 0
    while process.poll() is None and time.monotonic() < end:
        if STACK_FILE.exists():
            print(_welcome(json.loads(STACK_FILE.read_text())))
            return 0
        shown_length = _relay(shown_length)
        time.sleep(0.2)
    print(LOG.read_text(errors="replace")[shown_length:], file=sys.stderr)
    return 1


def _relay(shown: int) -> int:
    """Print the start's new output, up to the line that says it is up; returns the length of the output so far."""
    output = LOG.read_text(errors="replace").partition(UP)[0]
    print(output[shown:], end="", flush=True)
    return len(output)


def _answers(stack: dict[str, Any]) -> bool:
    """Whether it is up. A computer that was switched off leaves the file behind."""
    try:
        health = f"{stack['url']}/api/health"
        return urllib3.request("GET", health, timeout=5, retries=False).status < 500
    except urllib3.exceptions.HTTPError:
        return False


def _run(options: argparse.Namespace) -> int:
    kubeconfigs = {n: path for n in ("staging", "production") if (path := getattr(options, f"{n}_kubeconfig"))}
    if options.fresh:
        shutil.rmtree(RUN, ignore_errors=True)
    stack_options = StackOptions(
        folder=RUN,
        keep=True,
        instances=options.instances,
        single=options.single,
        port=options.port if is_free(options.port) else 0,
        docker_registry=options.docker_registry,
        service_bus=os.environ[options.service_bus_setting] if options.service_bus_setting else None,
        apply=options.apply.resolve(),
        kubeconfigs=kubeconfigs,
        traces=True,
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    roles = "the app" if options.single else "front and worker of the app"
    beginning = "Continuing with the data of the last start" if RUN.exists() else "Starting afresh"
    print(f"{beginning}: Azurite, doubles of Azure's services, two registries, two clusters, and {roles} …", flush=True)
    try:
        stack, is_up = Stack(stack_options), threading.Event()
        threading.Thread(target=_print_progress, args=(stack, is_up), daemon=True).start()
        with stack:
            is_up.set()
            stack.keep_up()
            description = stack.describe() | {"up": os.getpid(), "logs": str(stack.folder / "logs")}
            new_file = STACK_FILE.with_suffix(".new")
            new_file.touch(mode=0o600)
            new_file.write_text(json.dumps(description, indent=2))
            new_file.replace(STACK_FILE)
            print(_welcome(description), flush=True)
            code = _watch(stack, ended)
            print("\nStopping …", flush=True)
    except (PartFailed, ConfigError, NamespaceRefused, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        STACK_FILE.unlink(missing_ok=True)
    return code


def _print_progress(stack: Stack, is_up: threading.Event) -> None:
    """Print the name of each part as its start begins."""
    begin, printed = time.monotonic(), 0
    while not is_up.wait(0.5):
        for part in stack.parts[printed:]:
            print(f"  {time.monotonic() - begin:5.1f} s  {part.name}", flush=True)
            printed += 1


def _watch(stack: Stack, ended: threading.Event) -> int:
    """Run until somebody ends it, or a part ends by itself. Meanwhile print new notices, and create the namespaces of
    newly applied applications."""
    shown_ids: set[str] = {notice["id"] for notice in stack.notices()}
    while not ended.wait(WATCH_EVERY):
        for part in stack.parts:
            if not part.alive:
                print(f"{part.name} ended by itself; its log is {part.log}", file=sys.stderr)
                return 1
        try:
            for namespace in stack.keep_up():
                print(f"\ncreated the namespace {namespace}", flush=True)
        except (NamespaceRefused, urllib3.exceptions.HTTPError) as error:
            print(f"the namespaces could not be checked: {error}", file=sys.stderr)
        for notice in stack.notices():
            if notice["id"] not in shown_ids:
                shown_ids.add(notice["id"])
                print(f"\n{notice['headline']}\n  {_decision_link(notice)}", flush=True)
    return 0


def _decision_link(notice: dict[str, Any]) -> str:
    """The link to follow from a notice: the page for people who sign in, or else the recipient's own link."""
    if notice["locate_url"]:
        people = {person.mail: person.name for person in laptop().people}
        return f"decide there, signed in as {people.get(notice['recipient'], 'an approver')}: {notice['locate_url']}"
    return str(notice["approval_url"] or notice["release_url"])


def _welcome(description: dict[str, Any]) -> str:
    return f"""{UP}
  Pages              {description["url"]}
  Sign in            without a password, by choosing who you are: Ada approves hello, Ben has her
                     role, Grace only looks, Olu operates the platform; Pia and Tom are of it too
  Inbox              {description["inbox"]}   (who is asked finds it there)
  Traces             {description["traces"]}   (or: make trace RELEASE=hello-1)
  Push a new image   make push VERSION=1.0.0
  One that fails     make push VERSION=1.1.0 ARGS="--variant wrong-total"
  Your own           .venv/bin/slipway new --help   (then: slipway apply -f FOLDER, make push APP=…)
  Ask                .venv/bin/slipway releases · explain hello-1 · audit verify
  Logs               {description["logs"]}

`make down`, or Ctrl-C where it runs, ends it; the next start goes on from there. `make up FRESH=1` starts over."""


if __name__ == "__main__":
    sys.exit(main())
