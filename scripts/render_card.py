"""Draws the Teams card from the tests' sample with Microsoft's own library, so that a person can look at it.

python scripts/render_card.py                   pictures into docs/images, light and dark (needs Chromium)
python scripts/render_card.py FOLDER            into another folder

`npm ci --prefix tools/card` installs the library. Colours and widths are close to those of Teams, not the same.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.render_pages import CHROMIUM  # noqa: E402 - the repository is put on the path first
from slipway.effects.notification.asking_card import asking_card  # noqa: E402
from slipway.effects.notification.card import card  # noqa: E402
from tests.unit.effects.notification.samples import LOCATE, for_everybody, gate_opened  # noqa: E402

LIBRARY = ROOT / "tools" / "card" / "node_modules" / "adaptivecards" / "dist" / "adaptivecards.min.js"
WIDTH = 640
COLOURS = {
    "light": {"page": "#f5f5f5", "card": "#ffffff", "text": "#242424", "faint": "#616161", "link": "#4f52b2"},
    "dark": {"page": "#1f1f1f", "card": "#292929", "text": "#ffffff", "faint": "#adadad", "link": "#9ea2ff"},
}
CARDS = {
    "teams-card": card(for_everybody()),
    "teams-question": asking_card(gate_opened(locate_url=LOCATE)),
    "teams-card-without-sign-in": card(for_everybody(locate_url="", asked_by=("approvers",))),
}


def page(content: dict[str, object], colours: dict[str, str]) -> str:
    shades = {
        name: {"default": colours["text"], "subtle": colours["faint"]}
        for name in ("default", "dark", "light", "good", "warning", "attention")
    } | {"accent": {"default": colours["link"], "subtle": colours["link"]}}
    config = {
        "fontFamily": "'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif",
        "fontSizes": {"small": 12, "default": 14, "medium": 16, "large": 18, "extraLarge": 24},
        "spacing": {"small": 4, "default": 8, "medium": 16, "large": 24, "extraLarge": 32, "padding": 16},
        "containerStyles": {"default": {"backgroundColor": colours["card"], "foregroundColors": shades}},
        "actions": {"actionsOrientation": "horizontal", "actionAlignment": "left", "buttonSpacing": 8, "maxActions": 6},
    }
    return f"""<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 16px; background: {colours["page"]}; }}
#card {{ border-radius: 4px; overflow: hidden; box-shadow: 0 1px 4px #0004; }}
a {{ color: {colours["link"]}; }}
.ac-pushButton {{ font: 600 14px 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif; padding: 6px 12px;
  border-radius: 4px; border: 1px solid {colours["faint"]}; background: none; color: {colours["text"]}; }}
.ac-input {{ font: 14px 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif; width: 100%; min-height: 48px; padding: 6px;
  box-sizing: border-box; border-radius: 4px; border: 1px solid {colours["faint"]}; background: none;
  color: {colours["text"]}; }}
.ac-pushButton.style-positive {{ background: #5b5fc7; border-color: #5b5fc7; color: #fff; }}
</style><div id="card"></div><script>{LIBRARY.read_text(encoding="utf-8")}</script><script>
const view = new AdaptiveCards.AdaptiveCard();
view.hostConfig = new AdaptiveCards.HostConfig({json.dumps(config)});
view.parse({_in_script(content)});
document.getElementById("card").appendChild(view.render());
document.title = String(document.documentElement.scrollHeight);
</script>"""


def _in_script(content: dict[str, object]) -> str:
    return json.dumps(content).replace("<", "\\u003c")


def shoot(html: str, target: Path) -> None:
    """Run Chromium twice: once for the height, once for the picture."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "card.html"
        source.write_text(html, encoding="utf-8")
        common = [shutil.which("chromium") or "chromium", *CHROMIUM, f"--user-data-dir={folder}/profile"]
        dump = subprocess.run(
            [*common, f"--window-size={WIDTH},400", "--dump-dom", source.as_uri()],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        height = int(dump.split("<title>")[1].split("</title>")[0])
        command = [*common, f"--window-size={WIDTH},{height}", f"--screenshot={target}", source.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "images")
    folder = parser.parse_args().folder.resolve()
    if not LIBRARY.exists():
        sys.exit("the library is not installed: run npm ci --prefix tools/card")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CARDS.items():
        for scheme, colours in COLOURS.items():
            target = folder / f"{name}-{scheme}.png"
            shoot(page(content, colours), target)
            sys.stdout.write(f"{target.name}\n")


if __name__ == "__main__":
    main()
