"""An installation in memory whose applications are in its ledger, and a team's folder that a test edits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, override

import yaml

from slipway.bootstrap import App, Ports, Settings, app
from slipway.catalogue.stored import StoredDocument
from slipway.commands.comparing import SubjectChange
from slipway.commands.saying import Said
from slipway.commands.submitting import ToConfirm
from slipway.domain.changing import Changed, line
from slipway.domain.inbox import Speaker, Via
from slipway.domain.versions import Subject
from slipway.queries.answers import Reply
from slipway.testing import Installation, documents_in
from slipway.testing.installation import SETTINGS
from slipway.testing.sign_in import person

OLGA = Speaker(oid=person(7, "Olga").oid, name="olga@example.com", roles=("platform",), via=Via.CLI)


class Live(Installation):
    """An installation whose applications are in its ledger."""

    @override
    def as_ports(self, deliveries: Path) -> Ports:
        return replace(super().as_ports(deliveries), catalogue=None)

    def another(self) -> App:
        """Another instance over the same storage and queues, which remembers for itself."""
        return app(self.ports, Settings.model_validate({**SETTINGS, **self.settings}))

    def documents(self) -> list[StoredDocument]:
        """The documents in the folder."""
        return documents_in(self.deliveries)

    def apply(self, who: Speaker = OLGA, *, reason: str = "because", app: str = "") -> dict[str, Changed]:
        """Apply the folder, by way of front and worker; returns the outcome of each document."""
        return self._done(self.say(who, reason=reason, app=app))

    def say(
        self, who: Speaker = OLGA, *, reason: str = "because", app: str = ""
    ) -> Said | ToConfirm | tuple[SubjectChange, ...]:
        """What the front does with the documents in the folder."""
        documents = [each for each in self.documents() if app in ("", each.subject.name)]
        return self.app.submitting.apply(documents, who, reason=reason)

    def remove(self, subject: Subject, who: Speaker = OLGA, *, reason: str = "over") -> dict[str, Changed]:
        return self._done(self.app.submitting.remove(subject, who, reason=reason))

    def reply(self, said: Said | ToConfirm | tuple[SubjectChange, ...]) -> Reply:
        """What became of a change, as far as the worker is."""
        assert isinstance(said, Said), f"the front refused {said}"
        return self.app.answers.reply(said.partition, said.id)

    def _done(self, said: Said | ToConfirm | tuple[SubjectChange, ...]) -> dict[str, Changed]:
        assert not isinstance(said, ToConfirm), f"a person has to confirm {said.compared}"
        if not isinstance(said, Said):
            refused = (
                Changed(subject=str(each.subject), outcome=each.outcome, refused=line(each.refused)) for each in said
            )
            return {each.subject: each for each in refused}
        self.hear()
        self.wait_a_moment()
        answered = self.reply(said).answered
        assert answered is not None, self.reply(said)
        return {each.subject: each for each in answered.changes}

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
