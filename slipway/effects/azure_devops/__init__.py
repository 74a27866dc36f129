"""Azure DevOps, asked about runs with the worker's identity: the run, its timeline, its published document, the people
behind it.

Each method returns a `SourceAnswer`: the requested value, `Absent`, or `CannotKnow` with the reason. A failure of the
other side never raises here, and no address from an answer is ever followed.
"""

from ._client import AzureDevOps
from ._endpoints import AZURE_DEVOPS_SCOPE, Endpoints
from ._http import Exchange, RequestLimits

__all__ = ["AZURE_DEVOPS_SCOPE", "AzureDevOps", "Endpoints", "Exchange", "RequestLimits"]
