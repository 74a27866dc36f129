"""What the CI pipeline of an application does, played on this machine: build the image, push it, report the run."""

from .pipeline import Pipeline, RunFacts

__all__ = ["Pipeline", "RunFacts"]
