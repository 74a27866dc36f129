"""`python -m local.servicebus --config FILE.json`: prints one line of JSON when ready, then serves until stopped.

SIGUSR1 cuts every connection off, and SIGUSR2 lets clients reconnect: a failover, in which the service loses nothing.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from ..parent import when_parent_ends
from .server import Server, connection_string
from .settings import BusSettings, SettingsError, read_settings

_BAD_SETTINGS, _CANNOT_LISTEN = 2, 1


def main() -> int:
    arguments = _arguments()
    try:
        settings = read_settings(arguments.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return _BAD_SETTINGS
    try:
        asyncio.run(_serve(settings, arguments))
    except OSError as error:
        print(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return _CANNOT_LISTEN
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.servicebus", description="Service Bus queues over AMQP 1.0")
    parser.add_argument("--config", type=Path, required=True, help="JSON file that lists the queues")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--stop-with-parent", action="store_true", help="stop when stdin is closed")
    return parser.parse_args()


async def _serve(settings: BusSettings, arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server, tasks = Server(settings), set[asyncio.Task[None]]()
    port = await server.start(host=arguments.host, port=arguments.port)
    if arguments.stop_with_parent:
        when_parent_ends(lambda: loop.call_soon_threadsafe(stopped.set))
    loop.add_signal_handler(signal.SIGUSR1, server.cut)
    loop.add_signal_handler(signal.SIGUSR2, lambda: tasks.add(loop.create_task(server.listen_again())))
    connection = connection_string(settings, host=arguments.host, port=port)
    print(json.dumps({"ready": True, "port": port, "connection_string": connection}), flush=True)
    await stopped.wait()
    await server.stop()


if __name__ == "__main__":
    sys.exit(main())
