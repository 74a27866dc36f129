"""The state diagram of a release, made from `Phase` so that it cannot say anything else.

`python -m scripts.reference.states` prints what docs/reference/states.md holds.
"""

import sys

from slipway.domain.phases import Phase

_INTRODUCTION = """\
# States of a release

Made by `python -m scripts.reference.states` from the phases in `slipway/domain/phases.py`.
Only the steps drawn here can be taken: the code refuses any other.
"""

_ENDS = """\
The last seven are ends. A release leaves one only when a person sends it out again, and never once it has completed: it
stays the same release with the same digest, and goes on in the environment where it ended, as a new attempt.

Only `completed`, `failed` and `rolled_back` may have touched the cluster of the environment they ended in; a release
that was rejected, expired, superseded or cancelled has not.
"""


def diagram() -> str:
    """The mermaid source, in the order in which the phases are declared."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.JOINING}"]
    for phase in Phase:
        lines += [f"    {phase} --> {following}" for following in _next_phases(phase)]
    lines += [f"    {phase} --> [*]" for phase in Phase if phase.final]
    return "\n".join(lines)


def table() -> str:
    """Every phase with its meaning, whether it holds the lane, and what may follow."""
    lines = ["| phase | meaning | holds its lane | followed by |", "|---|---|---|---|"]
    for phase in Phase:
        holds = "yes" if phase.holds_lane else ""
        following = ", ".join(f"`{f}`" for f in _next_phases(phase)) or "nothing: an end"
        following = f"nothing by itself; when it is tried again: {following}" if phase.retryable else following
        lines.append(f"| `{phase}` | {phase.meaning} | {holds} | {following} |")
    return "\n".join(lines)


def page() -> str:
    """The whole of docs/reference/states.md."""
    return f"{_INTRODUCTION}\n```mermaid\n{diagram()}\n```\n\n{table()}\n\n{_ENDS}"


def _next_phases(phase: Phase) -> list[Phase]:
    return [following for following in Phase if following in phase.followers]


if __name__ == "__main__":
    sys.stdout.write(page())
