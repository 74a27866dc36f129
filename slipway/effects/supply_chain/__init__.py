"""What hangs on an image: Notation and cosign signatures, SBOMs, provenance; and whether it proves what is required.

The plan step calls `check` with what an environment wants, and puts the results into the plan. Everything here but
`_attachments` (which reads through the registry client) is a pure function over bytes: it returns what was proven, or
raises `Unproven` with the reason. Start with `_check`; why it is made like this is in docs/decisions/0004.

Revocation (CRL, OCSP), RFC 3161 timestamps and transparency logs are not looked at.
"""

from ._check import ProvenanceTrust, Wanted, check
from ._notation import NotationTrust

__all__ = ["NotationTrust", "ProvenanceTrust", "Wanted", "check"]
