"""What Microsoft's .NET client sent in 27 situations, replayed against the bus of today.

The answers in the recordings are those of this bus at the time. The client accepted them, so they suffice, and a change
of them needs a review. `tests/recorded/README.md` says what was recorded, and what was left out and why.
"""

from concurrent.futures import ThreadPoolExecutor

from tests.contract.servicebus.replaying import Replay
from tests.recorded import RECORDED

RECORDINGS = sorted((RECORDED / "servicebus-dotnet").glob("*.jsonl"))


def test_the_bus_answers_the_dotnet_client_as_when_it_was_recorded() -> None:
    """All at once, because they mostly wait: for a lock to lapse, or for a time-out of the client."""
    assert RECORDINGS
    with ThreadPoolExecutor(len(RECORDINGS)) as pool:
        replays = pool.map(lambda recording: Replay(recording).run(), RECORDINGS)
        lines = [
            f"{recording.stem} {difference}"
            for recording, differences in zip(RECORDINGS, replays, strict=True)
            for difference in differences
        ]
    assert not lines, "\n".join(lines)
