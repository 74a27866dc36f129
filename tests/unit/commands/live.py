"""An installation in memory whose applications are in its ledger, and a team's folder that a test edits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, override

import yaml

from slipway.bootstrap import App, Ports, Settings, app
from slipway.catalogue.stored import StoredDocument
from slipway.commands.comparing import SubjectChange
from slipway.commands.saying import StatementReceipt
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
        """Another instance over the same storage and queues, with caches of its own."""
        return app(self.ports, Settings.model_validate({**SETTINGS, **self.settings}))

    def documents(self) -> list[StoredDocument]:
        """The documents in the folder."""
        return documents_in(self.deliveries)

    def apply(self, who: Speaker = OLGA, *, reason: str = "because", app: str = "") -> dict[str, Changed]:
        """Apply the folder, by way of front and worker; returns the outcome of each document."""
        return self._outcomes(self.say(who, reason=reason, app=app))

    def say(
        self, who: Speaker = OLGA, *, reason: str = "because", app: str = ""
    ) -> StatementReceipt | ToConfirm | tuple[SubjectChange, ...]:
        """What the front does with the documents in the folder."""
        documents = [document for document in self.documents() if app in ("", document.subject.name)]
        return self.app.submitting.apply(documents, who, reason=reason)

    def remove(self, subject: Subject, who: Speaker = OLGA, *, reason: str = "over") -> dict[str, Changed]:
        return self._outcomes(self.app.submitting.remove(subject, who, reason=reason))

    def reply(self, answer: StatementReceipt | ToConfirm | tuple[SubjectChange, ...]) -> Reply:
        """What has become of a change so far."""
        assert isinstance(answer, StatementReceipt), f"the front refused {answer}"
        return self.app.answers.reply(answer.partition, answer.id)

    def _outcomes(self, answer: StatementReceipt | ToConfirm | tuple[SubjectChange, ...]) -> dict[str, Changed]:
        assert not isinstance(answer, ToConfirm), f"a person has to confirm {answer.compared}"
        if not isinstance(answer, StatementReceipt):
            refused = (
                Changed(subject=str(change.subject), outcome=change.outcome, refused=line(change.refused))
                for change in answer
            )
            return {change.subject: change for change in refused}
        self.hear()
        self.wait_a_moment()
        outcome = self.reply(answer).answered
        assert outcome is not None, self.reply(answer)
        return {change.subject: change for change in outcome.changes}

    def wait_a_moment(self) -> None:
        self.app.catalogue.look_again()

    def edit(self, name: str = "shop", **fields: Any) -> None:
        """Change fields of an application's document."""
        self._edit(self.deliveries / name / "application.yaml", lambda value: value.update(fields))

    def edit_environment(self, environment: str, name: str = "shop", **fields: Any) -> None:
        def change(value: dict[str, Any]) -> None:
            next(item for item in value["environments"] if item["name"] == environment).update(fields)

        self._edit(self.deliveries / name / "application.yaml", change)

    def edit_gate(self, **fields: Any) -> None:
        def change(value: dict[str, Any]) -> None:
            value["environments"][-1]["gate"].update(fields)

        self._edit(self.deliveries / "shop" / "application.yaml", change)

    def edit_project(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._edit(self.deliveries / "project.yaml", change)

    def _edit(self, file: Path, change: Callable[[dict[str, Any]], None]) -> None:
        document = yaml.safe_load(file.read_text())
        change(document)
        file.write_text(yaml.safe_dump(document, sort_keys=False))
