"""`python -m local.registry --config FILE.json --port 0`: run the double as a process of its own.

Prints one line of JSON when it listens; ends on SIGTERM, on SIGINT, or with `--stop-with-parent` when its standard
input ends.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from pydantic import ValidationError

from ..parent import when_parent_ends
from .server import serve
from .settings import Settings, SettingsError, explain, load


def main() -> int:
    arguments = _arguments()
    try:
        settings = _settings(arguments)
        asyncio.run(_run(settings, stop_with_parent=arguments.stop_with_parent))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.registry", description="A double of ACR.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the settings")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for a free one (instead of the file's)")
    parser.add_argument("--backend", help="URL of a docker-registry that keeps the content (instead of the file's)")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def _settings(arguments: argparse.Namespace) -> Settings:
    overrides = {name: value for name in ("port", "backend") if (value := getattr(arguments, name)) is not None}
    try:
        return load(arguments.config).evolve(**overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(f"command line: {line}" for line in explain(error))) from None


async def _run(settings: Settings, *, stop_with_parent: bool) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(settings) as port:
        if stop_with_parent:
            when_parent_ends(lambda: loop.call_soon_threadsafe(stop.set))
        login_server = f"{settings.host}:{port}"
        ready = {"ready": True, "port": port, "login_server": login_server, "url": f"http://{login_server}"}
        print(json.dumps(ready), flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
