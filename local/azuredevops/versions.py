"""The versions of the API: one released, and its preview, whose revisions are counted per resource."""

from dataclasses import dataclass

VERSION = "7.1"
NEWEST = (7, 2)


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The API versions of a resource."""

    revision: int
    """The newest revision of its preview; older ones are accepted too."""
    released: bool
    """If False, only versions with `-preview` are accepted."""

    def take(self, version: str) -> bool:
        previews = [f"{VERSION}-preview", *(f"{VERSION}-preview.{number}" for number in range(1, self.revision + 1))]
        return version in previews or (self.released and version == VERSION)


def is_too_new(version: str) -> bool:
    """Whether the version is newer than the newest one that the service speaks."""
    number = version.partition("-")[0].split(".")
    return len(number) == 2 and all(digits.isdigit() for digits in number) and tuple(map(int, number)) > NEWEST
