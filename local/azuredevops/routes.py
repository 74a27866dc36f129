"""The requests that the double answers: host, method, path, versions, and the query parameters that it understands.

A path that is not here, a parameter that a path does not take, and a value whose meaning is not known get a 501 that
names them. Azure DevOps ignores the case of the words of a path.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .answers import NotKnown, Refusal, Response
from .locations import location_of
from .organization import Organization, Project, Reader
from .people import Addresses
from .repository import Repository
from .versions import NEWEST, VERSION, Versions, is_too_new

IN_PREVIEW = Versions(revision=1, released=False)
RELEASED = Versions(revision=1, released=True)
_MANY = 20_000


class Host(StrEnum):
    """The two hosts of Azure DevOps that Slipway calls."""

    MAIN = "dev.azure.com"
    PEOPLE = "vssps.dev.azure.com"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request that was authorized."""

    organization: Organization
    reader: Reader
    words: Mapping[str, str]
    """The values of the path's parameters."""
    query: Mapping[str, str]
    body: bytes = b""

    @property
    def addresses(self) -> Addresses:
        return self.organization.addresses

    def number(self, name: str, default: int | None = None) -> int:
        """A number in the query. Without a `default`, which must be the real service's, the parameter is required."""
        if (text := self.query.get(name)) is None:
            if default is None:
                raise NotKnown(f"how many entries Azure DevOps gives without {name}: send it")
            return default
        if not text.isdigit() or int(text) > _MANY:
            raise Refusal(400, "VssPropertyValidationException", f"The value '{text[:20]}' is not valid for {name}.")
        return int(text)

    def id(self, word: str) -> int:
        text = self.words[word]
        return int(text) if text.isdigit() and len(text) < 10 else -1

    def json(self) -> dict[str, Any]:
        try:
            document = json.loads(self.body)
        except ValueError:
            raise Refusal(400, "JsonReaderException", "The body is not JSON.") from None
        if not isinstance(document, dict):
            raise Refusal(400, "JsonReaderException", "The body is not an object.")
        return document

    def project(self) -> Project:
        """Absent, or hidden from this reader: the response is the same."""
        name = self.words["project"]
        project = self.organization.find_project(name)
        hidden = self.reader.projects is not None and project is not None and project.name not in self.reader.projects
        if project is None or hidden:
            raise Refusal(
                404,
                "ProjectDoesNotExistWithNameException",
                f"TF200016: The following project does not exist: {name}. Verify that the name of the project is "
                "correct and that the project exists on the specified Azure DevOps Server.",
            )
        return project

    def repository(self) -> Repository:
        name = self.words["repository"]
        project = self.project()
        for repository in project.repositories.values():
            if (
                name.casefold() in (repository.name.casefold(), repository.id)
                and repository.kind == "TfsGit"
                and self.reader.basic
            ):
                return repository
        raise Refusal(
            404,
            "GitRepositoryNotFoundException",
            f"TF401019: The Git repository with name or identifier {name} does not exist or you do not have "
            "permissions for the operation you are attempting.",
        )


Handler = Callable[[Call], Response]


@dataclass(frozen=True, kw_only=True)
class Route:
    host: Host
    method: str
    steps: tuple[str, ...]
    versions: Versions
    takes: frozenset[str]
    handler: Handler

    def fits(self, steps: Sequence[str]) -> dict[str, str] | None:
        """The values of the parameters, or None if the path does not match."""
        if len(steps) != len(self.steps):
            return None
        words: dict[str, str] = {}
        for pattern, step in zip(self.steps, steps, strict=True):
            if pattern.startswith("{"):
                words[pattern.strip("{}")] = step
            elif pattern.casefold() != step.casefold():
                return None
        return words


@dataclass
class Table:
    """Routes stand beside their handlers: `@table.get("{project}/_apis/build/builds/{id}")`."""

    host: Host
    routes: list[Route] = field(default_factory=list)

    def get(self, path: str, *takes: str, versions: Versions | None = None) -> Callable[[Handler], Handler]:
        """On the main host, the path must be one of the service's locations, which determines its versions."""
        return self._add("GET", path, takes, versions)

    def post(self, path: str, *takes: str, versions: Versions | None = None) -> Callable[[Handler], Handler]:
        return self._add("POST", path, takes, versions)

    def _add(
        self, method: str, path: str, takes: tuple[str, ...], versions: Versions | None
    ) -> Callable[[Handler], Handler]:
        steps = tuple(path.split("/"))

        def register(handler: Handler) -> Handler:
            self.routes.append(
                Route(
                    host=self.host,
                    method=method,
                    steps=steps,
                    versions=versions or location_of(steps).versions,
                    takes=frozenset(takes),
                    handler=handler,
                )
            )
            return handler

        return register


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A parsed request, not authorized yet."""

    method: str
    steps: tuple[str, ...]
    """The parts of the path after the organization's name."""
    organization: str
    query: Mapping[str, str]
    version: str | None

    @classmethod
    def of(cls, method: str, target: str, accept: str) -> "ApiRequest":
        """The version may be in the query or in `Accept`."""
        parts = urlsplit(target)
        organization, *steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        version = query.pop("api-version", None)
        for piece in accept.split(";"):
            name, _, value = piece.strip().partition("=")
            if name == "api-version" and version is None:
                version = value
        return cls(method=method, steps=tuple(steps), organization=organization, query=query, version=version)

    def route(self, host: Host, routes: Sequence[Route]) -> tuple[Route, dict[str, str]]:
        """The matching route, and the values of its parameters. Raises `NotKnown` if there is none."""
        for route in routes:
            if route.host is host and route.method == self.method and (words := route.fits(self.steps)) is not None:
                return route, words
        raise NotKnown(f"{self.method} {'/'.join(self.steps)} at {host}")

    def check_version(self, versions: Versions) -> str:
        """Raises `Refusal` with Azure DevOps' own text, or `NotKnown` for versions that the double does not support."""
        version = self.version
        if version is None:
            raise Refusal(
                400,
                "VssVersionNotSpecifiedException",
                f'No api-version was supplied for the "{self.method}" request. The version must be supplied either as '
                'part of the Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. '
                '"?api-version=1.0").',
            )
        if versions.take(version):
            return version
        if is_too_new(version):
            newest = ".".join(map(str, NEWEST))
            raise Refusal(
                400,
                "VssVersionOutOfRangeException",
                f"The requested REST API version of {version} is out of range for this server. The latest REST API "
                f"version this server supports is {newest}.",
            )
        if version == VERSION:
            raise Refusal(
                400,
                "VssInvalidPreviewVersionException",
                f'The requested version "{version}" of the resource is under preview. The -preview flag must be '
                f'supplied in the api-version for such requests. For example: "{version}-preview"',
            )
        raise NotKnown(f"api-version {version[:20]} of {self.method} {'/'.join(self.steps)}")

    def check_query(self, takes: frozenset[str]) -> None:
        if unknown := sorted(set(self.query) - takes):
            raise NotKnown(f"the parameter {unknown[0][:50]} of {self.method} {'/'.join(self.steps)}")
