"""`python -m local.azuredevops --config FILE.json --port 0`: run the double as a process of its own.

Prints one line of JSON when it listens; ends on SIGTERM, on SIGINT, or with `--stop-with-parent` when its standard
input ends.
"""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

import jwt
from pydantic import ValidationError

from ..parent import when_parent_ends
from .access import Keys
from .journal import Journal
from .organization import Organization
from .server import AzureDevOps
from .settings import Settings, load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.azuredevops", description="A double of Azure DevOps.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the settings")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0, as by default, takes a free one")
    parser.add_argument("--stop-with-parent", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    try:
        settings = load(arguments.config)
    except (ValidationError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if arguments.stop_with_parent:
        when_parent_ends(stop.set)
    try:
        organization = _organization(settings)
        handle_local = Journal(organization, settings.journal).take if settings.journal else None
        with AzureDevOps(organization, keys=_keys(settings), port=arguments.port, handle_local=handle_local) as azure:
            print(
                json.dumps({"ready": True, "port": azure.port, "url": azure.url, "people_url": azure.people_url}),
                flush=True,
            )
            stop.wait()
    except (OSError, ValueError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _organization(settings: Settings) -> Organization:
    organization = Organization(name=settings.organization, tenant=settings.tenant)
    organization.projects |= settings.projects
    for somebody in settings.people:
        organization.person(somebody.name, somebody.mail, oid=somebody.oid)
    for reader in settings.readers:
        organization.admit(
            reader.name, oid=reader.oid, projects=reader.projects, basic=reader.basic, may_read_people=reader.people
        )
    return organization


def _keys(settings: Settings) -> Keys:
    if settings.keys_url is None:
        return lambda _: None
    client = jwt.PyJWKClient(settings.keys_url, timeout=5)

    def key(kid: str) -> jwt.PyJWK | None:
        try:
            return client.get_signing_key(kid)
        except jwt.PyJWKClientError:
            return None

    return key


if __name__ == "__main__":
    sys.exit(main())
