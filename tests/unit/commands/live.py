"""An installation in memory whose applications are in its ledger, and a team's folder that a test edits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from slipway.catalogue.stored import Stored
from slipway.commands.applying import Actor, Change
from slipway.testing import Installation, documents_in

OLGA = Actor(name="olga@example.com", claims=frozenset(), platform=True)


class Live(Installation):
    """An installation whose applications are in its ledger."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.restart(wrap=lambda ports: replace(ports, catalogue=None))

    def documents(self) -> list[Stored]:
        """What lies in the folder."""
        return documents_in(self.deliveries)

    def apply(self, actor: Actor = OLGA, *, reason: str = "because", app: str = "") -> dict[str, Change]:
        documents = [each for each in self.documents() if app in ("", each.subject.name)]
        changes = self.app.applying.apply(documents, actor, reason=reason)
        self.wait_a_moment()
        return {str(change.subject): change for change in changes}

    def wait_a_moment(self) -> None:
        self.app.catalogue.look_again()

    def edit(self, name: str = "shop", **fields: Any) -> None:
        """Change fields of an application's document."""
        self._edit(self.deliveries / name / "application.yaml", lambda value: value.update(fields))

    def edit_environment(self, environment: str, name: str = "shop", **fields: Any) -> None:
        def change(value: dict[str, Any]) -> None:
            next(each for each in value["environments"] if each["name"] == environment).update(fields)

        self._edit(self.deliveries / name / "application.yaml", change)

    def edit_gate(self, **fields: Any) -> None:
        def change(value: dict[str, Any]) -> None:
            value["environments"][-1]["gate"].update(fields)

        self._edit(self.deliveries / "shop" / "application.yaml", change)

    def edit_project(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._edit(self.deliveries / "project.yaml", change)

    def _edit(self, file: Path, change: Callable[[dict[str, Any]], None]) -> None:
        value = yaml.safe_load(file.read_text())
        change(value)
        file.write_text(yaml.safe_dump(value, sort_keys=False))
