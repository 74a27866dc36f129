"""Traces, metrics and logs of the app, for its operators. The lowest layer: it knows nothing of releases or queues.

The rest of the app calls the few functions below, which do nothing at all until `slipway.telemetry.start` has been
called; nothing of the OpenTelemetry SDK is imported before that. What can be emitted is listed in `names`, and only
that: docs/reference/telemetry.md, the alerts and the workbook are checked against the list.
"""

from .calls import observed
from .names import Attribute, Family, Metric
from .recording import Span, Values, about, add, carrier, measure, message, received, receiving, span, trace_id

__all__ = [
    "Attribute",
    "Family",
    "Metric",
    "Span",
    "Values",
    "about",
    "add",
    "carrier",
    "measure",
    "message",
    "observed",
    "received",
    "receiving",
    "span",
    "trace_id",
]
