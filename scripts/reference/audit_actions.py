"""The page docs/reference/audit-actions.md, made from `Action`: `python -m scripts.reference.audit_actions`."""

import sys

from slipway.domain.actions import Action
from slipway.domain.audit_query import ActionClass

_START = """# Actions of the audit trail

Made by `python -m scripts.reference.audit_actions` from `slipway/domain/actions.py`.

`action` of a [record](audit-format.md) is one of these. Pages and terminal show an action in the same tone: *good*,
*bad*, *asks* (for attention), *busy* (work is going on) or *quiet* (routine). *Stage* is the
[stage](numbers.md) of the release that begins with the record; "ends" is where the running one ends and none begins.
The *class* can be given as a filter in place of an action, and `intervention` stands for any freeze, override,
waiver, rejection or rollback.

A trail that a newer version wrote may hold other actions. They are verified like all records, are shown as unknown and
ask for attention, and count in no class, stage or number.

| Action | Meaning | Tone | Stage | Class |
|---|---|---|---|---|
"""


def page() -> str:
    rows = (
        f"| `{action}` | {action.meaning} | {action.tone} | {_stage(action)} | {', '.join(_classes(action))} |\n"
        for action in Action
    )
    return _START + "".join(rows)


def _stage(action: Action) -> str:
    if action.begins is not None:
        return f"`{action.begins}`"
    return "ends" if action.ends_stage else ""


def _classes(action: Action) -> list[str]:
    classes = (kind for kind in ActionClass if kind is not ActionClass.INTERVENTION)
    return [f"`{kind}`" for kind in classes if kind.holds(action)]


if __name__ == "__main__":
    sys.stdout.write(page())
