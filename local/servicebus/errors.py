"""The service's refusals: a text, and an AMQP condition that the SDKs map to their exceptions."""

from enum import StrEnum


class Condition(StrEnum):
    """The conditions in use. `status` is the status code of the same refusal in a response of `$management`."""

    NOT_FOUND = "amqp:not-found"
    NOT_ALLOWED = "amqp:not-allowed"
    NOT_IMPLEMENTED = "amqp:not-implemented"
    UNAUTHORIZED = "amqp:unauthorized-access"
    DECODE_ERROR = "amqp:decode-error"
    QUOTA_EXCEEDED = "amqp:resource-limit-exceeded"
    CONNECTION_FORCED = "amqp:connection:forced"
    MESSAGE_TOO_LARGE = "amqp:link:message-size-exceeded"
    ARGUMENT = "com.microsoft:argument-error"
    LOCK_LOST = "com.microsoft:message-lock-lost"
    MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"
    SESSION_LOCK_LOST = "com.microsoft:session-lock-lost"
    SESSION_LOCKED = "com.microsoft:session-cannot-be-locked"
    TIMEOUT = "com.microsoft:timeout"

    @property
    def status(self) -> int:
        return _STATUS.get(self, 400)


_STATUS = {
    Condition.NOT_FOUND: 404,
    Condition.MESSAGE_NOT_FOUND: 404,
    Condition.NOT_IMPLEMENTED: 501,
    Condition.UNAUTHORIZED: 401,
    Condition.LOCK_LOST: 410,
    Condition.SESSION_LOCK_LOST: 410,
    Condition.SESSION_LOCKED: 409,
    Condition.TIMEOUT: 408,
    Condition.QUOTA_EXCEEDED: 403,
}


class Refusal(Exception):  # noqa: N818 - a response of the protocol, not a fault of this program
    """The peer requested something that Service Bus does not do, or does not do now."""

    def __init__(self, condition: Condition, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


def lock_lost() -> Refusal:
    return Refusal(
        Condition.LOCK_LOST,
        "The lock supplied is invalid. "
        "Either the lock expired, or the message has already been removed from the queue.",
    )
