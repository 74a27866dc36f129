"""The stylesheet: contrast of every text and ground that it pairs, in light and in dark (WCAG AA: 4.5)."""

import re

import pytest

from slipway.web.templating import STYLESHEET

CSS = STYLESHEET.read_text()
TONES = ("good", "bad", "asks", "busy", "quiet")
PAIRS = [
    *((ink, ground) for ink in ("ink", "soft", "link", *TONES) for ground in ("ground", "surface")),
    *((tone, f"{tone}-tint") for tone in TONES),
    ("good-on", "good-fill"),
    ("bad-on", "bad-fill"),
]


def colours(scheme: str) -> dict[str, str]:
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in CSS.split("@media", 2)[:2])
    return light if scheme == "light" else light | dark


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read_on_its_ground(scheme: str, text: str, ground: str) -> None:
    palette = colours(scheme)
    lighter, darker = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_stylesheet_loads_nothing_from_elsewhere() -> None:
    assert "url(" not in CSS
    assert "@import" not in CSS
    assert len(CSS.encode()) < 20_000
