"""The viewer's pages: the releases, and one trace as a waterfall. Plain HTML, also for phones and without
JavaScript."""

import html
from collections.abc import Sequence
from datetime import UTC, datetime

from .records import SpanRecord
from .store import ReleaseTrace
from .waterfall import Axis, Bar, duration

STYLE = """
:root{color-scheme:light dark;--line:#8885;--step:#0b6bcb;--wait:#9a6700;--call:#6e7781;--event:#1a7f5a;--bad:#cf222e}
*{box-sizing:border-box}body{font:15px/1.45 system-ui,sans-serif;max-width:76rem;margin:1.5rem auto;padding:0 1rem}
h1{font-size:1.35rem;margin:.2rem 0}a{color:var(--step)}p{margin:.3rem 0}table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.35rem .5rem;border-top:1px solid var(--line)}code{font-size:.85em}
.row{display:grid;grid-template-columns:minmax(11rem,30%) 1fr 4.5rem;gap:.5rem;align-items:center;
 border-top:1px solid var(--line);padding:.1rem 0;font-size:.85rem}
.name{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}.took{text-align:right;font-variant-numeric:tabular-nums}
.track{position:relative;height:1rem}.bar{position:absolute;top:.15rem;height:.7rem;min-width:3px;border-radius:2px;
 background:var(--call)}.step{background:var(--step)}.wait{background:repeating-linear-gradient(45deg,var(--wait) 0 4px,
 transparent 4px 7px);border:1px solid var(--wait)}.event,.function{background:var(--event)}.bad{background:var(--bad)}
.cut{position:absolute;top:0;bottom:0;border-left:2px dotted var(--line)}.more{color:var(--call)}
details{font-size:.85rem}summary{cursor:pointer}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0 .6rem}
@media(max-width:40rem){.row{grid-template-columns:44% 1fr 3.6rem;font-size:.78rem}body{padding:0 .6rem}}
"""


def frame(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>{body}</html>"
    )


def overview(release_traces: Sequence[ReleaseTrace], *, metrics: Sequence[str]) -> str:
    rows = "".join(
        f'<tr><td><a href="/releases/{html.escape(trace.release)}">{html.escape(trace.release)}</a>'
        f"<td>{_clock(trace.began)}<td>{duration(trace.ended - trace.began)}<td>{trace.spans}"
        f"<td>{'something went wrong' if trace.failed else ''}"
        for trace in release_traces
    )
    table = (
        f"<table><tr><th>Release<th>Began<th>Took<th>Spans<th>{rows}</table>"
        if release_traces
        else "<p>Nothing has arrived yet.</p>"
    )
    metric_items = "".join(f"<li><code>{html.escape(line)}</code>" for line in metrics)
    return frame("Traces", f"<h1>Traces</h1>{table}<h2>Newest metrics</h2><ul>{metric_items or '<li>none yet'}</ul>")


def waterfall(
    title: str, trace: str, bars: Sequence[Bar], axis: Axis, linked: Sequence[SpanRecord], *, everything: bool
) -> str:
    first = min((bar.span.began for bar in bars), default=0.0)
    last = max((bar.span.ended for bar in bars), default=0.0)
    cuts = "".join(
        f'<span class="cut" style="left:{place:.2%}" title="{duration(left_out)} without work are left out"></span>'
        for place, left_out in axis.cuts
    )
    link_text = "show less" if everything else "show every call"
    body = f"""<p><a href="/">All traces</a></p><h1>{html.escape(title)}</h1>
<p>Trace <code>{html.escape(trace)}</code>, began {_clock(first)}, {duration(last - first)} from first to last span.
<a href="?calls={"0" if everything else "1"}">{link_text}</a></p>{"".join(_row(bar, cuts) for bar in bars)}
{_linked_list(linked)}<h2>Details</h2>{"".join(_details(bar.span) for bar in bars)}"""
    return frame(title, body)


def _row(bar: Bar, cuts: str) -> str:
    span = bar.span
    kind = "bad" if span.failed else span.family
    environment = str(span.attributes.get("slipway.environment", ""))
    label = (
        f' <span class="more">{html.escape(environment)}</span>'
        if environment and span.family in ("step", "wait")
        else ""
    )
    return (
        f'<div class="row"><span class="name" style="padding-left:{min(bar.depth, 8) * 0.7}rem" '
        f'title="{html.escape(span.name)}">{html.escape(span.name)}{label}</span>'
        f'<span class="track">{cuts}<span class="bar {kind}" style="left:{bar.left:.2%};width:{bar.width:.2%}"></span>'
        f'</span><span class="took">{duration(span.ended - span.began)}</span></div>'
    )


def _linked_list(spans: Sequence[SpanRecord]) -> str:
    if not spans:
        return ""
    items = "".join(
        f'<li>{_clock(s.began)} <a href="/traces/{s.trace}">{html.escape(s.name)}</a> '
        f"{html.escape(str(s.attributes.get('slipway.actions', '')))}"
        for s in spans
    )
    return f"<h2>Linked spans of other traces</h2><ul>{items}</ul>"


def _details(span: SpanRecord) -> str:
    attributes = {**span.attributes, **({"error": span.reason} if span.failed else {})}
    lines = [f"{name} = {value}" for name, value in sorted(attributes.items())]
    lines += [f"link → {link.trace} / {link.span}" for link in span.links]
    return (
        f"<details><summary>{html.escape(span.name)}</summary><pre>{html.escape(chr(10).join(lines))}</pre></details>"
    )


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
