"""Single records of a trail, for tests of what is read from one."""

from datetime import timedelta

from slipway.domain.audit import GENESIS, AuditRecord
from slipway.testing.chains import SIGNER
from tests.unit.domain.samples import MORNING

START = MORNING


def record(
    sequence: int, at: float, action: str, release: int = 1, environment: str | None = "production"
) -> AuditRecord:
    """`at` is in minutes after the start."""
    return AuditRecord(
        application="shop",
        sequence=sequence,
        time=START + timedelta(minutes=at),
        actor="slipway",
        action=action,
        release=f"shop-{release}",
        environment=environment,
        previous=GENESIS,
        hash=GENESIS,
        sig=SIGNER.sign(GENESIS.encode()),
    )
