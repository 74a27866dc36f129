"""The registry's index in SQLite: repositories, tags, manifests, locks, blob links and subjects.

Content is elsewhere (`content.py`); the index says which content belongs to which repository, and returns sorted lists.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .documents import Document
from .names import Page
from .records import OPEN, Attributes, Manifest, Repository, Tag, moment
from .tokens import Now

SCHEMA = """
CREATE TABLE IF NOT EXISTS repositories (
    name TEXT PRIMARY KEY, created TEXT NOT NULL, updated TEXT NOT NULL, attributes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT, digest TEXT, media_type TEXT NOT NULL, size INTEGER NOT NULL, image_size INTEGER NOT NULL,
    artifact_type TEXT, config_media_type TEXT, architecture TEXT, os TEXT, annotations TEXT NOT NULL,
    children TEXT NOT NULL, subject TEXT, created TEXT NOT NULL, updated TEXT NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS subjects ON manifests (repository, subject) WHERE subject IS NOT NULL;
CREATE TABLE IF NOT EXISTS tags (
    repository TEXT, name TEXT, digest TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
    attributes TEXT NOT NULL, PRIMARY KEY (repository, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (repository, digest);
CREATE TABLE IF NOT EXISTS blobs (repository TEXT, digest TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
"""
TAG_COLUMNS = "name, digest, created, updated, attributes"
MANIFEST_COLUMNS = (
    "digest, media_type, size, image_size, artifact_type, config_media_type, architecture, os, annotations, children,"
    " subject, created, updated, attributes"
)
ORDERS = {
    "": ("{key}", ">"),
    "none": ("{key}", ">"),
    "timeasc": ("updated, {key}", ">"),
    "timedesc": ("updated, {key}", "<"),
}
"""The values of `orderby`: the columns to sort by, and how the entries of the next page compare with the last one."""


class Index:
    """The whole index of one registry; used from one thread."""

    def __init__(self, path: Path, *, now: Now) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SCHEMA)
        self._now = now

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[str]:
        """A transaction, which is undone after an exception; gives the time of the change."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield moment(self._now())
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Repositories

    def repository(self, name: str) -> Repository | None:
        row = self._db.execute(
            "SELECT name, created, updated, attributes, (SELECT count(*) FROM manifests WHERE repository = name),"
            " (SELECT count(*) FROM tags t WHERE t.repository = repositories.name) FROM repositories WHERE name = ?",
            (name,),
        ).fetchone()
        if row is None:
            return None
        attributes = Attributes.model_validate_json(row[3])
        return Repository(
            name=row[0], created=row[1], updated=row[2], attributes=attributes, manifests=row[4], tags=row[5]
        )

    def repositories(self, page: Page) -> list[str]:
        rows = self._db.execute(
            "SELECT name FROM repositories WHERE name > ? AND json_extract(attributes, '$.listEnabled')"
            " ORDER BY name LIMIT ?",
            (page.last or "", page.size + 1),
        )
        return [name for (name,) in rows]

    def set_repository_attributes(self, name: str, attributes: Attributes) -> None:
        with self._transaction() as now:
            self._db.execute(
                "UPDATE repositories SET attributes = ?, updated = ? WHERE name = ?", (_json(attributes), now, name)
            )

    def drop_repository(self, name: str) -> None:
        with self._transaction():
            for table in ("manifests", "tags", "blobs"):
                self._db.execute(f"DELETE FROM {table} WHERE repository = ?", (name,))
            self._db.execute("DELETE FROM repositories WHERE name = ?", (name,))

    # Manifests

    def put_manifest(
        self, repository: str, document: Document, *, tag: str | None, architecture: str | None, os: str | None
    ) -> None:
        """Add a manifest and, if it was pushed by tag, move the tag to it."""
        with self._transaction() as now:
            self._touch(repository, now)
            children = [(child.digest, child.architecture, child.os) for child in document.children]
            self._db.execute(
                f"INSERT INTO manifests (repository, {MANIFEST_COLUMNS}) VALUES ({', '.join('?' * 15)})"
                " ON CONFLICT DO UPDATE SET updated = excluded.updated",
                (
                    repository, document.digest, document.media_type, document.size, document.image_size,
                    document.artifact_type, document.config.media_type if document.config else None, architecture, os,
                    json.dumps(document.annotations), json.dumps(children), document.subject, now, now, _json(OPEN),
                ),
            )  # fmt: skip
            if tag is not None:
                self._db.execute(
                    "INSERT INTO tags VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET digest = excluded.digest, updated = excluded.updated",
                    (repository, tag, document.digest, now, now, _json(OPEN)),
                )

    def manifest(self, repository: str, digest: str) -> Manifest | None:
        row = self._db.execute(
            f"SELECT {MANIFEST_COLUMNS} FROM manifests WHERE repository = ? AND digest = ?", (repository, digest)
        ).fetchone()
        return _manifest(row) if row else None

    def manifests(self, repository: str, page: Page, order: str = "") -> list[Manifest]:
        rows = self._list("manifests", MANIFEST_COLUMNS, repository, page, order=order)
        return [_manifest(row) for row in rows]

    def referrers(self, repository: str, subject: str) -> list[Manifest]:
        rows = self._db.execute(
            f"SELECT {MANIFEST_COLUMNS} FROM manifests WHERE repository = ? AND subject = ? ORDER BY created, digest",
            (repository, subject),
        )
        return [_manifest(row) for row in rows]

    def set_manifest_attributes(self, repository: str, digest: str, attributes: Attributes) -> None:
        with self._transaction() as now:
            self._db.execute(
                "UPDATE manifests SET attributes = ?, updated = ? WHERE repository = ? AND digest = ?",
                (_json(attributes), now, repository, digest),
            )

    def drop_manifest(self, repository: str, digest: str) -> None:
        """Remove a manifest and its tags."""
        with self._transaction() as now:
            self._touch(repository, now)
            self._db.execute("DELETE FROM tags WHERE repository = ? AND digest = ?", (repository, digest))
            self._db.execute("DELETE FROM manifests WHERE repository = ? AND digest = ?", (repository, digest))

    # Tags

    def tag(self, repository: str, name: str) -> Tag | None:
        row = self._db.execute(
            f"SELECT {TAG_COLUMNS} FROM tags WHERE repository = ? AND name = ?",
            (repository, name),
        ).fetchone()
        return _tag(row) if row else None

    def tags(self, repository: str, page: Page, order: str = "", digest: str | None = None) -> list[Tag]:
        return [_tag(row) for row in self._list("tags", TAG_COLUMNS, repository, page, order=order, digest=digest)]

    def tags_of(self, repository: str, digest: str) -> list[Tag]:
        rows = self._db.execute(
            f"SELECT {TAG_COLUMNS} FROM tags WHERE repository = ? AND digest = ? ORDER BY name",
            (repository, digest),
        )
        return [_tag(row) for row in rows]

    def set_tag_attributes(self, repository: str, name: str, attributes: Attributes) -> None:
        with self._transaction() as now:
            self._db.execute(
                "UPDATE tags SET attributes = ?, updated = ? WHERE repository = ? AND name = ?",
                (_json(attributes), now, repository, name),
            )

    def drop_tag(self, repository: str, name: str) -> None:
        with self._transaction() as now:
            self._touch(repository, now)
            self._db.execute("DELETE FROM tags WHERE repository = ? AND name = ?", (repository, name))

    def attributes_within(self, repository: str) -> list[Attributes]:
        """The locks of everything in a repository."""
        rows = self._db.execute(
            "SELECT attributes FROM manifests WHERE repository = ?1"
            " UNION SELECT attributes FROM tags WHERE repository = ?1",
            (repository,),
        )
        return [Attributes.model_validate_json(text) for (text,) in rows]

    # Blobs

    def link_blob(self, repository: str, digest: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (repository, digest))

    def has_blob(self, repository: str, digest: str) -> bool:
        rows = self._db.execute("SELECT 1 FROM blobs WHERE repository = ? AND digest = ?", (repository, digest))
        return rows.fetchone() is not None

    def unlink_blob(self, repository: str, digest: str) -> None:
        self._db.execute("DELETE FROM blobs WHERE repository = ? AND digest = ?", (repository, digest))

    # Helpers

    def _touch(self, repository: str, now: str) -> None:
        self._db.execute(
            "INSERT INTO repositories VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET updated = excluded.updated",
            (repository, now, now, _json(OPEN)),
        )

    def _list(
        self, table: str, columns: str, repository: str, page: Page, *, order: str, digest: str | None = None
    ) -> list[tuple[str, ...]]:
        """A page of a repository's rows in this order, and one row more than the page's size; unlisted ones are left
        out."""
        key = columns.partition(",")[0]
        sort, comparison = ORDERS[order]
        sort = sort.format(key=key)
        condition = "repository = :repository AND json_extract(attributes, '$.listEnabled')"
        if digest is not None:
            condition += " AND digest = :digest"
        if page.last is not None and sort == key:
            condition += f" AND {key} > :last"
        elif page.last is not None:
            # If the last entry is gone, start at the first page: an entry seen twice is better than one never seen.
            condition += (
                f" AND (NOT EXISTS (SELECT 1 FROM {table} WHERE repository = :repository AND {key} = :last) OR"
                f" ({sort}) {comparison} (SELECT {sort} FROM {table} WHERE repository = :repository AND {key} = :last))"
            )
        direction = "DESC" if comparison == "<" else "ASC"
        sort_terms = ", ".join(f"{column} {direction}" for column in sort.split(", "))
        parameters = {"repository": repository, "digest": digest, "last": page.last, "limit": page.size + 1}
        sql = f"SELECT {columns} FROM {table} WHERE {condition} ORDER BY {sort_terms} LIMIT :limit"
        return self._db.execute(sql, parameters).fetchall()


def _json(attributes: Attributes) -> str:
    return attributes.model_dump_json(by_alias=True)


def _tag(row: tuple[str, ...]) -> Tag:
    name, digest, created, updated, attributes = row
    return Tag(
        name=name,
        digest=digest,
        created=created,
        updated=updated,
        attributes=Attributes.model_validate_json(attributes),
    )


def _manifest(row: tuple[str, ...]) -> Manifest:
    names = [column.strip() for column in MANIFEST_COLUMNS.split(",")]
    columns: dict[str, object] = dict(zip(names, row, strict=True))
    columns["annotations"] = json.loads(str(columns["annotations"]))
    columns["children"] = tuple(tuple(child) for child in json.loads(str(columns["children"])))
    columns["attributes"] = Attributes.model_validate_json(str(columns["attributes"]))
    return Manifest(**columns)  # type: ignore[arg-type]  # the columns have the names of the fields
