"""The names of failed tests, as the usual test runners write them to their output."""

import re

MAX_NAMES = 3
_MAX_NAME = 120
_MAX_READ = 512 * 1024

_LINE = re.compile(
    r"^[^\S\n]*+(?:"
    r"FAILED (?P<pytest>\S+::\S+)"
    r"|(?:FAIL|ERROR): (?P<unittest>test\w* \([\w.]+\))"
    r"|--- FAIL: (?P<go>\S+)"
    r"|test (?P<cargo>\S+) \.\.\. FAILED"
    r"|not ok \d+ (?:- )?(?P<tap>[^#\n]+)"
    r"|[✗✘✕×] (?P<mark>[^\n]+)"
    r"|● (?P<jest>[^\n]+)"
    r"|\[ERROR\] ++(?=[\w$]++[.:#]\w)(?P<maven>[\w.$:#]++)[^\n]*<<< (?:FAILURE|ERROR)!"
    r"|Failed (?P<dotnet>[\w.]+\w(?:\([^\n)]*\))?) \["
    r")",
    re.MULTILINE,
)


def failing_tests(log: str) -> tuple[str, ...]:
    """The names of the failed tests, each once, in the order of the end of the log."""
    names = (next(name for name in match.groups() if name) for match in _LINE.finditer(log[-_MAX_READ:]))
    return tuple(dict.fromkeys(name.strip()[:_MAX_NAME] for name in names))


def first_names(names: tuple[str, ...]) -> str:
    """The first names for a sentence; empty if there are none."""
    if not names:
        return ""
    more = f" (and {len(names) - MAX_NAMES} more)" if len(names) > MAX_NAMES else ""
    return f"failed: {', '.join(names[:MAX_NAMES])}{more}"
