"""mkdocs hook: the site holds the files that the docs link to, and reads Markdown as GitHub does.

The pages are written to be read on GitHub, where a link may lead to any file of the repository. In the site such a file
becomes a page of its own (`source/…`), so that no link leaves the site and none is dead.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Any

from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MERMAID = ROOT / "tools/site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"
LINK = re.compile(r"(?P<before>\]\()(?P<target>\.\./[^)#\s]*)(?P<anchor>#[^)\s]*)?(?=\))")
ITEM = re.compile(r"( *)(?:[-*+]|\d+\.) ")
FENCE = re.compile(r" *(`{3,}|~{3,})")
TAB = 4
"""Columns by which Python's Markdown needs the content of a list to be indented; GitHub accepts fewer."""


def on_files(files: Any, config: Any) -> Any:
    """Add the library for diagrams, and a page for each file outside of docs/ that a page links to."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests read Markdown without mkdocs

    files.append(File.generated(config, "assets/mermaid.js", abs_src_path=str(MERMAID)))
    targets = {
        target for page in files.documentation_pages() for _, target in links_outside(page.src_uri, page.content_string)
    }
    for target in sorted(targets):
        files.append(File.generated(config, f"{page_of(target)}", content=source_page(target)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text, with links to files turned into links to their pages."""
    return as_python_markdown(with_links(page.file.src_uri, markdown))


def links_outside(page: str, markdown: str) -> list[tuple[str, PurePosixPath]]:
    """The links of a page that leave docs/: as written, and from the repository's root."""
    links = []
    for match in LINK.finditer(markdown):
        target = (DOCS / page).parent.joinpath(match["target"]).resolve()
        if target.exists() and target.is_relative_to(ROOT) and not target.is_relative_to(DOCS):
            links.append((match["target"], PurePosixPath(target.relative_to(ROOT).as_posix())))
    return links


def page_of(target: PurePosixPath) -> PurePosixPath:
    """The address of the page of a file or folder; `.` is the repository itself."""
    return PurePosixPath("source", f"{target}.md" if target.name else "repository.md")


def with_links(page: str, markdown: str) -> str:
    up = "../" * (len(PurePosixPath(page).parts) - 1)
    for link, target in links_outside(page, markdown):
        markdown = markdown.replace(f"]({link}", f"]({up}{page_of(target)}")
    return markdown


def source_page(target: PurePosixPath) -> str:
    """A file as a page; of a folder its README, or a list of what is in it."""
    path = ROOT / target
    head = f"---\nsearch: {{ exclude: true }}\nhide: [navigation, toc]\n---\n# `{target}`\n\n"
    if path.is_dir():
        names = sorted(
            f"{entry.name}/" if entry.is_dir() else entry.name for entry in path.iterdir() if _is_listed(entry)
        )
        return head + "".join(f"- `{name}`\n" for name in names)
    text = path.read_text(encoding="utf-8")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{head}{fence}{_language(path)}\n{text.rstrip()}\n{fence}\n"


def _is_listed(path: Path) -> bool:
    return not path.name.startswith((".", "__pycache__")) and not path.name.endswith(".egg-info")


def _language(path: Path) -> str:
    try:
        return str(get_lexer_for_filename(path.name).aliases[0])
    except (ClassNotFound, IndexError):
        return "text"


def as_python_markdown(markdown: str) -> str:
    """With a blank line before each list, and the content of items indented by four: GitHub needs neither."""
    lines: list[str] = []
    fence, shift = "", 0
    in_list = False
    for line in markdown.splitlines():
        width = len(line) - len(line.lstrip(" "))
        mark = FENCE.match(line)
        if fence:
            lines.append(" " * shift + line if line.strip() else line)
            fence = "" if mark and line.strip() == fence else fence
            continue
        item = ITEM.match(line)
        if item and not in_list and lines and lines[-1].strip():
            lines.append("")
        in_list = bool(item) or (in_list and (width > 0 or not line.strip()))
        indent = TAB * ((width + 1) // 3) if in_list else width
        shift = indent - width
        lines.append(" " * indent + line.lstrip(" ") if line.strip() else line)
        if mark:
            fence = mark[1]
    return "\n".join(lines) + "\n"
