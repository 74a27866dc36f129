"""Applications and environments as files: `deliveries/<name>/delivery.yaml` and its Kubernetes manifests.

This layer turns folders into domain records and plain dicts, and says what is wrong with file, line and field.
It sits beside the ledger and the effects: flow asks it what an application is (`load_deliveries`), whether a tag
starts a release (`check_tag`), and what exactly a rollout will apply (`render`, `render_job`).
"""

from ..manifests.problems import ConfigError, Problem
from .delivery import Deliveries, Delivery
from .loading import Known, load_deliveries, load_delivery
from .rendering import BUILT_INS, render, render_job
from .tags import check_tag

__all__ = [
    "BUILT_INS",
    "ConfigError",
    "Deliveries",
    "Delivery",
    "Known",
    "Problem",
    "check_tag",
    "load_deliveries",
    "load_delivery",
    "render",
    "render_job",
]
