"""The public key of an Ed25519 seed (RFC 8032), with Python's own library only, as the hooks have no other.

It is computed once, on the deployer's machine, for a key that this machine has just made: neither speed nor an even
running time matters here. The app never uses this.
"""

import hashlib

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
BASE: Point = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)


def _sum(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def public_key(seed: bytes) -> bytes:
    """The 32 bytes of the public key that belongs to a seed of 32 bytes."""
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    scalar = scalar & ~7 & ((1 << 254) - 1) | 1 << 254
    point, power = (0, 1), BASE
    while scalar:
        if scalar & 1:
            point = _sum(point, power)
        power, scalar = _sum(power, power), scalar >> 1
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")
