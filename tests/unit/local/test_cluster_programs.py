"""The real control plane of this machine: what it is built from, how it is started, and who may do what in it."""

import re
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from local.cluster.addresses import Addresses
from local.cluster.building import PACKAGES, VERSIONS, NotBuilt, Programs, build, build_command, programs
from local.cluster.certificates import LEAVES, make_certificates
from local.cluster.cluster import roles
from local.cluster.control_plane import Layout, commands, write_files
from local.kubernetes import Token
from local.process import ROOT


def test_the_programs_lie_outside_the_repository_by_version(tmp_path: Path) -> None:
    paths = programs({"XDG_CACHE_HOME": str(tmp_path)})
    assert paths.folder.is_relative_to(tmp_path)
    assert "1.35" in paths.folder.name
    assert paths.missing == list(PACKAGES)


def test_a_program_that_is_there_is_not_missing(tmp_path: Path) -> None:
    tmp_path.joinpath("etcd").touch(mode=0o755)
    assert Programs(folder=tmp_path).missing == [name for name in PACKAGES if name != "etcd"]


def test_without_go_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("local.cluster.building.find_go", lambda: None)
    with pytest.raises(NotBuilt, match=r"Go was not found(.|\n)*make test-cluster KUBECONFIG="):
        build(lambda _: None)


def test_a_build_that_fails_leaves_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NotBuilt, match="etcd could not be built: go ended with exit code 1"):
        build(lambda _: None, go=Path("/bin/false"))
    assert programs().missing == list(PACKAGES)
    assert list(programs().folder.iterdir()) == []


@pytest.mark.parametrize("kubernetes", VERSIONS)
def test_kubernetes_is_built_with_its_version_in_both_places_that_it_reads(kubernetes: str) -> None:
    flags = build_command(Path("go"), "kube-apiserver", Path("/x"), kubernetes)[5]
    assert flags.count(f"gitVersion=v{kubernetes} ") == 2


@pytest.mark.parametrize("kubernetes", VERSIONS)
def test_each_version_has_a_module_of_its_own_with_the_etcd_that_it_names(kubernetes: str) -> None:
    module = ROOT / "local" / "cluster" / "binaries" / kubernetes
    required = (module / "go.mod").read_text(encoding="utf-8")
    assert f"k8s.io/kubernetes v{kubernetes}\n" in required
    assert f"go.etcd.io/etcd/server/v3 v{VERSIONS[kubernetes]}" in required
    assert f"k8s.io/kubernetes v{kubernetes} h1:" in (module / "go.sum").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["local/cluster/README.md", "docs/how-to/install-into-azure.md"])
def test_the_pages_name_exactly_the_available_versions(page: str) -> None:
    assert set(re.findall(r"\b1\.3\d\.\d+\b", (ROOT / page).read_text(encoding="utf-8"))) == set(VERSIONS)


def test_a_version_without_a_module_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(NotBuilt, match=r"1\.20\.0: expected one of 1\.35\.4, 1\.34\.9, 1\.33\.13"):
        programs(kubernetes="1.20.0")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(
        folder=tmp_path / "plane", certificates=make_certificates(tmp_path / "pki"), tunnel=tmp_path / "tunnel"
    )


def test_every_file_in_the_options_of_a_program_exists(layout: Layout) -> None:
    write_files(layout)
    option_values = [
        word.partition("=")[2] for command in commands(layout, programs()).values() for word in command[1:]
    ]
    files = [Path(value) for value in option_values if value.startswith(str(layout.folder.parent))]
    assert len(files) > 15
    assert [file for file in files if not file.exists()] == [layout.folder / "etcd"]


def test_nothing_listens_on_another_address_than_this_machines(layout: Layout) -> None:
    for command in commands(layout, programs()).values():
        for name, _, value in (word.partition("=") for word in command[1:]):
            if name.endswith(("-urls", "-address")) or name == "--etcd-servers":
                assert "127.0.0.1" in value, name


def test_the_certificates_meet_the_strict_rules_of_python(layout: Layout) -> None:
    context = ssl.create_default_context(cafile=str(layout.certificates.authority))
    assert context.verify_flags & ssl.VerifyFlags.VERIFY_X509_STRICT
    authority = x509.load_pem_x509_certificate(layout.certificates.authority.read_bytes())
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    for name in LEAVES:
        leaf = x509.load_pem_x509_certificate(layout.certificates.certificate(name).read_bytes())
        leaf.verify_directly_issued_by(authority)
        leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_keys_are_readable_by_their_owner_only(layout: Layout) -> None:
    keys = [*layout.certificates.folder.glob("*.key")]
    assert len(keys) == len(LEAVES) + 1
    assert {key.stat().st_mode & 0o077 for key in keys} == {0}


def test_a_token_with_every_verb_in_a_namespace_gets_the_role_edit_there_alone() -> None:
    rules = dict(roles(Token(token="t", user="slipway", namespaces=("shop",))))
    [(path, binding)] = rules.items()
    assert path == "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings"
    assert binding["roleRef"]["name"] == "edit"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "slipway", "namespace": "default"}]


def test_a_token_with_some_verbs_gets_a_role_of_just_these() -> None:
    rules = dict(roles(Token(token="t", user="reader", namespaces=("shop",), verbs=("get",))))
    role = rules["/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles"]
    assert role["rules"] == [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get"]}]
    assert rules["/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings"]["roleRef"]["kind"] == "Role"


def test_each_pod_keeps_its_address_and_none_comes_back_at_once() -> None:
    addresses = Addresses()
    first = addresses.address_of("a")
    assert addresses.address_of("a") == first
    assert addresses.owner(first) == "a"
    addresses.free("a")
    assert addresses.owner(first) is None
    assert addresses.address_of("b") != first
