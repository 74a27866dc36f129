"""The target of a request as Kestrel, the web server of the real host, reads it: path and query."""

import re
from collections.abc import Iterator

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_LONGEST_CHARACTER = 4
# Characters that the host keeps when it rewrites a path, besides escapes that are still in it.
_WRITTEN_AS_IT_IS = re.compile(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9\-._~!$&'()*+,;=:@/]")


class BadTargetError(ValueError):
    """Kestrel answers such a request by itself, with this status."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


def split(target: str) -> tuple[str, str]:
    """The path, decoded, and the query as it came, without its question mark."""
    if target == "*":
        raise BadTargetError("the target '*' is for OPTIONS", status=405)
    if not target.startswith("/"):
        raise BadTargetError("the target of the request is not a path")
    raw, _, query = target.partition("?")
    path = _ESCAPES.sub(lambda match: _decoded(match[0], keep="/"), raw)
    if "\0" in path:
        raise BadTargetError("the path has a NUL")
    return _without_dots(path), query


def url(scheme: str, host: str, path: str, target: str) -> str:
    """The address that the function sees: the path rewritten, the query as it came."""
    written, at = "", 0
    while at < len(path):
        found = _WRITTEN_AS_IT_IS.match(path, at)
        piece = found[0] if found else "".join(f"%{byte:02X}" for byte in path[at].encode())
        written += piece
        at += len(found[0]) if found else 1
    _, mark, query = target.partition("?")
    return f"{scheme}://{host}{written}{mark}{query.replace('#', '%23')}"


def query_values(query: str) -> dict[str, str]:
    """The values by name: names differ by more than case, empty values vanish, several are joined with a comma."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs(query):
        if value:
            key = name.lower()
            names[key] = name
            values.setdefault(key, []).append(value)
    return {names[key]: ",".join(found) for key, found in values.items()}


def pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield _unescaped(name), _unescaped(value)


def _unescaped(text: str) -> str:
    return _ESCAPES.sub(lambda match: _decoded(match[0], keep=""), text.replace("+", " "))


def _decoded(escapes: str, *, keep: str) -> str:
    """A run of escapes read as UTF-8. A sequence that is no escape stays as it came, and so does `keep`, which would be
    a separator."""
    text = ""
    while escapes:
        character = _first_character(escapes)
        if character is None or character == keep:
            text, escapes = text + escapes[:3], escapes[3:]
        else:
            text, escapes = text + character, escapes[3 * len(character.encode()) :]
    return text


def _first_character(escapes: str) -> str | None:
    data = bytes.fromhex(escapes[: 3 * _LONGEST_CHARACTER].replace("%", ""))
    for length in range(1, len(data) + 1):
        try:
            return data[:length].decode()
        except UnicodeDecodeError:
            continue
    return None


def _without_dots(path: str) -> str:
    """Segments of one or two dots go, the latter with the one before them; a slash at the end stays one."""
    *middle, last = path.split("/")[1:]
    kept: list[str] = []
    for segment in middle:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if last == "..":
        kept[-1:] = []
    return "/" + "/".join([*kept, "" if last in (".", "..") else last])
