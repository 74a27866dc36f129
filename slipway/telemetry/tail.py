"""Tail sampling that never drops an error: the decision is made when a local trace has ended and is complete.

A *local trace* is one run of a function in this process: a span whose parent is elsewhere, with all spans below it. It
is kept whole if any of its spans failed, or if its trace id falls into the share to keep. Since the share depends on
the trace id, every process decides alike: a release is kept either from push to production, or only in its failed
parts. Head sampling (a parent's `sampled` flag) cannot do that, since it decides before the outcome is known.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import StatusCode

SPANS = 2_000
"""The most spans held back for one local trace. A trace that grows larger is exported, whatever its outcome."""
TRACES = 500
"""The most open local traces. If there are more, the oldest is exported, to limit the memory used."""


@dataclass
class _LocalTrace:
    """A local trace in progress."""

    keep: bool = False
    spans: list[ReadableSpan] = field(default_factory=list)
    open: set[int] = field(default_factory=set)


class KeepWhole(SpanProcessor):
    """Holds spans back until their local trace has ended, then exports all or none of them."""

    def __init__(self, onward: SpanProcessor, share: float = 1.0) -> None:
        self._onward = onward
        self._below = round(share * 2**64)
        self._locals: OrderedDict[int, _LocalTrace] = OrderedDict()
        self._of_span: dict[int, int] = {}
        """Span → the root of its local trace."""
        self._lock = threading.Lock()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._onward.on_start(span, parent_context)
        if span.context is None:
            return  # it belongs to no trace
        span_id, parent = span.context.span_id, span.parent
        with self._lock:
            root = span_id if parent is None or parent.is_remote else self._of_span.get(parent.span_id, span_id)
            self._of_span[span_id] = root
            local = self._locals.get(root)
            if local is None:
                local = self._locals[root] = _LocalTrace(keep=self._in_share(span.context.trace_id))
            local.open.add(span_id)
            evicted = self._take_oldest() if len(self._locals) > TRACES else []
        self._hand_on(evicted)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None:
            return
        span_id = span.context.span_id
        with self._lock:
            root = self._of_span.pop(span_id, span_id)
            local = self._locals.get(root) or _LocalTrace(keep=self._in_share(span.context.trace_id))
            local.open.discard(span_id)
            local.spans.append(span)
            local.keep = local.keep or span.status.status_code is StatusCode.ERROR or len(local.spans) > SPANS
            ended = not local.open
            if ended:
                self._locals.pop(root, None)
            ready: list[ReadableSpan] = []
            if local.keep:
                ready, local.spans = local.spans, []
        self._hand_on(ready)

    def shutdown(self) -> None:
        self._export_open()
        self._onward.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._onward.force_flush(timeout_millis)

    def _in_share(self, trace: int) -> bool:
        """Decides by the last 64 bits of the id, like OpenTelemetry's ratio-based sampler."""
        return (trace & (2**64 - 1)) < self._below

    def _take_oldest(self) -> list[ReadableSpan]:
        _, oldest = self._locals.popitem(last=False)
        for span in oldest.open:
            self._of_span.pop(span, None)
        return oldest.spans

    def _export_open(self) -> None:
        """Export the traces still open when the process ends: one of them may show why it ended."""
        with self._lock:
            left = [span for local in self._locals.values() for span in local.spans]
            self._locals.clear()
            self._of_span.clear()
        self._hand_on(left)

    def _hand_on(self, spans: list[ReadableSpan]) -> None:
        for span in spans:
            self._onward.on_end(span)
