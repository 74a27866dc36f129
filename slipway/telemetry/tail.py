"""Sampling that never drops an error: the decision is taken when a local trace has ended, with all of it at hand.

A *local trace* is what one run of a function did in this process: the spans below one whose parent is somewhere else.
It is kept whole when anything in it went wrong, or when its trace id falls into the share that is kept. The share is
taken by the trace's id, so every process decides alike and a release is either kept from push to production, or only
those parts of it that went wrong. A head decision (a parent's `sampled` flag) could not do that: it is taken before
anybody knows how things end, so it can keep whole traces but not the bad ones.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import StatusCode

SPANS = 2_000
"""Of one local trace. One that is larger is let through from there on, whatever comes of it."""
TRACES = 500
"""Local traces that are open at once. The oldest is let through when there are more: memory is not to run out."""


@dataclass
class _Local:
    """One local trace while it lasts."""

    kept: bool = False
    spans: list[ReadableSpan] = field(default_factory=list)
    open: set[int] = field(default_factory=set)


class KeepWhole(SpanProcessor):
    """Holds spans back until their local trace has ended, then hands on all or none of them."""

    def __init__(self, onward: SpanProcessor, share: float = 1.0) -> None:
        self._onward = onward
        self._below = round(share * 2**64)
        self._locals: OrderedDict[int, _Local] = OrderedDict()
        self._of_span: dict[int, int] = {}
        """Span → the root of its local trace."""
        self._lock = threading.Lock()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._onward.on_start(span, parent_context)
        assert span.context is not None
        mine, above = span.context.span_id, span.parent
        with self._lock:
            root = self._of_span.get(above.span_id, mine) if above is not None and not above.is_remote else mine
            self._of_span[mine] = root
            local = self._locals.get(root)
            if local is None:
                local = self._locals[root] = _Local(kept=self._in_share(span.context.trace_id))
            local.open.add(mine)
            crowded = self._take_oldest() if len(self._locals) > TRACES else []
        self._hand_on(crowded)

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        mine = span.context.span_id
        with self._lock:
            root = self._of_span.pop(mine, mine)
            local = self._locals.get(root) or _Local(kept=self._in_share(span.context.trace_id))
            local.open.discard(mine)
            local.spans.append(span)
            local.kept = local.kept or span.status.status_code is StatusCode.ERROR or len(local.spans) > SPANS
            ended = not local.open
            if ended:
                self._locals.pop(root, None)
            ready: list[ReadableSpan] = []
            if local.kept:
                ready, local.spans = local.spans, []
        self._hand_on(ready)

    def shutdown(self) -> None:
        self._let_go()
        self._onward.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._onward.force_flush(timeout_millis)

    def _in_share(self, trace: int) -> bool:
        """By the last 64 bits of the id, as samplers that keep a share do."""
        return (trace & (2**64 - 1)) < self._below

    def _take_oldest(self) -> list[ReadableSpan]:
        _, oldest = self._locals.popitem(last=False)
        for span in oldest.open:
            self._of_span.pop(span, None)
        return oldest.spans

    def _let_go(self) -> None:
        """What is still open when the process ends may be what went wrong: it is handed on."""
        with self._lock:
            left = [span for local in self._locals.values() for span in local.spans]
            self._locals.clear()
            self._of_span.clear()
        self._hand_on(left)

    def _hand_on(self, spans: list[ReadableSpan]) -> None:
        for span in spans:
            self._onward.on_end(span)
