"""A double of what `slipway connect azure-devops` uses of Azure DevOps' REST API. See README.md."""

from .server import Organization, serve

__all__ = ["Organization", "serve"]
