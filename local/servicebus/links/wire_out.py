"""What a session needs of its connection: where to write, and whether the peer keeps up with reading."""

from typing import Protocol


class Output(Protocol):
    peer_frame_max: int

    @property
    def writable(self) -> bool: ...

    def write(self, frame: bytes) -> None: ...
