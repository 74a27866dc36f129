"""The hash of a delivery folder. When it changes, plans made from the folder are made again."""

from ..domain.model import canonical, sha256
from .delivery import Delivery


def fingerprint(delivery: Delivery) -> str:
    """Hash over the name and content of every file in the folder, in a fixed order."""
    files = sorted(path for path in delivery.folder.rglob("*") if path.is_file())
    return sha256(
        canonical({path.relative_to(delivery.folder).as_posix(): sha256(path.read_bytes()) for path in files})
    )
