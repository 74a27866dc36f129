"""All figures of one checkout, as rows of a table and as one JSON object."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import counts
from .sources import FOLDERS, PRODUCT, modules_of, product
from .tables import ENUMS, Table, tables
from .walks import Walk, walks_of

EXTENSIONS = "scripts/extensions"


@dataclass(frozen=True)
class Figures:
    statements: dict[str, int]
    repeated_classes: dict[str, list[str]]
    repeated_functions: dict[str, list[str]]
    tables: list[Table]
    broad_handlers: dict[str, int]
    asserts: int
    casts: dict[str, int]
    type_ignores: dict[str, int]
    comment_share: float
    vague_names: dict[str, int]
    vague_names_outside: dict[str, int]
    """By folder, outside the product."""
    extensions: dict[str, int]
    walks: dict[str, Walk] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        walks = {name: walk._asdict() for name, walk in self.walks.items()}
        return asdict(self) | {"tables": [asdict(t) | {"path": str(t.path)} for t in self.tables], "walks": walks}


def figures_of(root: Path, *, walks: bool) -> Figures:
    modules = modules_of(root)
    product_modules = product(modules)
    by_top = {top: [module for module in modules if module.top == top] for top in FOLDERS}
    return Figures(
        statements=counts.statements_by_folder(modules),
        repeated_classes=_paths_as_text(counts.repeated_classes(product_modules)),
        repeated_functions=_paths_as_text(counts.repeated_functions(product_modules)),
        tables=tables(product_modules),
        broad_handlers=counts.broad_handlers(product_modules),
        asserts=counts.asserts(product_modules),
        casts={top: counts.casts(inside) for top, inside in by_top.items()},
        type_ignores={top: counts.type_ignores(inside) for top, inside in by_top.items()},
        comment_share=round(counts.comment_share(product_modules), 2),
        vague_names=counts.vague_names(product_modules),
        vague_names_outside={
            top: sum(counts.vague_names(inside).values()) for top, inside in by_top.items() if top not in PRODUCT
        },
        extensions=counts.files_in_patches(_patches(root)),
        walks=walks_of(root) if walks else {},
    )


def _paths_as_text(repeated: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [str(path) for path in paths] for name, paths in repeated.items()}


def _patches(root: Path) -> dict[str, str]:
    return {patch.stem: patch.read_text(encoding="utf-8") for patch in (root / EXTENSIONS).glob("*.patch")}


def rows(figures: Figures) -> Iterator[tuple[str, str, str]]:
    """The thing counted, the figure, and its parts. The product is `slipway/` and `functions/`."""
    yield from _statements(figures)
    yield (
        "class names in more than one module",
        str(len(figures.repeated_classes)),
        _most_repeated(figures.repeated_classes),
    )
    yield (
        "function names in more than one module",
        str(len(figures.repeated_functions)),
        _most_repeated(figures.repeated_functions),
    )
    for enum in ENUMS:
        yield f"tables keyed by {enum}", *_tables(figures.tables, enum)
    for error, count in figures.broad_handlers.items():
        yield f"except {error}, outside the ledger", str(count), ""
    yield "asserts in the product", str(figures.asserts), ""
    yield "calls of cast", str(sum(figures.casts.values())), _joined_counts(figures.casts)
    yield "type: ignore", str(sum(figures.type_ignores.values())), _joined_counts(figures.type_ignores)
    yield "comments, % of lines", f"{figures.comment_share:.2f}", ""
    yield (
        "names that say nothing of their content",
        str(sum(figures.vague_names.values())),
        _joined_counts(figures.vague_names),
    )
    yield (
        "names that say nothing, outside the product",
        str(sum(figures.vague_names_outside.values())),
        _joined_counts(figures.vague_names_outside),
    )
    if not figures.extensions:
        yield "files of each extension", "–", f"there is no {EXTENSIONS}"
    for name, files in figures.extensions.items():
        yield f"files of the extension {name}", str(files), ""
    for name, walk in figures.walks.items():
        yield (
            f"files switched from a {name} to its write",
            str(walk.switches),
            f"{walk.calls} calls in {walk.files} files, {walk.depth} deep at the write",
        )


def _statements(figures: Figures) -> Iterator[tuple[str, str, str]]:
    for folder, count in figures.statements.items():
        yield f"statements in {folder}", str(count), ""
    total = sum(count for folder, count in figures.statements.items() if folder.split("/")[0] in PRODUCT)
    yield "statements of the product", str(total), ""


def _tables(all_tables: list[Table], enum: str) -> tuple[str, str]:
    of_enum = [table for table in all_tables if table.of == enum]
    by_file = Counter(str(table.path) for table in of_enum)
    entries, at_home = sum(table.entries for table in of_enum), sum(table.at_home for table in of_enum)
    return str(len(of_enum)), f"{entries} entries in {len(by_file)} files, {at_home} tables in the enum's own module"


def _most_repeated(repeated: dict[str, list[str]], limit: int = 6) -> str:
    ranked = sorted(repeated, key=lambda name: (-len(repeated[name]), name))[:limit]
    return ", ".join(f"{name} ×{len(repeated[name])}" for name in ranked)


def _joined_counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items() if count)
