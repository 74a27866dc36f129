"""Azure DevOps, asked about runs with the worker's identity: the run, its timeline, what it published, who changed it.

What each method returns is `Told`: what was asked for, `Absent`, or `CannotKnow` with the reason. Nothing here raises
for what the other side does, and no address that an answer names is ever followed.
"""

from ._client import AzureDevOps
from ._endpoints import AZURE_DEVOPS_SCOPE, Endpoints
from ._http import Exchange, RequestLimits

__all__ = ["AZURE_DEVOPS_SCOPE", "AzureDevOps", "Endpoints", "Exchange", "RequestLimits"]
