"""The Standard tier's limits on one message."""

from ..errors import Condition, Refusal
from ..wire.message import Message

MAX_MESSAGE_BYTES = 256 * 1024
MAX_APPLICATION_BYTES = 64 * 1024
MAX_ID_CHARACTERS = 128
MAX_SESSION_STATE_BYTES = 256 * 1024


def too_large(size: int) -> Refusal:
    return Refusal(
        Condition.MESSAGE_TOO_LARGE,
        f"The message has {size} bytes; at most {MAX_MESSAGE_BYTES} bytes are allowed on this link.",
    )


def check_message(message: Message) -> None:
    if message.size > MAX_MESSAGE_BYTES:
        raise too_large(message.size)
    properties = len(message.encoded_application)
    if properties > MAX_APPLICATION_BYTES:
        raise Refusal(
            Condition.MESSAGE_TOO_LARGE,
            f"The application properties have {properties} bytes; at most {MAX_APPLICATION_BYTES} are allowed.",
        )
    for name, value in (("message id", message.message_id), ("session id", message.session_id)):
        if isinstance(value, str) and len(value) > MAX_ID_CHARACTERS:
            raise Refusal(
                Condition.ARGUMENT,
                f"The {name} has {len(value)} characters; at most {MAX_ID_CHARACTERS} are allowed.",
            )
