"""Request and response over a pair of links: `$cbs` for tokens, `<entity>/$management` for operations on a queue.

The peer sends a request on one link; the response goes to the link of the same node that the request names in
`reply-to`, or else to the newest one.
"""

from collections import deque
from collections.abc import Callable

from ..auth import Grants
from ..errors import Condition, Refusal
from ..queues.queue import Queue
from ..wire.message import Message, reply
from ..wire.types import AmqpValue, DecodeError, Int, Symbol
from .link import Attach, Channel, FromPeer, ToPeer
from .management import Response, claim_of, manage

CBS = "$cbs"
_MAX_BACKLOG = 1000
_ACCEPTED = 202

type FindResponses = Callable[[str, str | None], Responses | None]
"""Finds the response link of a node: by the node's path and the reply-to address."""


class Responses(ToPeer):
    """The link on which the responses of one node are sent."""

    def __init__(self, attach: Attach, channel: Channel, node: str) -> None:
        super().__init__(attach, channel)
        self.node = node
        self._backlog: deque[bytes] = deque()
        self._tag = 0

    def open(self) -> None:
        self.confirm()

    def respond(self, message: bytes) -> None:
        if len(self._backlog) >= _MAX_BACKLOG:
            self.detach(Refusal(Condition.QUOTA_EXCEEDED, f"{_MAX_BACKLOG} responses wait for credit on this link."))
            return
        self._backlog.append(message)
        self.serve()

    def serve(self) -> None:
        while self._backlog and self._credit > 0:
            self._tag += 1
            self.write(self._backlog.popleft(), tag=self._tag.to_bytes(8), settled=True)


class _Requests(FromPeer):
    def __init__(self, attach: Attach, channel: Channel, node: str, find: FindResponses) -> None:
        super().__init__(attach, channel)
        self._node = node
        self._find = find

    def take(self, payload: bytes, message_format: int) -> None:
        del message_format
        request = Message.parse(payload)
        responses = self._find(self._node, request.reply_to)
        if responses is None:
            raise Refusal(Condition.NOT_FOUND, f"There is no link for responses of {self._node!r}.")
        responses.respond(self.handle(request))

    def handle(self, request: Message) -> bytes:
        raise NotImplementedError


class TokenRequests(_Requests):
    """`put-token` on `$cbs`."""

    def __init__(self, attach: Attach, channel: Channel, find: FindResponses, grants: Grants) -> None:
        super().__init__(attach, channel, CBS, find)
        self._grants = grants

    def handle(self, request: Message) -> bytes:
        status, description = _ACCEPTED, "Accepted"
        try:
            self._put_token(request)
        except Refusal as refusal:
            status, description = refusal.condition.status, refusal.description
        properties = {"status-code": Int(status), "status-description": description}
        return reply(None, properties, correlation_id=request.message_id)

    def _put_token(self, request: Message) -> None:
        application = request.application
        if application.get("operation") != "put-token":
            raise Refusal(Condition.NOT_IMPLEMENTED, "The node $cbs supports the operation put-token only.")
        audience = application.get("name")
        token = request.value
        if not isinstance(audience, str) or not isinstance(token, str):
            raise Refusal(Condition.ARGUMENT, "put-token needs the entity as text in 'name' and the token as text.")
        self._grants.put(token=token, audience=audience)


class ManagementRequests(_Requests):
    def __init__(
        self, attach: Attach, channel: Channel, node: str, find: FindResponses, queue: Queue, *, grants: Grants
    ) -> None:
        super().__init__(attach, channel, node, find)
        self._queue, self._grants = queue, grants

    def handle(self, request: Message) -> bytes:
        try:
            operation = request.application.get("operation")
            self._grants.check(self._node, claim_of(operation))
            response = manage(self._queue, operation, request.value)
        except Refusal as refusal:
            return _failure(request, refusal)
        except DecodeError as error:
            return _failure(request, Refusal(Condition.ARGUMENT, str(error)))
        return _response(request, response)


def _response(request: Message, response: Response) -> bytes:
    application: dict[str, AmqpValue] = {"statusCode": Int(response.status), "statusDescription": response.description}
    return reply(response.value, application, correlation_id=request.message_id)


def _failure(request: Message, refusal: Refusal) -> bytes:
    application: dict[str, AmqpValue] = {
        "statusCode": Int(refusal.condition.status),
        "statusDescription": refusal.description,
        "errorCondition": Symbol(refusal.condition),
    }
    return reply(None, application, correlation_id=request.message_id)
