"""The vocabulary of the situations: the only place in this folder that knows how the product is built.

An `Installation` is the app as the Functions host runs it: its own wiring and its own functions, over ports in memory
and a clock that the test moves. Events come in as Event Grid, Azure DevOps and the queues bring them; people use pages
and the API; what is asserted on is what they can see. When modules of the product move, this package changes, and the
tests stay as they are.
"""

from .applications import Application, CheckResult, Json, check, shop, workload
from .artifacts import (
    Artifact,
    buildkit_cache,
    empty_index,
    helm_chart,
    image,
    image_with_sha512_layer,
    index,
    oci_artifact,
    sbom,
    signature,
    windows_image,
)
from .installation import Installation
from .kubernetes import KubernetesCluster, start_kubernetes
from .people import ADA, BEN, CLEO, ApprovalPage, Guest, Response
from .registries import Answer, RegistryInMemory, error_answer

__all__ = [
    "ADA",
    "BEN",
    "CLEO",
    "Answer",
    "Application",
    "ApprovalPage",
    "Artifact",
    "CheckResult",
    "Guest",
    "Installation",
    "Json",
    "KubernetesCluster",
    "RegistryInMemory",
    "Response",
    "buildkit_cache",
    "check",
    "empty_index",
    "error_answer",
    "helm_chart",
    "image",
    "image_with_sha512_layer",
    "index",
    "oci_artifact",
    "sbom",
    "shop",
    "signature",
    "start_kubernetes",
    "windows_image",
    "workload",
]
