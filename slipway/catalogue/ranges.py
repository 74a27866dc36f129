"""Ranges of semantic versions, in npm's notation: `>=1.0.0 <2.0.0`, `^1.4`, `~2.1 || 3.x`.

The `semver` library parses and compares versions but does not support ranges (docs/decisions/0002-semver-library.md),
so this module turns them into comparisons. The results equal node-semver's: the tests contain a table taken from it.
"""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from semver import Version

_NUMBER = r"0|[1-9][0-9]{0,15}"
_PART = rf"(?:{_NUMBER}|[xX*])"
_TERM = re.compile(
    rf"(?P<op>>=|<=|>|<|=|\^|~)?v?(?P<major>{_PART})(?:\.(?P<minor>{_PART})(?:\.(?P<patch>{_PART})"
    r"(?:-(?P<pre>[0-9A-Za-z.-]+))?)?)?"
)
_SPACE_AFTER_OPERATOR = re.compile(r"(>=|<=|>|<|=|\^|~)\s+")
_VERSION = re.compile(r"[vV]?(?P<version>[0-9].*)")
_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    op: str
    bound: Version

    def holds(self, version: Version) -> bool:
        return _COMPARE[self.op](version, self.bound)


@dataclass(frozen=True, kw_only=True)
class Range:
    """A version is in the range if every comparison of one of the alternatives holds."""

    alternatives: tuple[tuple[_Comparison, ...], ...]

    def __contains__(self, version: Version) -> bool:
        return any(_holds(comparisons, version) for comparisons in self.alternatives)


def parse_version(text: str) -> Version | None:
    """The semantic version in a tag, with or without a leading v; None if the tag is not one."""
    match = _VERSION.fullmatch(text)
    if not match or not Version.is_valid(match["version"]):
        return None
    return Version.parse(match["version"])


def parse_range(text: str) -> Range:
    """The range that the text describes. Raises ValueError with the part that is invalid."""
    alternatives = []
    for alternative in text.split("||"):
        terms = _SPACE_AFTER_OPERATOR.sub(r"\1", alternative.strip()).split()
        if not terms:
            raise ValueError("expected a range on each side of ||" if "||" in text else "expected a range")
        alternatives.append(tuple(comparison for term in terms for comparison in _comparisons(term)))
    return Range(alternatives=tuple(alternatives))


def _holds(comparisons: tuple[_Comparison, ...], version: Version) -> bool:
    if not all(comparison.holds(version) for comparison in comparisons):
        return False
    if not version.prerelease:
        return True
    # A pre-release is only in a range that names one of the same version: >=1.0.0 must not include 2.0.0-rc.1.
    release = version.finalize_version()
    return any(c.bound.prerelease and c.bound.finalize_version() == release for c in comparisons)


def _comparisons(term: str) -> Iterator[_Comparison]:
    match = _TERM.fullmatch(term)
    if not match:
        raise ValueError(f"expected terms such as >=1.0.0, <2, ^1.4, ~1.4.2 or 1.x, with spaces between, got {term!r}")
    parts = _numbers(match)
    if not parts:
        # Every version is >=, <= and = *; none is > or < *.
        is_empty = match["op"] in ("<", ">")
        yield _Comparison(op="<", bound=_lowest(Version(0))) if is_empty else _Comparison(op=">=", bound=Version(0))
        return
    pre = match["pre"]
    if pre and len(parts) < len(("major", "minor", "patch")):
        raise ValueError(f"expected all three numbers before a pre-release, got {term!r}")
    floor = Version(*parts)
    if pre:
        text = f"{floor}-{pre}"
        if not Version.is_valid(text):
            raise ValueError(f"expected a valid pre-release, got {pre!r} in {term!r}")
        floor = Version.parse(text)
    match match["op"] or "=":
        case "^":
            yield from _between(floor, _bump(parts, _caret_position(parts)))
        case "~":
            yield from _between(floor, _bump(parts, min(len(parts), 2) - 1))
        case op if len(parts) == len(("major", "minor", "patch")):
            yield _Comparison(op=op, bound=floor)
        case op:
            yield from _partial(op, parts)


def _numbers(match: re.Match[str]) -> tuple[int, ...]:
    """The numbers up to the first part that is missing, x or *."""
    numbers: list[int] = []
    for name in ("major", "minor", "patch"):
        if match[name] is None or not match[name].isdigit():
            break
        numbers.append(int(match[name]))
    return tuple(numbers)


def _partial(op: str, parts: tuple[int, ...]) -> Iterator[_Comparison]:
    """The comparison with a partial version: `1.2` stands for all of 1.2.x."""
    first, last = Version(*parts), len(parts) - 1
    match op:
        case "=":
            yield from _between(first, _bump(parts, last))
        case ">=":
            yield _Comparison(op=">=", bound=first)
        case "<":
            yield _Comparison(op="<", bound=_lowest(first))
        case ">":
            yield _Comparison(op=">=", bound=Version(*_bumped(parts, last)))
        case "<=":
            yield _Comparison(op="<", bound=_lowest(Version(*_bumped(parts, last))))


def _caret_position(parts: tuple[int, ...]) -> int:
    """The position of the number that a caret fixes: the first that is not zero, or else the last one."""
    return next((position for position, number in enumerate(parts) if number), len(parts) - 1)


def _between(floor: Version, ceiling: Version) -> Iterator[_Comparison]:
    yield _Comparison(op=">=", bound=floor)
    yield _Comparison(op="<", bound=ceiling)


def _bump(parts: tuple[int, ...], position: int) -> Version:
    return _lowest(Version(*_bumped(parts, position)))


def _bumped(parts: tuple[int, ...], position: int) -> tuple[int, ...]:
    return (*parts[:position], parts[position] + 1)


def _lowest(version: Version) -> Version:
    """The lowest pre-release of a version, so that `<` excludes all of its pre-releases."""
    return version.replace(prerelease="0")
