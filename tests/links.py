"""Links for tests, signed with whatever keys a test names."""

from collections.abc import Mapping

from slipway.domain.signing import FixedKeys, PrivateSigner, PublicKeys
from slipway.domain.tokens import ApprovalClaims, sign_link
from slipway.ed25519 import public_key


def public_of(seeds: Mapping[str, bytes]) -> PublicKeys:
    """The public keys of these private ones."""
    return PublicKeys({kid: public_key(seed) for kid, seed in seeds.items()})


def signer_of(seeds: Mapping[str, bytes]) -> PrivateSigner:
    """Signs with the first of these keys."""
    return PrivateSigner(FixedKeys(seeds), public_of(seeds))


def link_by(seeds: Mapping[str, bytes], claims: ApprovalClaims) -> str:
    """The token of a link, made by somebody who holds these keys."""
    return sign_link(claims, signer_of(seeds))
