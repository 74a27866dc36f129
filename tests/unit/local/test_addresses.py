"""The parts of a stack listen at the ports of the last start. If one is in use, a part whose address is written down
elsewhere does not start, and any other takes a free port."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.process import PORTS, PartFailed, free_port
from local.stack.addresses import LASTING, Addresses


@pytest.fixture
def port_in_use() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_part_takes_any_port_the_first_time_and_the_same_one_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "addresses.json"
    first = Addresses(file)
    assert first.port_of("front") == 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        first.note("front", port)
    assert Addresses(file).port_of("front") == port


@pytest.mark.parametrize("part", LASTING)
def test_a_part_whose_address_is_written_down_does_not_move(tmp_path: Path, port_in_use: int, part: str) -> None:
    addresses = Addresses(tmp_path / "addresses.json")
    addresses.note(part, port_in_use)
    with pytest.raises(PartFailed, match=f"port {port_in_use} is used .* FRESH=1"):
        addresses.port_of(part)


def test_a_part_whose_address_is_not_written_down_moves(tmp_path: Path, port_in_use: int) -> None:
    addresses = Addresses(tmp_path / "addresses.json")
    addresses.note("inbox", port_in_use)
    assert addresses.port_of("inbox") == 0


def test_without_a_file_nothing_is_remembered() -> None:
    addresses = Addresses(None)
    addresses.note("front", 1)
    assert addresses.port_of("front") == 0


def test_the_ports_of_parts_lie_below_the_range_that_connections_are_given() -> None:
    port = free_port()
    assert port in PORTS
    port_range = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(port_range.read_text().split()[0]) if port_range.exists() else 49_152
    assert first >= PORTS.stop
