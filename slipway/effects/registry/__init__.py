"""Registries: a small data-plane client, and the copy of an artifact by digest from one into another.

A step calls `copy_artifact`; planning, and the search for missed pushes, call `Registry` for digests and tags. The
package knows nothing of releases or the ledger: it takes registries and names, and returns records or raises a
`RegistryError` whose `retryable` says whether another try makes sense.

To read it, start with `_copy`, then `_graph` (what belongs to an artifact) and `_client`; below them are
`_blobs`, `_session` (sign-in) and `_http` (retries and limits).
"""

from ._client import Registry
from ._copy import copy_artifact
from ._copy_types import Comparison, CopyResult, CopySource, CopyTarget, Progress, Unfinished
from ._credentials import Anonymous, BasicCredential, Credential, EntraCredential
from ._endpoint import RegistryEndpoint
from ._errors import (
    BodyRefused,
    Denied,
    DigestMismatch,
    ErrorSubject,
    Firewalled,
    Forgotten,
    ImmutableTag,
    ImportDenied,
    Incomplete,
    LayerMissing,
    Locked,
    ManifestRefused,
    MovedElsewhere,
    NameRefused,
    NoRegistryThere,
    NotImportable,
    NotInRegistry,
    NotListed,
    OtherDigest,
    OtherSignIn,
    OurLimit,
    QuotaFull,
    RegistryError,
    RepositoryMissing,
    RequestRejected,
    SignInRefused,
    SoftDeleted,
    SubjectRefused,
    TagTaken,
    TakesNoPushes,
    Throttled,
    TooLarge,
    Unreachable,
    Unsupported,
    Untrusted,
)
from ._foresee import check_children, check_whole, foresee
from ._graph import platforms_of
from ._http import Limits, Pool, new_pool
from ._import import PUBLIC_CLOUD, Importer, Importing
from ._kinds import why_no_image
from ._listing import Referrers
from ._manifest import Descriptor, Manifest
from ._metadata import Lock, TagInfo

__all__ = [
    "PUBLIC_CLOUD",
    "Anonymous",
    "BasicCredential",
    "BodyRefused",
    "Comparison",
    "CopyResult",
    "CopySource",
    "CopyTarget",
    "Credential",
    "Denied",
    "Descriptor",
    "DigestMismatch",
    "EntraCredential",
    "ErrorSubject",
    "Firewalled",
    "Forgotten",
    "ImmutableTag",
    "ImportDenied",
    "Importer",
    "Importing",
    "Incomplete",
    "LayerMissing",
    "Limits",
    "Lock",
    "Locked",
    "Manifest",
    "ManifestRefused",
    "MovedElsewhere",
    "NameRefused",
    "NoRegistryThere",
    "NotImportable",
    "NotInRegistry",
    "NotListed",
    "OtherDigest",
    "OtherSignIn",
    "OurLimit",
    "Pool",
    "Progress",
    "QuotaFull",
    "Referrers",
    "Registry",
    "RegistryEndpoint",
    "RegistryError",
    "RepositoryMissing",
    "RequestRejected",
    "SignInRefused",
    "SoftDeleted",
    "SubjectRefused",
    "TagInfo",
    "TagTaken",
    "TakesNoPushes",
    "Throttled",
    "TooLarge",
    "Unfinished",
    "Unreachable",
    "Unsupported",
    "Untrusted",
    "check_children",
    "check_whole",
    "copy_artifact",
    "foresee",
    "new_pool",
    "platforms_of",
    "why_no_image",
]
