"""The page docs/reference/telemetry.md: `python -m scripts.reference.telemetry`."""

import sys

from slipway.telemetry.names import Attribute, Family, Metric

_INTRODUCTION = """\
# Telemetry

Made by `python -m scripts.reference.telemetry` from the list of names that the code uses. How to read it all is in
[Observe an installation](../how-to/observe.md). Nothing secret is in any of it: secrets are removed from every text
before it is sent, and of a page's address only the route is sent.

## Spans

A span's name is one of these words and what it is about: `step deploy`, `cluster apply`, `function take_event`. In
Application Insights they are rows of `AppDependencies`, with the attributes in `Properties`.
"""


def page() -> str:
    return "\n".join(
        [
            _INTRODUCTION,
            _table(("first word", "what it is"), [(f"`{family}`", family.meaning) for family in Family]),
            _METRICS,
            _table(
                ("metric", "kind", "unit", "what it is", "attributes"),
                [
                    (
                        f"`{m}`",
                        str(m.kind),
                        m.unit.strip("{}"),
                        m.meaning,
                        ", ".join(f"`{a}`" for a in m.attributes) or "–",
                    )
                    for m in Metric
                ],
            ),
            "\n## Attributes\n",
            _table(("attribute", "what it is"), [(f"`{attribute}`", attribute.meaning) for attribute in Attribute]),
            _LOGS,
        ]
    )


_METRICS = """
## Metrics

Rows of `AppMetrics`: `Name`, `Sum`, `ItemCount`, `Max`, and the attributes in `Properties`.
"""

_LOGS = """
## Log records

Every record has the fields `application`, `release`, `environment` and `step`, empty where there is none; sent by OTLP
or to `AppTraces` they are `slipway.application` and so on, beside the ids of the trace and the span it belongs to.
"""


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


if __name__ == "__main__":
    sys.stdout.write(page())
