"""A release as the API tells of it."""

from dataclasses import dataclass

from .applications import Json


@dataclass(frozen=True, kw_only=True)
class Release:
    number: int
    tag: str
    phase: str
    environment: str | None
    digest: str | None
    reason: str
    votes: tuple[tuple[str, str], ...]
    """Who voted at the gate that is open, and how."""


def read_release(found: Json) -> Release:
    gate = found.get("gate") or {}
    return Release(
        number=found["number"],
        tag=found["tag"],
        phase=found["phase"],
        environment=found.get("environment"),
        digest=found.get("digest") or (found.get("artifact") or {}).get("digest"),
        reason=found.get("reason") or "",
        votes=tuple((vote["voter"], vote["decision"]) for vote in gate.get("votes", ())),
    )
