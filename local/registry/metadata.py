"""`/acr/v1/…`: the metadata API of ACR, in the format that the unmodified azure-containerregistry client reads."""

import json
from typing import Any

from aiohttp import web

from . import locks, names
from .auth import CATALOG
from .content import Content
from .errors import Code, OciError
from .events import Announcer
from .gate import Gate
from .index import ORDERS, Index
from .names import Page
from .records import LOCK_NAMES, Attributes, Manifest, Repository, Tag

MAX_BODY_BYTES = 4096


class Metadata:
    """Repositories, tags and manifests with their properties and locks."""

    def __init__(self, *, gate: Gate, index: Index, content: Content, announcer: Announcer) -> None:
        self._gate = gate
        self._index = index
        self._content = content
        self._announcer = announcer

    def routes(self) -> list[web.RouteDef]:
        tag, manifest = "/acr/v1/{name:.+}/_tags/{reference}", "/acr/v1/{name:.+}/_manifests/{digest}"
        return [
            web.get("/acr/v1/_catalog", self.catalog),
            web.get("/acr/v1/{name:.+}/_tags", self.tags),
            web.get("/acr/v1/{name:.+}/_manifests", self.manifests),
            web.get(tag, self.tag),
            web.patch(tag, self.update_tag),
            web.delete(tag, self.delete_tag),
            web.get(manifest, self.manifest),
            web.patch(manifest, self.update_manifest),
            web.get("/acr/v1/{name:.+}", self.repository),
            web.patch("/acr/v1/{name:.+}", self.update_repository),
            web.delete("/acr/v1/{name:.+}", self.delete_repository),
        ]

    # Repositories

    async def catalog(self, request: web.Request) -> web.Response:
        self._gate.require(request, CATALOG)
        page = Page.of(request)
        repositories = self._index.repositories(page)
        return web.json_response({"repositories": repositories[: page.size]}, headers=page.link(request, repositories))

    async def repository(self, request: web.Request) -> web.Response:
        return web.json_response(_repository(request, self._repository(request, "metadata_read")))

    async def update_repository(self, request: web.Request) -> web.Response:
        repository = self._repository(request, "metadata_write")
        self._index.set_repository_attributes(
            repository.name, repository.attributes.with_changes(await _changes(request))
        )
        return web.json_response(_repository(request, self._repository(request, "metadata_write")))

    async def delete_repository(self, request: web.Request) -> web.Response:
        repository = self._repository(request, "delete")
        locks.check_delete_repository(self._index, repository.name)
        one_page = Page(size=max(repository.tags, repository.manifests, 1), last=None)
        tags = [tag.name for tag in self._index.tags(repository.name, one_page)]
        manifests = self._index.manifests(repository.name, one_page)
        for manifest in manifests:
            await self._content.drop_manifest(repository.name, manifest.digest)
        self._index.drop_repository(repository.name)
        for manifest in manifests:
            self._announcer.announce_deletion(request, repository.name, manifest)
        document = {"manifestsDeleted": [manifest.digest for manifest in manifests], "tagsDeleted": tags}
        return web.json_response(document, status=202)

    # Tags

    async def tags(self, request: web.Request) -> web.Response:
        repository, page = self._repository(request, "metadata_read"), Page.of(request)
        tags = self._index.tags(repository.name, page, _order(request), request.query.get("digest"))
        body = {**_head(request, repository.name), "tags": [_tag(tag) for tag in tags[: page.size]]}
        return web.json_response(body, headers=page.link(request, [tag.name for tag in tags]))

    async def tag(self, request: web.Request) -> web.Response:
        repository, tag = self._tag(request, "metadata_read")
        return web.json_response({**_head(request, repository), "tag": _tag(tag)})

    async def update_tag(self, request: web.Request) -> web.Response:
        repository, tag = self._tag(request, "metadata_write")
        self._index.set_tag_attributes(repository, tag.name, tag.attributes.with_changes(await _changes(request)))
        _, changed = self._tag(request, "metadata_write")
        return web.json_response({**_head(request, repository), "tag": _tag(changed)})

    async def delete_tag(self, request: web.Request) -> web.Response:
        repository, tag = self._tag(request, "delete")
        locks.check_delete_tag(self._index, repository, tag.name)
        self._index.drop_tag(repository, tag.name)
        return web.Response(status=202)

    # Manifests

    async def manifests(self, request: web.Request) -> web.Response:
        repository, page = self._repository(request, "metadata_read"), Page.of(request)
        manifests = self._index.manifests(repository.name, page, _order(request))
        documents = [self._document(repository.name, manifest) for manifest in manifests[: page.size]]
        body = {**_head(request, repository.name), "manifests": documents}
        return web.json_response(body, headers=page.link(request, [manifest.digest for manifest in manifests]))

    async def manifest(self, request: web.Request) -> web.Response:
        repository, manifest = self._manifest(request, "metadata_read")
        document = self._document(repository, manifest)
        if manifest.children:
            document["references"] = [
                {"digest": digest, "architecture": architecture, "os": system}
                for digest, architecture, system in manifest.children
            ]
        return web.json_response({**_head(request, repository), "manifest": document})

    async def update_manifest(self, request: web.Request) -> web.Response:
        repository, manifest = self._manifest(request, "metadata_write")
        changed = manifest.attributes.with_changes(await _changes(request))
        self._index.set_manifest_attributes(repository, manifest.digest, changed)
        _, manifest = self._manifest(request, "metadata_write")
        return web.json_response({**_head(request, repository), "manifest": self._document(repository, manifest)})

    # Finding

    def _repository(self, request: web.Request, action: str) -> Repository:
        name = names.repository(request)
        self._gate.require_actions(request, name, action)
        repository = self._index.repository(name)
        if repository is None:
            raise OciError(Code.NAME_UNKNOWN, {"name": name})
        return repository

    def _tag(self, request: web.Request, action: str) -> tuple[str, Tag]:
        repository, reference = self._repository(request, action), names.reference(request)
        tag = self._index.tag(repository.name, reference)
        if tag is None:
            raise OciError(Code.TAG_UNKNOWN, {"name": repository.name, "tag": reference})
        return repository.name, tag

    def _manifest(self, request: web.Request, action: str) -> tuple[str, Manifest]:
        repository, digest = self._repository(request, action), names.digest(request.match_info["digest"])
        manifest = self._index.manifest(repository.name, digest)
        if manifest is None:
            raise OciError(Code.MANIFEST_UNKNOWN, {"name": repository.name, "digest": digest})
        return repository.name, manifest

    def _document(self, repository: str, manifest: Manifest) -> dict[str, Any]:
        document = {
            "digest": manifest.digest,
            "imageSize": manifest.image_size,
            "createdTime": manifest.created,
            "lastUpdateTime": manifest.updated,
            "architecture": manifest.architecture,
            "os": manifest.os,
            "mediaType": manifest.media_type,
            "configMediaType": manifest.config_media_type,
            "tags": [tag.name for tag in self._index.tags_of(repository, manifest.digest)],
            "changeableAttributes": _attributes(manifest.attributes),
        }
        return {name: value for name, value in document.items() if value is not None}


