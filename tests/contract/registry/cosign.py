"""The real cosign, if this machine has it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.contract.registry.places import Place

BUILT_HERE = Path(__file__).parents[3] / ".local" / "tools" / "cosign"
COSIGN = shutil.which("cosign") or (str(BUILT_HERE) if BUILT_HERE.exists() else None)
MISSING = "cosign is not installed (`make cosign` builds it, with Go)"
PASSWORD = "tests only"
NO_ROOTS = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}
"""Only the key is trusted; without this file cosign would look for the roots of the public instance."""


def image_reference(place: Place, repository: str, digest: str) -> str:
    """The reference of an image, as cosign takes it."""
    return f"{place.login_server}/{repository}@{digest}"


class Cosign:
    """The tool with a key pair of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "roots.json").write_text(json.dumps(NO_ROOTS), encoding="utf-8")
        self.run("generate-key-pair")

    @property
    def public_key(self) -> bytes:
        return (self._folder / "cosign.pub").read_bytes()

    def key(self) -> ec.EllipticCurvePublicKey:
        key = load_pem_public_key(self.public_key)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    def sign(self, image: str, *options: str) -> None:
        self.run("sign", *_offline("cosign.key"), *options, image)

    def attest(self, image: str, kind: str, predicate: object) -> None:
        (self._folder / "predicate.json").write_text(json.dumps(predicate), encoding="utf-8")
        self.run("attest", *_offline("cosign.key"), "--type", kind, "--predicate", "predicate.json", image)

    def verify(self, image: str, *options: str) -> str:
        """The output of cosign. Fails if the signature does not hold."""
        return self.run("verify", *_KEY_ALONE, *options, image)

    def verify_attestation(self, image: str, kind: str) -> str:
        """The same of an SBOM or a provenance."""
        return self.run("verify-attestation", *_KEY_ALONE, "--type", kind, image)

    def run(self, *arguments: str) -> str:
        assert COSIGN
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "COSIGN_PASSWORD": PASSWORD}
        environment["COSIGN_EXPERIMENTAL"] = "1"  # cosign requires this before it writes referrers
        process = subprocess.run(
            [COSIGN, *arguments],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout


def _offline(key: str) -> list[str]:
    """No transparency log: none can be reached here, and the key alone shows who signed."""
    return ["--key", key, "--tlog-upload=false", "--allow-http-registry", "--yes"]


_KEY_ALONE = ("--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry")
