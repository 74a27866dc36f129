"""Whether a tag starts a release: the rule `tag-matches`, and whether a rule can be read at all."""

import fnmatch
import re

from slipway.domain.application import TagRule
from slipway.domain.rules import Rule, RuleResult

from .ranges import parse_range, parse_version

LONGEST_TAG = 128
"""The limit of registries, which also bounds the work of a regular expression. The review of the pull request that adds
the expression must make sure that it has no nested repetition."""


def check_tag(rule: TagRule, tag: str) -> RuleResult:
    """Whether the rule accepts the tag, with the reason."""
    kind, pattern = written_rule(rule)
    if not tag:
        return _result(passed=False, reason=f"pushed without a tag; {kind} {pattern} needs one")
    if len(tag) > LONGEST_TAG:
        return _result(passed=False, reason=f"expected a tag of at most {LONGEST_TAG} characters, got {len(tag)}")
    if kind == "semver":
        return _check_version(pattern, tag)
    matches = re.fullmatch(pattern, tag) is not None if kind == "regex" else fnmatch.fnmatchcase(tag, pattern)
    return _result(passed=matches, reason=f"tag {tag} {'matches' if matches else 'does not match'} {kind} {pattern}")


def written_rule(rule: TagRule) -> tuple[str, str]:
    """The kind of the rule, and its text."""
    for kind in ("semver", "regex"):
        if text := getattr(rule, kind):
            return kind, str(text)
    return "glob", str(rule.glob)


def fault_of(rule: TagRule) -> tuple[str, str] | None:
    """(field, reason) of an invalid rule; None for a valid one."""
    kind, text = written_rule(rule)
    try:
        match kind:
            case "semver":
                parse_range(text)
            case "regex":
                re.compile(text)
            case "glob" if "[" in text.rpartition("]")[2]:
                return kind, f"expected a ] after the last [, got {text!r}"
    except (ValueError, re.error, RecursionError, OverflowError) as error:
        why = str(error)
        return kind, why if why.startswith("expected ") else f"expected a regular expression, got {text!r}: {why}"
    return None


def _check_version(text: str, tag: str) -> RuleResult:
    version = parse_version(tag)
    if version is None:
        return _result(passed=False, reason=f"tag {tag} is no semantic version such as 1.4.2; semver {text} needs one")
    if version in parse_range(text):
        return _result(passed=True, reason=f"tag {tag} is within semver {text}")
    hint = ""
    if version.prerelease and version.finalize_version() in parse_range(text):
        hint = "; a pre-release is taken only where the range names a pre-release of the same version"
    return _result(passed=False, reason=f"tag {tag} is not within semver {text}{hint}")


def _result(*, passed: bool, reason: str) -> RuleResult:
    return Rule.TAG_MATCHES.judged(passed, reason)
