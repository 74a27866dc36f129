"""Lists page by page: `limit` and `continue`.

A page shows what is there by then. A real server shows what was there when the first page was asked for, and says after
some minutes that it does not know that any more (410).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import bad_request
from .resources import Json

_VERSION = "meta.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class Paging:
    """The page that is asked for."""

    limit: int
    """0 for all."""
    after: tuple[str, str] | None
    """Namespace and name of the object before it."""

    def cut(self, every: Sequence[Json], matching: Sequence[Json], *, selective: bool) -> tuple[list[Json], Json]:
        """The items, and what the list's metadata has beside its version. The page ends with the object that fills
        it: whether any of those that follow match, only the next page tells."""
        named = {_place(each) for each in matching}
        following = [each for each in every if self.after is None or _place(each) > self.after]
        items: list[Json] = []
        for number, each in enumerate(following, start=1):
            if _place(each) in named:
                items.append(each)
            if self.limit and len(items) == self.limit and (remaining := len(following) - number):
                counted = {} if selective else {"remainingItemCount": remaining}
                return items, {"continue": _token(_place(each)), **counted}
        return items, {}


def paging(query: Mapping[str, str]) -> Paging:
    """Raises `ApiError` for values that are none."""
    limit, token = query.get("limit") or "0", query.get("continue")
    try:
        number = int(limit)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax') from error
    return Paging(limit=max(number, 0), after=_read(token) if token else None)


def _place(thing: Json) -> tuple[str, str]:
    return str(thing["metadata"].get("namespace") or ""), str(thing["metadata"]["name"])


def _token(last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps({"v": _VERSION, "start": last}).encode()).decode().rstrip("=")


def _read(token: str) -> tuple[str, str]:
    try:
        read: Any = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = read["start"]
    except (ValueError, TypeError, KeyError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    return str(namespace), str(name)
