"""`python -m local.kubernetes`: run the double as a process of its own."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from ..parent import when_parent_ends
from .kubeconfig import kubeconfig, write_kubeconfig
from .server import Kubernetes
from .settings import ConfigError, KubernetesSettings, read_settings


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings(options.config) if options.config else KubernetesSettings()
        if options.simulate and not settings.simulate:
            settings = settings.model_copy(update={"simulate": True})
        cluster = Kubernetes(settings, port=options.port)
    except ConfigError as error:
        print(f"config: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"--port {options.port}: cannot listen on 127.0.0.1: {error.strerror}", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.stop_with_parent:
        when_parent_ends(stop.set)
    with cluster:
        if options.kubeconfig:
            token = settings.tokens[0] if settings.tokens else None
            write_kubeconfig(options.kubeconfig, kubeconfig(cluster.url, token))
        print(json.dumps({"ready": True, "port": cluster.port, "url": cluster.url}), flush=True)
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.kubernetes", description=__doc__)
    parser.add_argument("--config", type=Path, help="JSON file, see README.md")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 for a free one")
    parser.add_argument("--simulate", action="store_true", help="run no programs: pods become ready by rules")
    parser.add_argument("--kubeconfig", type=Path, help="write a kubeconfig here")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
