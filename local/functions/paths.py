"""The target of a request, path and query, as Kestrel, the web server of the real host, reads it."""

import re
from collections.abc import Iterator

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_LONGEST_CHARACTER = 4
# Characters that the host leaves alone when it rewrites a path, besides escapes that are still in it.
_LEFT_ALONE = re.compile(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9\-._~!$&'()*+,;=:@/]")


class BadTargetError(ValueError):
    """Kestrel itself responds to such a request, with this status."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


def split(target: str) -> tuple[str, str]:
    """The path, decoded, and the query as received, without its question mark."""
    if target == "*":
        raise BadTargetError("the target '*' is for OPTIONS", status=405)
    if not target.startswith("/"):
        raise BadTargetError("the target of the request is not a path")
    raw, _, query = target.partition("?")
    path = _ESCAPES.sub(lambda match: _decode(match[0], keep="/"), raw)
    if "\0" in path:
        raise BadTargetError("the path has a NUL")
    return _without_dots(path), query


def url(scheme: str, host: str, path: str, target: str) -> str:
    """The address that the function sees: the path rewritten, the query as received."""
    rewritten, position = "", 0
    while position < len(path):
        match = _LEFT_ALONE.match(path, position)
        piece = match[0] if match else "".join(f"%{byte:02X}" for byte in path[position].encode())
        rewritten += piece
        position += len(match[0]) if match else 1
    _, question_mark, query = target.partition("?")
    return f"{scheme}://{host}{rewritten}{question_mark}{query.replace('#', '%23')}"


def query_values(query: str) -> dict[str, str]:
    """The values by name: names ignore case, empty values are dropped, several are joined with a comma."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs(query):
        if value:
            key = name.lower()
            names[key] = name
            values.setdefault(key, []).append(value)
    return {names[key]: ",".join(of_name) for key, of_name in values.items()}


def pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield _unescape(name), _unescape(value)


def _unescape(text: str) -> str:
    return _ESCAPES.sub(lambda match: _decode(match[0], keep=""), text.replace("+", " "))


def _decode(escapes: str, *, keep: str) -> str:
    """A run of escapes decoded as UTF-8. A sequence that is not valid UTF-8 is left as it is, and so is `keep`, which
    would become a separator."""
    text = ""
    while escapes:
        character = _first_character(escapes)
        if character is None or character == keep:
            text, escapes = text + escapes[:3], escapes[3:]
        else:
            text, escapes = text + character, escapes[3 * len(character.encode()) :]
    return text


def _first_character(escapes: str) -> str | None:
    octets = bytes.fromhex(escapes[: 3 * _LONGEST_CHARACTER].replace("%", ""))
    for length in range(1, len(octets) + 1):
        try:
            return octets[:length].decode()
        except UnicodeDecodeError:
            continue
    return None


def _without_dots(path: str) -> str:
    """Resolve segments of one or two dots; a slash at the end stays."""
    *middle, last = path.split("/")[1:]
    segments: list[str] = []
    for segment in middle:
        if segment == "..":
            segments[-1:] = []
        elif segment != ".":
            segments.append(segment)
    if last == "..":
        segments[-1:] = []
    return "/" + "/".join([*segments, "" if last in (".", "..") else last])