async def _changes(request: web.Request) -> dict[str, bool]:
    body = await request.content.read(MAX_BODY_BYTES)
    try:
        changes = json.loads(body)
    except ValueError as error:
        raise OciError(Code.BODY_INVALID, "expected a JSON object of changeable attributes") from error
    if not isinstance(changes, dict) or not changes.keys() <= LOCK_NAMES:
        raise OciError(Code.BODY_INVALID, f"expected an object with {', '.join(sorted(LOCK_NAMES))}")
    if not all(isinstance(value, bool) for value in changes.values()):
        raise OciError(Code.BODY_INVALID, "changeable attributes: expected true or false")
    return changes


def _order(request: web.Request) -> str:
    order = request.query.get("orderby", "")
    if order not in ORDERS:
        raise OciError(Code.BODY_INVALID, f"orderby: expected none, timeasc or timedesc, got {order[:50]!r}")
    return order


def _head(request: web.Request, repository: str) -> dict[str, Any]:
    return {"registry": request.host, "imageName": repository}


def _repository(request: web.Request, repository: Repository) -> dict[str, Any]:
    return {
        **_head(request, repository.name),
        "createdTime": repository.created,
        "lastUpdateTime": repository.updated,
        "manifestCount": repository.manifests,
        "tagCount": repository.tags,
        "changeableAttributes": _attributes(repository.attributes),
    }


def _tag(tag: Tag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "digest": tag.digest,
        "createdTime": tag.created,
        "lastUpdateTime": tag.updated,
        "signed": False,
        "changeableAttributes": _attributes(tag.attributes),
    }


def _attributes(attributes: Attributes) -> dict[str, bool]:
    return attributes.model_dump(by_alias=True)
