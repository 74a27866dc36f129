"""The kinds that a project lets its applications apply, and the fields that may reach into the node.

They are checked when an application is applied, when a plan is made, and right before the first object: a project may
have become narrower in between. Fields are found by name wherever they are, since a custom resource describes its pods
in places of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from ..domain.kinds import NAMESPACED, kind_name
from ..domain.project import AllowedKinds
from .documents import Document
from .problems import Problem, Steps, dotted_path, short_value

_HARMLESS: Final = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    )
)
"""The capabilities that a container may add by Pod Security's level baseline."""
_OF_ITS_OWN: Final = frozenset(
    (
        "kernel.shm_rmid_forced",
        *(f"net.ipv4.ip_{name}" for name in ("local_port_range", "local_reserved_ports", "unprivileged_port_start")),
        "net.ipv4.ping_group_range",
        *(f"net.ipv4.tcp_{name}" for name in ("fin_timeout", "keepalive_intvl", "keepalive_probes", "keepalive_time")),
        *("net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem"),
    )
)
"""The kernel's settings that a pod has for itself alone, by the same level."""


def _is_true(value: object) -> bool:
    return value is True


def _adds_power(value: object) -> bool:
    added = value.get("add") if isinstance(value, Mapping) else None
    return isinstance(added, list) and not all(isinstance(name, str) and name in _HARMLESS for name in added)


def _is_unconfined(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "Unconfined"


def _is_another_type(value: object) -> bool:
    """Whether SELinux treats the container as something other than a container."""
    allowed = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
    return isinstance(value, Mapping) and not (
        value.get("type") in allowed and not value.get("user") and not value.get("role")
    )


def _asks_another_host(value: object) -> bool:
    """Whether a probe or a hook, which the node sends, goes to another host than its own pod."""
    return isinstance(value, Mapping) and value.get("host") not in (None, "")


def _sets_the_kernel(value: object) -> bool:
    return isinstance(value, list) and not all(
        isinstance(each, Mapping) and str(each.get("name")) in _OF_ITS_OWN for each in value
    )


_OF_THE_HOST: Final[Mapping[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("hostNetwork", "hostPID", "hostIPC", "hostProcess", "privileged"), _is_true),
    "hostPath": lambda value: isinstance(value, Mapping),
    "hostPort": lambda value: value not in (None, 0),
    **dict.fromkeys(("httpGet", "tcpSocket"), _asks_another_host),
    "sysctls": _sets_the_kernel,
    "priorityClassName": lambda value: str(value).startswith("system-"),  # drives other people's pods off their nodes
    "externalIPs": lambda value: value not in (None, []),  # each node takes that traffic, whoever it is for
    "capabilities": _adds_power,
    "procMount": lambda value: value not in (None, "Default"),
    **dict.fromkeys(("seccompProfile", "appArmorProfile"), _is_unconfined),
    "seLinuxOptions": _is_another_type,
}
"""For each field of this name, whether its value reaches out of a container."""
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
"""Begins an annotation of pods that the API server turns into an `appArmorProfile`."""
_ALIKE: Final = 0.8
"""The least similarity of a misspelt kind and the right one; two different kinds are less similar."""
_DEFINITION: Final = "apiextensions.k8s.io/CustomResourceDefinition"
"""It describes fields of these names, but does not have them itself."""


def limit_problems(document: Document, value: Mapping[str, Any], kinds: AllowedKinds) -> Iterator[Problem]:
    """The kind or fields of a document's object that the project does not allow."""
    for steps, expected, got in _beyond(value, kinds):
        message = _cure(got, kinds) if steps == ("kind",) else ""
        yield document.problem(steps, message, expected=expected, got=got)


def _cure(kind: str, kinds: AllowedKinds) -> str:
    close = get_close_matches(kind, (*NAMESPACED, *kinds.also), n=1, cutoff=_ALIKE)
    return f"did you mean {close[0]!r}?" if close else "the platform's people can name it in the project's kinds.also"


def beyond_limits(value: Mapping[str, Any], kinds: AllowedKinds) -> Iterator[str]:
    """The problem of an object beyond the limits that was not read from a document."""
    for steps, expected, got in _beyond(value, kinds):
        name = value["metadata"]["name"]
        yield f"{value['kind']}/{name}: {dotted_path(steps)}: expected {expected}, got {got}"


def _beyond(value: Mapping[str, Any], kinds: AllowedKinds) -> Iterator[tuple[Steps, str, str]]:
    """The place, the expected value, and the actual one."""
    name = kind_name(value["apiVersion"], value["kind"])
    if not kinds.allows(name):
        more = f" ({', '.join(kinds.also)})" if kinds.also else ""
        yield ("kind",), f"one of Kubernetes' own namespaced kinds, or one that the project allows{more}", name
    if name not in kinds.host_access and name != _DEFINITION:
        for steps, got in _uses_of_host(value, ()):
            yield steps, "nothing of the node, as the project does not give this kind access to its host", got


def _uses_of_host(value: object, steps: Steps) -> Iterator[tuple[Steps, str]]:
    match value:
        case Mapping():
            for key, item in value.items():
                unconfined = str(key).startswith(_APP_ARMOR) and item == "unconfined"
                if unconfined or (key in _OF_THE_HOST and _OF_THE_HOST[key](item)):
                    yield (*steps, key), short_value(item)
                else:
                    yield from _uses_of_host(item, (*steps, key))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _uses_of_host(item, (*steps, index))
