"""A request and its reply as plain values, so that everything behind the socket works without HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from .errors import bad_request, invalid_options
from .resources import Json

TRUE = ("true", "1")
_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}


class _JsonLikeLoader(yaml.SafeLoader):
    """YAML as the API reads it: dates stay text."""


_JsonLikeLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A client's request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip()

    @property
    def manager(self) -> str:
        """The owner of the fields that this request sets; if it names none, the client's own name."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "unknown").split("/")[0]

    @property
    def options(self) -> str:
        """The API's name for the parameters of this request."""
        return _OPTIONS.get(self.method, "GetOptions")

    @property
    def dry_run(self) -> bool:
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise invalid_options(self.options, "dryRun", f'Unsupported value: ["{value}"]: supported values: "All"')
        return value == "All"

    def flag(self, name: str) -> bool:
        return self.query.get(name) in TRUE

    def number(self, name: str) -> int | None:
        text = self.query.get(name)
        if text is None or text == "":
            return None
        if not text.isdigit():
            raise bad_request(f"{name}: expected a whole number that is not negative, got {text!r}")
        return int(text)

    def json(self) -> Any:
        try:
            if "yaml" in self.content_type:
                return yaml.load(self.body, Loader=_JsonLikeLoader)  # a SafeLoader without dates
            return json.loads(self.body)
        except (ValueError, yaml.YAMLError) as error:
            raise bad_request(f"the body does not match its content type: {error}") from error

    def object(self) -> Json:
        document = self.json()
        if not isinstance(document, dict):
            raise bad_request(f"expected an object as body, got {type(document).__name__}")
        if not isinstance(document.setdefault("metadata", {}), dict):
            raise bad_request("metadata: expected an object")
        return document


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The response."""

    code: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, document: Json, code: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> "Reply":
        return cls(code=code, body=json.dumps(document).encode(), headers=headers)

    @classmethod
    def text(cls, content: bytes, code: int = 200) -> "Reply":
        return cls(code=code, body=content, content_type="text/plain; charset=utf-8")
