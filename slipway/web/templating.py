"""The Jinja environment: autoescaping, an error for undefined values, and the one stylesheet."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..domain.model import sha256
from ..text import moment, one_line, short, visible, web_address
from . import times, words
from .answer import FOR_EVER, Answer, asset

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
STYLESHEET = _HERE / "assets" / "slipway.css"
PLACES = (
    ("board", "/", "Board"),
    ("catalogue", "/catalogue", "Applications"),
    ("audit", "/audit", "Audit trail"),
    ("numbers", "/numbers", "Numbers"),
    ("operate", "/operate", "Freezes"),
    ("parked", "/parked", "Parked"),
)
"""The navigation: the name with which a page marks itself as current, its address, its label."""


@cache
def _stylesheet() -> tuple[bytes, str]:
    content = STYLESHEET.read_bytes()
    return content, short(sha256(content))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - most starts show no page

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "css": words.css,
        "moment": moment,
        "relative": times.relative,
        "one_line": one_line,
        "drift_badge": words.drift_badge,
        "vote_badge": words.vote_badge,
        "iso": datetime.isoformat,
        "short": short,
        "visible": visible,
        "web_address": web_address,
    }
    environment.globals["places"] = PLACES
    environment.globals["stylesheet"] = f"/assets/slipway.css?v={_stylesheet()[1]}"
    return environment


def render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


def stylesheet(version: str) -> Answer:
    """The stylesheet. If the address has its current version, it may be cached for ever."""
    content, current = _stylesheet()
    return asset(content, media_type="text/css", cache=FOR_EVER if version == current else "no-cache")
