"""One AMQP message: the parts that queues need are decoded, all others keep the received bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from .decode import decode, skip
from .encode import encode, encode_into
from .types import AmqpValue, DecodeError, Described, Symbol, UInt, ULong

_HEADER, _DELIVERY_ANNOTATIONS, _ANNOTATIONS, _PROPERTIES, _APPLICATION, _DATA, _SEQUENCE, _VALUE, _FOOTER = range(
    0x70, 0x79
)
_TIME_TO_LIVE, _DELIVERY_COUNT, _HEADER_FIELDS = 2, 4, 5
_MESSAGE_ID, _REPLY_TO, _GROUP_ID, _PROPERTY_FIELDS = 0, 4, 10, 13

_LONGEST_TIME_TO_LIVE = 0xFFFFFFFF
"""Milliseconds; a longer time only appears in the properties."""

SCHEDULED_FOR = Symbol("x-opt-scheduled-enqueue-time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    header: tuple[AmqpValue, ...] = ()
    annotations: Mapping[AmqpValue, AmqpValue]
    properties: tuple[AmqpValue, ...]
    encoded_properties: bytes
    encoded_application: bytes
    body: bytes
    """The body sections and the footer, as received."""
    size: int
    """Size of the whole message as the sender encoded it."""

    @classmethod
    def parse(cls, encoded: bytes) -> Self:
        sections: dict[int, tuple[int, int, int]] = {}  # section -> start, start of its value, end
        position = 0
        while position < len(encoded):
            section, value_at = _section(encoded, position)
            if section >= _DATA:
                break
            end = skip(encoded, value_at)
            sections[section] = (position, value_at, end)
            position = end
        properties = _fields(_read(encoded, sections, _PROPERTIES), "properties")
        return cls(
            header=tuple(_fields(_read(encoded, sections, _HEADER), "header")),
            annotations=_mapping(_read(encoded, sections, _ANNOTATIONS), "message annotations"),
            properties=tuple(properties + [None] * (_PROPERTY_FIELDS - len(properties))),
            encoded_properties=_raw(encoded, sections, _PROPERTIES),
            encoded_application=_raw(encoded, sections, _APPLICATION),
            body=encoded[position:],
            size=len(encoded),
        )

    @property
    def message_id(self) -> AmqpValue:
        return self.properties[_MESSAGE_ID]

    @property
    def reply_to(self) -> str | None:
        value = self.properties[_REPLY_TO]
        return value if isinstance(value, str) else None

    @property
    def session_id(self) -> str | None:
        value = self.properties[_GROUP_ID]
        return value if isinstance(value, str) else None

    @property
    def time_to_live(self) -> float | None:
        """Seconds, if the sender set a limit."""
        value = self.header[_TIME_TO_LIVE] if len(self.header) > _TIME_TO_LIVE else None
        return value / 1000 if isinstance(value, int) else None

    @property
    def scheduled_for(self) -> float | None:
        value = self.annotations.get(SCHEDULED_FOR)
        return value / 1000 if isinstance(value, int) else None

    @property
    def application(self) -> dict[AmqpValue, AmqpValue]:
        if not self.encoded_application:
            return {}
        return _mapping(decode(self.encoded_application)[0].value, "application properties")

    @property
    def value(self) -> AmqpValue:
        """The body of a request: one value section."""
        section = decode(self.body)[0] if self.body else None
        if not isinstance(section, Described) or section.descriptor != _VALUE:
            raise DecodeError("expected a message with one value section")
        return section.value

    def data_sections(self) -> list[bytes]:
        """The content of each data section; in a batch, each is one encoded message."""
        sections = []
        position = 0
        while position < len(self.body):
            section, position = decode(self.body, position)
            if section.descriptor != _DATA or not isinstance(section.value, bytes):
                raise DecodeError(f"expected data sections only, got section {section.descriptor!r}")
            sections.append(section.value)
        return sections

    def with_application(self, changes: Mapping[AmqpValue, AmqpValue]) -> Self:
        if not changes:
            return self
        encoded = encode(Described(ULong(_APPLICATION), {**self.application, **changes}))
        growth = len(encoded) - len(self.encoded_application)
        return replace(self, encoded_application=encoded, size=self.size + growth)

    def render(
        self, *, delivery_count: int, time_to_live: float | None = None, annotations: Mapping[AmqpValue, AmqpValue]
    ) -> bytes:
        header = [*self.header, *[None] * (_HEADER_FIELDS - len(self.header))]
        if time_to_live is not None:
            header[_TIME_TO_LIVE] = UInt(min(round(time_to_live * 1000), _LONGEST_TIME_TO_LIVE))
        header[_DELIVERY_COUNT] = UInt(delivery_count)
        out = bytearray()
        encode_into(out, Described(ULong(_HEADER), header))
        encode_into(out, Described(ULong(_ANNOTATIONS), {**self.annotations, **annotations}))
        out += self.encoded_properties
        out += self.encoded_application
        out += self.body
        return bytes(out)


def reply(value: AmqpValue, application: Mapping[str, AmqpValue], *, correlation_id: AmqpValue) -> bytes:
    """The encoded response to a request."""
    out = bytearray()
    encode_into(out, Described(ULong(_PROPERTIES), [None, None, None, None, None, correlation_id]))
    encode_into(out, Described(ULong(_APPLICATION), dict(application)))
    encode_into(out, Described(ULong(_VALUE), value))
    return bytes(out)


def _section(encoded: bytes, position: int) -> tuple[int, int]:
    if encoded[position] != 0:
        raise DecodeError(f"expected a message section at byte {position}, got 0x{encoded[position]:02x}")
    descriptor, value_at = decode(encoded, position + 1)
    if not isinstance(descriptor, int) or not _HEADER <= descriptor <= _FOOTER:
        raise DecodeError(f"expected the code of a message section at byte {position}, got {descriptor!r}")
    return descriptor, value_at


def _read(encoded: bytes, sections: dict[int, tuple[int, int, int]], section: int) -> AmqpValue:
    return decode(encoded, sections[section][1])[0] if section in sections else None


def _raw(encoded: bytes, sections: dict[int, tuple[int, int, int]], section: int) -> bytes:
    return encoded[sections[section][0] : sections[section][2]] if section in sections else b""


def _fields(value: AmqpValue, what: str) -> list[AmqpValue]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise DecodeError(f"{what}: expected a list, got {type(value).__name__}")
    return value


def _mapping(value: AmqpValue, what: str) -> dict[AmqpValue, AmqpValue]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DecodeError(f"{what}: expected a map, got {type(value).__name__}")
    return value
