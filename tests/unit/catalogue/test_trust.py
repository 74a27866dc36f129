"""Requirements of an application: the files of keys and certificates are read with it, and a problem names its line."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from slipway.catalogue import ConfigError
from slipway.catalogue.entries import definition_hash
from slipway.catalogue.files import Files
from slipway.catalogue.trust import read_trust
from slipway.domain.environment import policy_hash
from tests.unit.catalogue.samples import APPLICATION, Write, load, load_one
from tests.unit.effects.supply_chain.authority import Issued, ec_key, issue, name, pem, root, rsa_key, signer

REQUIRE = """\
require:
  notation: { roots: [keys/ca.pem], identities: ["C=US, ST=WA, O=contoso.com"] }
  cosign: { key: keys/cosign.pub }
  sbom: true
  provenance: { builders: [https://builder.example], key: keys/builder.pub }
  within: 5m
"""


def with_environment(text: str) -> str:
    return APPLICATION + "".join(f"    {line}\n" for line in text.strip("\n").splitlines())


def certificate(of: Issued | None = None) -> bytes:
    return (of or root()).certificate.public_bytes(Encoding.PEM)


class Folder:
    """An application whose environment requires everything."""

    def __init__(self, write: Write) -> None:
        self.path = write(with_environment(REQUIRE))
        (self.path / "keys").mkdir()
        self.put("ca.pem", certificate())
        self.put("cosign.pub", pem(ec_key()))
        self.put("builder.pub", pem(rsa_key(2048)))

    def put(self, file: str, data: bytes) -> None:
        (self.path / "keys" / file).write_bytes(data)

    def problems(self) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_one(self.path)
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def home(write: Write) -> Folder:
    return Folder(write)


def test_requirements_are_loaded_with_the_keys_that_they_name(home: Folder) -> None:
    definition = load_one(home.path)
    required = definition.application.environments[0].require
    assert required.rules() == ("signed-by-notation", "signed-by-cosign", "has-sbom", "built-by")
    trust = read_trust(definition.files, required)
    assert len(trust.roots) == 1
    assert isinstance(trust.cosign, ec.EllipticCurvePublicKey)
    assert trust.provenance is not None


def test_an_environment_requires_nothing_unless_it_says_so(write: Write) -> None:
    definition = load_one(write())
    assert definition.application.environments[0].require.rules() == ()


def test_several_roots_may_be_in_several_files_and_several_in_one(home: Folder) -> None:
    home.put("ca.pem", certificate() + certificate(issue(name("self-signed"), ec_key())))
    definition = load_one(home.path)
    assert len(read_trust(definition.files, definition.application.environments[0].require).roots) == 2


def test_another_key_is_another_definition_but_the_same_policy(home: Folder) -> None:
    """The definition's hash, not the policy's, holds the content of the files; a plan holds both."""
    before = load_one(home.path)
    first, policy = definition_hash(before), policy_hash(before.application.environments[0])
    home.put("cosign.pub", pem(ec_key()))
    after = load_one(home.path)
    assert definition_hash(after) != first
    assert policy_hash(after.application.environments[0]) == policy


def private() -> bytes:
    return ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


KEY = "a public key in PEM: ECDSA P-256, RSA of 2048 to 8192 bits, or Ed25519"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", f"expected {KEY}, got keys/cosign.pub: no readable key"),
        (b"hello", f"expected {KEY}, got keys/cosign.pub: no readable key"),
        (pem(ec.generate_private_key(ec.SECP384R1())), f"expected {KEY}, got keys/cosign.pub: a key of another kind"),
        (pem(rsa_key(1024)), "a key of another kind or size"),
        (certificate(), "no readable key"),
        (private(), "got keys/cosign.pub: a private key; take it out of the folder, and replace it"),
    ],
    ids=["empty", "text", "P-384", "RSA 1024", "a certificate", "a private key"],
)
def test_a_key_that_cannot_be_used_is_reported_where_it_is_named(home: Folder, data: bytes, message: str) -> None:
    home.put("cosign.pub", data)
    (problem,) = home.problems()
    assert problem.startswith("team/shop/application.yaml:10: environments[0].require.cosign.key: ")
    assert message in problem


def test_an_ed25519_key_may_be_used(home: Folder) -> None:
    home.put("cosign.pub", pem(ed25519.Ed25519PrivateKey.generate()))
    assert load_one(home.path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no readable certificate"),
        (pem(ec_key()), "no readable certificate"),
        (certificate(signer()), "that of CN=release,O=contoso.com,ST=WA,C=US, which is neither a CA's nor self-signed"),
    ],
    ids=["empty", "a key", "a signer's"],
)
def test_a_file_without_a_root_certificate_is_reported_where_it_is_named(
    home: Folder, data: bytes, message: str
) -> None:
    home.put("ca.pem", data)
    (problem,) = home.problems()
    assert problem.startswith("team/shop/application.yaml:9: environments[0].require.notation.roots[0]: expected root")
    assert message in problem


def test_every_file_that_is_missing_is_reported(home: Folder) -> None:
    for file in ("ca.pem", "cosign.pub", "builder.pub"):
        (home.path / "keys" / file).unlink()
    assert [problem.partition("environments[0].require.")[2] for problem in home.problems()] == [
        "notation.roots[0]: expected a file, got keys/ca.pem: there is none",
        "cosign.key: expected a file, got keys/cosign.pub: there is none",
        "provenance.key: expected a file, got keys/builder.pub: there is none",
    ]


def test_a_path_that_leads_out_of_the_folder_is_refused(write: Write, folder: Path) -> None:
    (folder / "cosign.pub").write_bytes(pem(ec_key()))
    write(with_environment("require: { cosign: { key: ../cosign.pub } }"))
    with pytest.raises(ConfigError, match="expected a path beside the application's document"):
        load(folder)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("require: { sbom: yes }", "require.sbom: expected true or false, got 'yes'; write true"),
        ("require: { cosign: {} }", "require.cosign.key: is missing"),
        ("require: { sbmo: true }", "require.sbmo: unknown field; did you mean 'sbom'?"),
        ("require: { notation: { roots: [a] } }", "require.notation.identities: is missing"),
        (
            'require: { notation: { roots: [a], identities: ["CN=me"] } }',
            "require.notation.identities: expected at least C, ST and O in 'CN=me', got no C and no ST and no O",
        ),
        ("require: { provenance: { builders: [] } }", "require.provenance.builders: expected at least 1 of them"),
        ("require: { sbom: true, within: 2h }", "require.within: expected at most 60m"),
        (
            "require: { each: [{ of: team/base }] }",
            "require.each[0]: expected at least one of notation, cosign, sbom and provenance",
        ),
        ("require: { each: [{ of: [], sbom: true }] }", "require.each[0].of: expected at least 1 of them"),
        (
            "require: { each: [{ of: team/base, cosign: { key: keys/base.pub } }] }",
            "require.each[0].cosign.key: expected a file, got keys/base.pub: there is none",
        ),
        (
            "require: { sbom: true, each: [{ of: team/base, sbom: true }] }",
            "require.each: there is only one image; write its rules without each",
        ),
    ],
)
def test_a_wrong_requirement_is_named_as_any_other_field(write: Write, folder: Path, lines: str, message: str) -> None:
    write(with_environment(lines))
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert f"environments[0].{message}" in str(caught.value)


def test_a_version_that_lost_a_file_is_reported_when_it_is_read(home: Folder) -> None:
    required = load_one(home.path).application.environments[0].require
    with pytest.raises(ConfigError, match=r"require\.cosign\.key: expected a file"):
        read_trust(Files(document="shop/application.yaml"), required)
