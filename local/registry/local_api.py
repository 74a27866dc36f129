"""`/local/…`: requests from the local stack to a running double; ACR has nothing like it."""

import json

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from .delivery import Delivery
from .errors import Code, OciError
from .settings import EventEndpoint, explain

MAX_BODY_BYTES = 2**16
LOOPBACK = frozenset({"127.0.0.1", "::1"})
ENDPOINTS = TypeAdapter(tuple[EventEndpoint, ...])


class LocalApi:
    """The event endpoints, which can be set after the start, and the dead letters."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/local/event-endpoints", self.endpoints),
            web.post("/local/event-endpoints", self.use_endpoints),
            web.get("/local/dead-letters", self.dead_letters),
        ]

    async def endpoints(self, request: web.Request) -> web.Response:
        _refuse_others(request)
        return web.json_response(self._delivery.status())

    async def use_endpoints(self, request: web.Request) -> web.Response:
        """Replace the list of endpoints. The content type must be JSON, so that no web page can send this."""
        _refuse_others(request)
        if request.content_type != "application/json":
            raise OciError(Code.BODY_INVALID, f"Content-Type: expected application/json, got {request.content_type}")
        try:
            endpoints = ENDPOINTS.validate_python(json.loads(await request.content.read(MAX_BODY_BYTES)))
        except ValidationError as error:
            raise OciError(Code.BODY_INVALID, explain(error)) from None
        except ValueError as error:
            raise OciError(Code.BODY_INVALID, "expected a JSON list of event endpoints") from error
        await self._delivery.use(endpoints)
        return web.json_response(self._delivery.status())

    async def dead_letters(self, request: web.Request) -> web.Response:
        _refuse_others(request)
        return web.json_response(self._delivery.dead_letters)


def _refuse_others(request: web.Request) -> None:
    if request.remote not in LOOPBACK:
        raise OciError(Code.DENIED, "expected a caller on this machine")
