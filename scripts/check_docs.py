"""Check the docs: generated pages agree with the code, links lead somewhere, the site's navigation lists every page.

`--write` writes the generated pages again.
"""

import contextlib
import io
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
GENERATED = {
    "docs/reference/states.md": "scripts.reference.states",
    "docs/reference/project.schema.json": "slipway.catalogue.schema project",
    "docs/reference/application.schema.json": "slipway.catalogue.schema application",
    "docs/reference/api.md": "scripts.reference.api",
    "docs/reference/roles.md": "scripts.reference.roles",
    "docs/reference/rollouts.md": "scripts.reference.rollouts",
    "docs/reference/rights.md": "scripts.reference.rights",
    "docs/reference/audit-actions.md": "scripts.reference.audit_actions",
    "docs/reference/project.md": "scripts.reference.catalogue project",
    "docs/reference/application.md": "scripts.reference.catalogue application",
    "docs/reference/guards.md": "scripts.reference.guards",
    "docs/reference/cli.md": "scripts.reference.cli",
    "docs/reference/settings.md": "scripts.reference.settings",
    "docs/reference/cost-per-release.md": "bench.cost_page",
    "docs/reference/glossary.md": "scripts.reference.glossary",
    "docs/reference/telemetry.md": "scripts.reference.telemetry",
}
FILE_SETS = ("scripts.reference.formats",)
"""Modules that print a JSON object: the name of each file, and its content."""
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def output_of(module: str) -> str:
    """The output of `python -m module`, run in this process so that common modules are imported once.

    `module` may be followed by arguments.
    """
    name, *arguments = module.split()
    output, saved_arguments = io.StringIO(), sys.argv
    sys.argv = [name, *arguments]
    try:
        with contextlib.redirect_stdout(output):
            runpy.run_module(name, run_name="__main__")
    finally:
        sys.argv = saved_arguments
    return output.getvalue()


def stale_pages(*, write: bool) -> list[str]:
    problems = []
    pages = [(name, module, output_of(module)) for name, module in GENERATED.items()]
    pages += [(name, module, text) for module in FILE_SETS for name, text in json.loads(output_of(module)).items()]
    for name, module, current in pages:
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == current:
            continue
        if write:
            path.write_text(current, encoding="utf-8")
        else:
            problems.append(f"{name}: is not what `python -m {module}` prints; run `make docs`")
    return problems


def dead_links() -> list[str]:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split("\0")
    problems = []
    for name in filter(None, names):
        page = ROOT / name
        if not page.exists():
            continue
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                problems.append(f"{name}: the link to {target} leads nowhere")  # noqa: PERF401
    return problems


def unlisted_pages() -> list[str]:
    """Pages that no reader of the site can find."""
    navigation = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    return [f"docs/{page}: is not in the navigation of mkdocs.yml: add it there" for page in sorted(pages - navigation)]


def main() -> int:
    problems = stale_pages(write="--write" in sys.argv[1:]) + dead_links() + unlisted_pages()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
