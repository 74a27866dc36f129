"""A release as the API shows it."""

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


def read_release(document: Json) -> Release:
    gate = document.get("gate") or {}
    return Release(
        number=document["number"],
        tag=document["tag"],
        phase=document["phase"],
        environment=document.get("environment"),
        digest=document.get("digest") or (document.get("artifact") or {}).get("digest"),
        reason=document.get("reason") or "",
        votes=tuple((vote["voter"], vote["decision"]) for vote in gate.get("votes", ())),
    )
