"""A double of the Kubernetes API, with the controllers that a delivery needs and a kubelet that runs real programs.

Start it as a process (`python -m local.kubernetes --config FILE.json --port 0`) or in a test:

    with Kubernetes(KubernetesSettings(namespaces=("shop",))) as cluster:
        cluster.url

README.md says what behaves like a cluster and what does not.
"""

from .kubeconfig import kubeconfig, write_kubeconfig
from .server import Kubernetes
from .settings import ConfigError, KubernetesSettings, Pace, RegistryLogin, Rule, Simulation, Token, read_settings

__all__ = [
    "ConfigError",
    "Kubernetes",
    "KubernetesSettings",
    "Pace",
    "RegistryLogin",
    "Rule",
    "Simulation",
    "Token",
    "kubeconfig",
    "read_settings",
    "write_kubeconfig",
]
