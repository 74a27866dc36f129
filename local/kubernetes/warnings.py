"""One of the API server's warnings about pod templates; a warning accompanies a response that is otherwise unchanged.

A server has dozens of them. This one needs no policy and no feature, so it represents all.
"""

from .resources import Json

_NODE_LABELS = {f"beta.kubernetes.io/{name}": f"kubernetes.io/{name}" for name in ("arch", "os")}


def of_object(api_object: Json) -> tuple[tuple[str, str], ...]:
    """Warning headers: deprecated node labels in the node selector of a pod or template."""
    spec = api_object.get("spec") or {}
    template = ((spec.get("template") or {}).get("spec") or {}) if api_object.get("kind") != "Pod" else spec
    place = "spec.nodeSelector" if api_object.get("kind") == "Pod" else "spec.template.spec.nodeSelector"
    return tuple(
        ("Warning", _header(f'{place}[{label}]: deprecated since v1.14; use "{_NODE_LABELS[label]}" instead'))
        for label in template.get("nodeSelector") or {}
        if label in _NODE_LABELS
    )


def _header(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped}"'
