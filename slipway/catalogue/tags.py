"""Whether a tag starts a release: the rule `tag-matches`, and whether a rule can be read at all."""

import fnmatch
import re
from collections.abc import Callable
from functools import cache

from semver import Version

from slipway.domain.application import Versions
from slipway.domain.rules import Rule, RuleResult

from .ranges import parse_range, parse_version

_NEVER_IN_A_TAG = re.compile(r"[^A-Za-z0-9._*?\[\]!-]")
"""A glob with braces or slashes looks like another tool's, and would never match."""
LONGEST_TAG = 128
"""The limit of registries."""
LARGEST_EXPRESSION = 256 * 1024
"""Bytes of memory that a compiled expression may take. Its work on a tag grows only with the tag's length (RE2), so no
application's expression blocks a worker for the others."""


def check_tag(versions: Versions, tag: str) -> RuleResult:
    """Whether the versions include the tag, with the reason."""
    kind, pattern = _kind_and_text(versions)
    if not tag:
        return _result(passed=False, reason=f"pushed without a tag; {kind} {pattern} needs one")
    if len(tag) > LONGEST_TAG:
        return _result(passed=False, reason=f"expected a tag of at most {LONGEST_TAG} characters, got {len(tag)}")
    if kind == "semver":
        return _check_version(pattern, tag)
    matches = bool(_expression(pattern)(tag)) if kind == "regex" else fnmatch.fnmatchcase(tag, pattern)
    return _result(passed=matches, reason=f"tag {tag} {'matches' if matches else 'does not match'} {kind} {pattern}")


@cache
def _expression(text: str) -> Callable[[str], object]:
    """Matches a whole tag. Raises `ValueError` for an expression that RE2 cannot read, or that needs too much
    memory."""
    import re2  # noqa: PLC0415 - few applications have an expression, and the first event should not wait for it

    options = re2.Options()
    options.max_mem, options.log_errors = LARGEST_EXPRESSION, False
    try:
        matching: Callable[[str], object] = re2.compile(text, options).fullmatch
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if error.args else ""
        raise ValueError(f"expected a regular expression as RE2 reads it, got {text[:80]!r}: {why}") from error
    return matching


def _kind_and_text(versions: Versions) -> tuple[str, str]:
    """The kind of the rule, and its text."""
    if versions.range is not None:
        return "semver", versions.range
    if versions.tags is None:
        return "glob", "*"
    return ("regex", versions.tags.regex) if versions.tags.regex is not None else ("glob", str(versions.tags.glob))


def fault_of_versions(versions: Versions) -> tuple[tuple[str, ...], str] | None:
    """(field within `versions`, reason) of an invalid rule; None for a valid one."""
    kind, text = _kind_and_text(versions)
    for line in versions.lines:
        try:
            parse_range(line)
        except (ValueError, RecursionError, OverflowError) as error:
            return ("lines",), f"{error}, in {line!r}"
    field = ("range",) if kind == "semver" else ("tags", kind)
    try:
        match kind:
            case "semver":
                parse_range(text)
            case "regex":
                _expression(text)
            case "glob" if impossible := _NEVER_IN_A_TAG.search(text):
                return field, f"expected a pattern of *, ?, [...] and what tags hold, got {impossible[0]!r} in {text!r}"
            case "glob" if "[" in text.rpartition("]")[2]:
                return field, f"expected a ] after the last [, got {text!r}"
    except (ValueError, RecursionError, OverflowError) as error:
        return field, str(error)
    return None


def is_lower(versions: Versions, tag: str, other: str) -> bool:
    """Whether the tag names a lower version than the other one, in the same line; never if versions are ordered by
    time."""
    this, that = parse_version(tag), parse_version(other)
    if not versions.by_semver or this is None or that is None:
        return False
    return _version_line(versions, this) == _version_line(versions, that) and this < that


def downgrade(tag: str, live: str) -> str:
    """The plan's note that a lower version replaces a higher one, whatever rule let it through; empty otherwise, and
    for tags that are not versions."""
    this, that = parse_version(tag), parse_version(live)
    if this is None or that is None or this >= that:
        return ""
    return f"{tag} is a downgrade: {live} is live here"


def _version_line(versions: Versions, version: Version) -> str:
    """The first line that contains the version; a pre-release belongs to the line of its version."""
    version = version.finalize_version()
    return next((line for line in versions.lines if version in parse_range(line)), "")


def _check_version(text: str, tag: str) -> RuleResult:
    version = parse_version(tag)
    if version is None:
        return _result(
            passed=False, reason=f"tag {tag} is not a semantic version such as 1.4.2; semver {text} needs one"
        )
    if version in parse_range(text):
        return _result(passed=True, reason=f"tag {tag} is within semver {text}")
    hint = ""
    if version.prerelease and version.finalize_version() in parse_range(text):
        hint = "; a pre-release is accepted only where the range names a pre-release of the same version"
    return _result(passed=False, reason=f"tag {tag} is not within semver {text}{hint}")


def _result(*, passed: bool, reason: str) -> RuleResult:
    return Rule.TAG_MATCHES.judged(passed, reason)
