"""An application's CI pipeline, played on this machine: build the image, push it, report the run."""

from .bundles import BundleStage
from .pipeline import Pipeline, RunFacts

__all__ = ["BundleStage", "Pipeline", "RunFacts"]
