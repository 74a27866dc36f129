"""`make cluster`: two clusters with a real Kubernetes control plane, staging and production, until Ctrl-C.

python -m local.cluster                               both, with simulated pods
python -m local.cluster build                         build the programs only
python -m local.cluster run --config cluster.json     one, as the stack starts it: prints one JSON line when it is ready

--kubernetes=1.33.13, before any of these, selects another version than the newest one here.
"""

import argparse
import fcntl
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from local.kubernetes.settings import ConfigError, KubernetesSettings, read_settings
from local.process import ROOT, Part, PartFailed, python

from .building import KUBERNETES, VERSIONS, NotBuilt, build, complete_programs
from .cluster import RealCluster

FOLDER = ROOT / ".local" / "cluster"
STATE = FOLDER / "clusters.json"
NAMES = ("staging", "production")
_POLL_SECONDS = 1.0


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        match options.command:
            case "run":
                return _run(options)
            case "build":
                print(f"The programs are in {build(_say, kubernetes=options.kubernetes).folder}")
                return 0
            case _:
                return _build_and_run(options.kubernetes)
    except NotBuilt as reason:
        print(reason, file=sys.stderr)
        return 1
    except (ConfigError, PartFailed) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.cluster", description=__doc__)
    parser.add_argument(
        "--kubernetes",
        choices=list(VERSIONS),
        default=KUBERNETES,
        metavar="VERSION",
        help=f"one of {', '.join(VERSIONS)}",
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("build", help="build the programs that are missing")
    run = commands.add_parser("run", help="run one cluster until it is told to end")
    run.add_argument("--config", type=Path, help="JSON file, with the settings that the double takes too")
    run.add_argument("--folder", type=Path, required=True, help="where it keeps its state; emptied first")
    run.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _run(options: argparse.Namespace) -> int:
    settings = read_settings(options.config) if options.config else KubernetesSettings(simulate=True)
    ended = _on_stop(with_input=options.stop_with_parent)
    with RealCluster(
        settings, programs=complete_programs(options.kubernetes), folder=options.folder.resolve()
    ) as cluster:
        users = {token.user: str(cluster.kubeconfig_of(token.user)) for token in settings.tokens}
        line = {
            "ready": True,
            "port": cluster.port,
            "url": cluster.url,
            "kubeconfig": str(cluster.kubeconfig),
            "users": users,
            "pids": cluster.pids,
        }
        print(json.dumps(line), flush=True)
        ended.wait()
    return 0


def _on_stop(*, with_input: bool = False) -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if with_input:
        threading.Thread(target=_wait_for_end_of_input, args=(ended,), daemon=True).start()
    return ended


def _wait_for_end_of_input(over: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # a thread blocked in the buffered reader would hold its lock at exit
        continue
    over.set()


def _build_and_run(kubernetes: str) -> int:
    build(_say, kubernetes=kubernetes)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"The clusters of this folder are up already; see {STATE.relative_to(ROOT)}", file=sys.stderr)
            return 1
        return _run_until_ended(kubernetes)


def _run_until_ended(kubernetes: str) -> int:
    ended = _on_stop()
    parts: list[Part] = []
    try:
        for name in NAMES:
            folder = FOLDER / name
            arguments = ("--kubernetes", kubernetes, "run", "--folder", str(folder), "--stop-with-parent")
            command = python("local.cluster", *arguments)
            parts.append(Part(f"cluster-{name}", command, log=FOLDER / f"{name}.log"))
        ready = {name: part.ready() for name, part in zip(NAMES, parts, strict=True)}
        STATE.write_text(json.dumps(ready, indent=2), encoding="utf-8")
        print(_welcome(ready, kubernetes), flush=True)
        while not ended.wait(_POLL_SECONDS):
            for part in parts:
                if not part.alive:
                    raise part.failed("ended by itself")
    finally:
        STATE.unlink(missing_ok=True)
        for part in parts:
            part.ask_to_stop()
        for part in parts:
            part.stop()
    return 0


def _welcome(ready: dict[str, dict[str, str]], kubernetes: str) -> str:
    lines = [f"  {name:<12} {cluster['url']}   KUBECONFIG={cluster['kubeconfig']}" for name, cluster in ready.items()]
    return "\n".join(
        [
            f"Two clusters of Kubernetes {kubernetes} are up: real control planes, a node each, and simulated pods.",
            "",
            *lines,
            "",
            "  Test         make test-cluster KUBECONFIG=FILE",
            '  Deliver      make up ARGS="--staging-kubeconfig FILE --production-kubeconfig FILE"',
            f"  Processes    {STATE.relative_to(ROOT)}; each is started again when it ends",
            "",
            "Ctrl-C ends them; the next start begins with empty clusters.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
