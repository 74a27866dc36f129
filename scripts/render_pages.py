"""Renders every page from the samples that the tests use, so that a person can look at them.

python scripts/render_pages.py FOLDER            HTML and the stylesheet
python scripts/render_pages.py FOLDER --shots    also pictures: phone and desktop, light and dark (needs Chromium)
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from slipway.web.templating import STYLESHEET  # noqa: E402 - the repository is put on the path first
from tests.unit.web.samples import pages  # noqa: E402

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def write(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(STYLESHEET, folder / "slipway.css")
    paths = []
    for name, response in pages().items():
        body = response.body.decode()
        start = body.index("/assets/slipway.css")
        end = body.index('"', start)
        path = folder / f"{name}.html"
        path.write_text(body[:start] + "slipway.css" + body[end:])
        sys.stdout.write(f"{name}: {response.status}, {len(response.body) / 1024:.1f} KB\n")
        paths.append(path)
    return paths


def shoot(page: Path, *, whole: bool) -> None:
    """One picture per size and scheme; `whole` makes it tall enough for the whole page, roughly."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            target = page.with_name(f"{page.stem}-{size}-{scheme}.png")
            with tempfile.TemporaryDirectory() as profile:
                command = [
                    shutil.which("chromium") or "chromium",
                    *CHROMIUM,
                    f"--user-data-dir={profile}",
                    f"--window-size={width},{height * (4 if whole else 1)}",
                    f"--screenshot={target}",
                    *(["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []),
                    page.as_uri(),
                ]
                subprocess.run(command, check=True, capture_output=True, timeout=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shots", action="store_true", help="take pictures with Chromium")
    parser.add_argument("--whole", action="store_true", help="tall pictures, not only the first view")
    parser.add_argument("--only", default="", help="only pages whose name starts with this")
    options = parser.parse_args()
    for page in write(options.folder.resolve()):
        if options.shots and page.stem.startswith(options.only):
            shoot(page, whole=options.whole)


if __name__ == "__main__":
    main()
