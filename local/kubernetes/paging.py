"""Lists page by page: `limit` and `continue`.

A page shows the current state. A real server shows the state at the time of the first page, and after some minutes
reports that it no longer knows it (410).
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
    """The requested page."""

    limit: int
    """0 for no limit."""
    after: tuple[str, str] | None
    """Namespace and name of the object before this page."""

    def cut(self, every: Sequence[Json], matching: Sequence[Json], *, selective: bool) -> tuple[list[Json], Json]:
        """The items, and the metadata of the list besides its version. The page ends with the object that fills it:
        whether any of the following ones match only shows on the next page."""
        matching_names = {_place(api_object) for api_object in matching}
        following = [api_object for api_object in every if self.after is None or _place(api_object) > self.after]
        items: list[Json] = []
        for number, api_object in enumerate(following, start=1):
            if _place(api_object) in matching_names:
                items.append(api_object)
            if self.limit and len(items) == self.limit and (remaining := len(following) - number):
                counted = {} if selective else {"remainingItemCount": remaining}
                return items, {"continue": _token(_place(api_object)), **counted}
        return items, {}


def paging(query: Mapping[str, str]) -> Paging:
    """Raises `ApiError` for invalid values."""
    limit, token = query.get("limit") or "0", query.get("continue")
    try:
        number = int(limit)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax') from error
    return Paging(limit=max(number, 0), after=_read(token) if token else None)


def _place(api_object: Json) -> tuple[str, str]:
    return str(api_object["metadata"].get("namespace") or ""), str(api_object["metadata"]["name"])


def _token(last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps({"v": _VERSION, "start": last}).encode()).decode().rstrip("=")


def _read(token: str) -> tuple[str, str]:
    try:
        document: Any = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = document["start"]
    except (ValueError, TypeError, KeyError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    return str(namespace), str(name)
