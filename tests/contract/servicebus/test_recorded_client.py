"""What Microsoft's .NET client said in 27 situations, said again to the bus of today.

The answers in the recordings are those of this bus at the time: that the client took them shows that they are enough,
so a change of them is looked at. `tests/recorded/README.md` says what was recorded, and what was left out and why.
"""

from concurrent.futures import ThreadPoolExecutor

from tests.contract.servicebus.replaying import Replay
from tests.recorded import RECORDED

RECORDINGS = sorted((RECORDED / "servicebus-dotnet").glob("*.jsonl"))


def test_the_bus_answers_the_dotnet_client_as_when_it_was_recorded() -> None:
    """All at once, because they mostly wait: for a lock to lapse, or for a time-out of the client."""
    assert RECORDINGS
    with ThreadPoolExecutor(len(RECORDINGS)) as pool:
        found = pool.map(lambda recording: Replay(recording).run(), RECORDINGS)
        told = [
            f"{recording.stem} {difference}"
            for recording, differences in zip(RECORDINGS, found, strict=True)
            for difference in differences
        ]
    assert not told, "\n".join(told)
