"""The forms in which rules about fields are written: each looks at one value, and says what was expected, and where.

A rule says nothing of a value whose type is wrong, since the schema does, nor of a field that is not there, unless it
needs one. As in Kubernetes, an empty text and a missing one are alike.
"""

import ipaddress
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from .problems import Steps

type Faults = Iterator[tuple[Steps, str]]
"""The place of a problem below the value, and the expectation there."""
type Rule = Callable[[Any], Faults]

SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
DNS_LABEL: Final = r"(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SERVICE_NAME: Final = r"(?=.{1,63}\Z)[a-z]([-a-z0-9]*[a-z0-9])?"
_WORD: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LABEL_KEY: Final = re.compile(rf"({SUBDOMAIN}/)?{_WORD}")
LABEL_VALUE: Final = re.compile(rf"({_WORD})?")
DATA_KEY: Final = re.compile(r"(?!\.{1,2}\Z|\.\.)[-._a-zA-Z0-9]{1,253}")
LETTERS: Final = "letters, digits, '-', '_' and '.', a letter or digit first and last, at most 63"
SMALL: Final = "lower-case letters, digits and '-', a letter or digit first and last, at most"
_PERCENT: Final = re.compile(r"[0-9]+%")
_PORT_NAME: Final = re.compile(r"(?=.{1,15}\Z)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_USUAL_KEYS: Final[Mapping[str, str]] = {"protocol": "TCP", "hostIP": ""}
_LONGEST_ADDRESS: Final = 64
_FEW: Final = 100
_PORTS: Final = range(1, 65536)
_UNITS: Final[Mapping[str, Decimal]] = {
    **{unit: Decimal(2) ** (10 * (at + 1)) for at, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{
        unit: Decimal(10) ** (3 * (at - 3)) for at, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"))
    },
}
_AMOUNT: Final = re.compile(r"([+-]?[0-9.]*)(?:([eE][+-]?[0-9]{1,3})|([KMGTPE]i|[numkMGTPE]))?")


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    return [mapping(each) for each in value] if isinstance(value, list) else []


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def between(least: int, most: int | None = None) -> Rule:
    expected = f"{least} to {most}" if most is not None else f"at least {least}"

    def rule(value: Any) -> Faults:
        if is_number(value) and not (least <= value and (most is None or value <= most)):
            yield (), expected

    return rule


def one_of(*names: str) -> Rule:
    def rule(value: Any) -> Faults:
        if isinstance(value, str) and value and value not in names:
            yield (), " or ".join(names)

    return rule


def like(pattern: str | re.Pattern[str], expected: str, *, may_lack: bool = True) -> Rule:
    compiled = re.compile(pattern)

    def rule(value: Any) -> Faults:
        if isinstance(value, str) and not (may_lack and not value) and not compiled.fullmatch(value):
            yield (), expected

    return rule


def needs(*names: str) -> Rule:
    """Fields that have to be there, and not to be empty."""

    def rule(value: Any) -> Faults:
        for name in names if isinstance(value, Mapping) else ():
            if value.get(name) in (None, "", [], {}):
                yield (name,), "a value, which is needed"

    return rule


def one_field(*names: str, needed: bool = True, counts: Callable[[Any], bool] = lambda held: held is not None) -> Rule:
    """Fields that exclude each other."""
    listed = ", ".join(names)

    def rule(value: Any) -> Faults:
        fields = [name for name in names if isinstance(value, Mapping) and counts(value.get(name))]
        if isinstance(value, Mapping) and not fields and needed:
            yield (), f"one of {listed}"
        elif len(fields) > 1:
            yield (fields[1],), f"none beside {fields[0]}"

    return rule


def unique_by(*keys: str) -> Rule:
    """A list in which no two items have the same values of the keys."""

    def rule(value: Any) -> Faults:
        seen_keys = set[str]()
        for number, item in enumerate(mappings(value)):
            item_keys = [item.get(key) or _USUAL_KEYS.get(key) for key in keys]
            if None not in item_keys and repr(item_keys) in seen_keys:
                yield (number, keys[0]), f"another {' and '.join(keys)} than the items before"
            seen_keys.add(repr(item_keys))

    return rule


def at_most_items(count: int, *, least: int = 0) -> Rule:
    """How many items a list has."""

    def rule(value: Any) -> Faults:
        if isinstance(value, list) and not least <= len(value) <= count:
            yield (), f"{least} to {count} of them"

    return rule


def non_empty(value: Any) -> Faults:
    if isinstance(value, list) and not value:
        yield (), "at least one"


def all_of(*rules: Rule) -> Rule:
    def rule(value: Any) -> Faults:
        for each in rules:
            yield from each(value)

    return rule


def port(value: Any) -> Faults:
    """A number, or the name of one."""
    if is_number(value) and value not in _PORTS:
        yield (), "1 to 65535"
    elif isinstance(value, str) and not _PORT_NAME.fullmatch(value):
        yield (), "a number without quotes, or a name of lower-case letters, digits and '-', at most 15"


def port_name(value: Any) -> Faults:
    if isinstance(value, str) and value and not _PORT_NAME.fullmatch(value):
        yield (), "lower-case letters, digits and single '-', a letter among them, at most 15"


def count_or_percent(highest: int | None) -> Rule:
    def rule(value: Any) -> Faults:
        if is_number(value) and value < 0:
            yield (), "at least 0"
        elif isinstance(value, str) and not _PERCENT.fullmatch(value):
            yield (), "a number without quotes, or a percentage such as 25%"
        elif isinstance(value, str) and highest is not None and int(value[:-1][-9:]) > highest:
            yield (), f"at most {highest}%"

    return rule


def amount(quantity: Any) -> Decimal | None:
    """None for a value that is no amount."""
    match = _AMOUNT.fullmatch(str(quantity)[:60])
    if match is None or isinstance(quantity, bool) or not str(quantity):
        return None
    try:
        return Decimal(f"{match[1] or 0}{match[2] or ''}") * _UNITS[match[3] or ""]
    except InvalidOperation:
        return None


def quantity(*, above_zero: bool = False) -> Rule:
    def rule(value: Any) -> Faults:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            parsed = amount(value)
            if parsed is None:
                yield (), "an amount such as 500m, 2 or 1Gi"
            elif parsed < 0 or (above_zero and parsed == 0):
                yield (), "more than 0" if above_zero else "at least 0"

    return rule


def quantities(value: Any) -> Faults:
    for name, amount in mapping(value).items():
        for steps, expected in quantity()(amount):
            yield (name, *steps), expected


def address(*, outside: bool = False) -> Rule:
    def rule(value: Any) -> Faults:
        try:
            parsed = ipaddress.ip_address(_without_zeros(value)) if isinstance(value, str) else None
        except ValueError:
            yield (), "an IP address"
            return
        if outside and parsed and (parsed.is_loopback or parsed.is_link_local or parsed.is_multicast):
            yield (), "an address that others can reach"

    return rule


def _without_zeros(text: str) -> str:
    """Kubernetes takes 010.0.0.1 for 10.0.0.1."""
    return re.sub(r"(?<![0-9a-fA-F:])0+(?=[0-9]+\.)|(?<=\.)0+(?=[0-9])", "", text[:_LONGEST_ADDRESS])


type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parsed_network(text: Any) -> Network | None:
    if not isinstance(text, str) or "/" not in text:
        return None
    try:
        return ipaddress.ip_network(_without_zeros(text), strict=False)
    except ValueError:
        return None


def is_within(part: Network, whole: Network) -> bool:
    return part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]  # of the same version


def network(value: Any) -> Faults:
    if isinstance(value, str) and parsed_network(value) is None:
        yield (), "a network such as 10.0.0.0/8"


def base64(value: Any) -> Faults:
    for key, text in mapping(value).items():
        if isinstance(text, str) and not _is_base64(text):
            yield (key,), "base64"


def _is_base64(text: str) -> bool:
    try:
        b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return False
    return True


def absent(name: str, why: str) -> Rule:
    def rule(value: Any) -> Faults:
        if mapping(value).get(name) is not None:
            yield (name,), f"none {why}"

    return rule


def labels(value: Any) -> Faults:
    for key, text in mapping(value).items():
        if not LABEL_KEY.fullmatch(str(key)):
            yield (key,), f"a name of {LETTERS}"
        elif isinstance(text, str) and not LABEL_VALUE.fullmatch(text):
            yield (key,), LETTERS


def relative(value: Any) -> Faults:
    if isinstance(value, str) and (value.startswith("/") or ".." in value.split("/")):
        yield (), "a relative path without '..'"


def requirement(*more: str) -> Rule:
    """One of a selector's `matchExpressions`; `more` operators than those of labels."""
    operators = ("In", "NotIn", "Exists", "DoesNotExist", *more)

    def rule(value: Any) -> Faults:
        operator, values = mapping(value).get("operator"), mapping(value).get("values")
        if operator not in operators and isinstance(operator, str):
            yield ("operator",), " or ".join(operators)
        elif operator in ("In", "NotIn") and not values:
            yield ("values",), f"at least one, as the operator is {operator}"
        elif operator in ("Exists", "DoesNotExist") and values:
            yield ("values",), f"none, as the operator is {operator}"
        elif operator in more and not (isinstance(values, list) and len(values) == 1):
            yield ("values",), f"one, as the operator is {operator}"

    return rule


def is_false(value: Any) -> Faults:
    if value is True:
        yield (), "false"


def target_port(value: Any) -> Faults:
    """0 is the port itself."""
    return port(value) if value != 0 else iter(())


def distinct(value: Any) -> Faults:
    for number, item in enumerate(value[:_FEW] if isinstance(value, list) else ()):
        if item in value[:number]:
            yield (number,), "another than before"
