"""Whoever said something, in the front's words: what goes into a row of the inbox beside what was said."""

from ..domain.inbox import Speaker, Via
from ..domain.roles import Caller


def speaker(caller: Caller, via: Via) -> Speaker:
    return Speaker(name=caller.name, roles=tuple(sorted(caller.roles)), via=via)
