"""The values that Azure Resource Manager gives to the expressions that only a deployment can evaluate.

A snapshot leaves such a value as `[format('…', reference('…').vaultUri)]`. Here they become what an installation would
hold, with stand-ins for what resources answer; a function or a resource that is not known here is refused by name.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z]\w*)|(?P<sign>[.,()\[\]]))")
FRONT = "00000000-0000-0000-0000-00000000000b"
WORKER = "00000000-0000-0000-0000-00000000000c"
"""The principals of both identities, and their client ids too."""
KUBECONFIG = """apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: eA==
    server: https://{name}.azmk8s.io:443
  name: {name}
"""


class UnknownToUsError(Exception):
    """The template uses something of Azure's that has no stand-in here."""


def _last_segment(resource_id: str) -> str:
    return resource_id.rpartition("/")[2]


REFERENCED: dict[str, Callable[[str], dict[str, Any]]] = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": lambda name: dict.fromkeys(
        ("clientId", "principalId"), WORKER if name.startswith("id-work-") else FRONT
    ),
    "Microsoft.Insights/components": lambda _: {
        "ConnectionString": "InstrumentationKey=0;IngestionEndpoint=https://x/"
    },
    "Microsoft.ContainerRegistry/registries": lambda name: {"loginServer": f"{name}.azurecr.io"},
    "Microsoft.KeyVault/vaults": lambda name: {"vaultUri": f"https://{name}.vault.azure.net/"},
    "Microsoft.Storage/storageAccounts": lambda name: {
        "primaryEndpoints": {"blob": f"https://{name}.blob.core.windows.net/"}
    },
}
"""What `reference` gives for a resource of each type."""


def _reference(resource_id: str, _version: str) -> dict[str, Any]:
    kind = "/".join(resource_id.rsplit("/providers/", maxsplit=1)[-1].split("/")[:2])
    if kind not in REFERENCED:
        raise UnknownToUsError(f"a resource of the type {kind}")
    return REFERENCED[kind](_last_segment(resource_id))


def _cluster_credential(resource_id: str, _version: str) -> dict[str, Any]:
    config = KUBECONFIG.format(name=_last_segment(resource_id))
    return {"kubeconfigs": [{"value": base64.b64encode(config.encode()).decode()}]}


def _create_object(*items: Any) -> dict[str, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "reference": _reference,
    "listClusterUserCredential": _cluster_credential,
    "createObject": _create_object,
    "environment": lambda: {"suffixes": {"storage": "core.windows.net"}},
    "format": lambda pattern, *values: pattern.format(*values),
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
    "trim": str.strip,
    "split": lambda text, by: text.split(by),
    "base64ToString": lambda text: base64.b64decode(text).decode(),
}


def evaluate(value: Any) -> Any:
    """A value of a snapshot, as the resource would have it."""
    if isinstance(value, Mapping):
        return {key: evaluate(item) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item) for item in value]
    if not isinstance(value, str) or not value.startswith("[") or value.startswith("[["):
        return value
    return _Reader(value[1:-1]).value()


class _Reader:
    """One expression, read from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))

    def value(self) -> Any:
        kind, text = self._tokens.pop(0)
        operand: Any
        if kind == "text":
            operand = text[1:-1].replace("''", "'")
        elif kind == "number":
            operand = int(text)
        elif kind == "name":
            operand = self._call(text)
        else:
            raise UnknownToUsError(f"an expression that begins with {text}")
        return self._follow_path(operand)

    def _call(self, name: str) -> Any:
        if name not in FUNCTIONS:
            raise UnknownToUsError(f"the function {name}")
        self._take("(")
        arguments: list[Any] = []
        while not self._next_is(")"):
            if arguments:
                self._take(",")
            arguments.append(self.value())
        self._take(")")
        return FUNCTIONS[name](*arguments)

    def _follow_path(self, value: Any) -> Any:
        while self._next_is(".") or self._next_is("["):
            if self._tokens.pop(0)[1] == ".":
                value = value[self._tokens.pop(0)[1]]
            else:
                value = value[self.value()]
                self._take("]")
        return value

    def _next_is(self, sign: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == ("sign", sign)

    def _take(self, sign: str) -> None:
        if not self._next_is(sign):
            raise UnknownToUsError(f"{self._tokens[:1]} where {sign} was expected")
        self._tokens.pop(0)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise UnknownToUsError(f"the expression {text[position:]}")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()
