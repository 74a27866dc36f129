"""Verifies the attachments of an image (Notation and cosign signatures, SBOMs, provenance) against requirements.

The plan step calls `check` with an environment's requirements, and puts the results into the plan. Except for
`_attachments`, which reads through the registry client, everything here is a pure function over bytes that returns the
proven facts or raises `Unproven` with the reason. Start with `_check`; docs/decisions/0004 explains the design.

Revocation (CRL, OCSP), RFC 3161 timestamps and transparency logs are not checked.
"""

from ._check import ProvenanceTrust, RequiredChecks, check_required
from ._notation import NotationTrust

__all__ = ["NotationTrust", "ProvenanceTrust", "RequiredChecks", "check_required"]
