"""Traces, metrics and logs of the app, for its operators. The lowest layer, which does not know releases or queues.

The rest of the app calls the functions below. They do nothing until `slipway.telemetry.sdk.begin` has installed the
real recorder, and until then the OpenTelemetry SDK is not imported. `names` lists everything that the app can emit;
docs/reference/telemetry.md, the alerts and the workbook are checked against it.
"""

from .calls import observed
from .names import Attribute, Family, Metric
from .recording import (
    Span,
    Values,
    about,
    add,
    carrier,
    current_traceparent,
    measure,
    receiving,
    span,
    trace_id,
    within_message,
)

__all__ = [
    "Attribute",
    "Family",
    "Metric",
    "Span",
    "Values",
    "about",
    "add",
    "carrier",
    "current_traceparent",
    "measure",
    "observed",
    "receiving",
    "span",
    "trace_id",
    "within_message",
]
