"""Building an image: right digests, both platforms, the same bytes every time."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from local.images import BuiltImage, SourceError, build
from slipway.domain.model import sha256


@pytest.fixture
def source(tmp_path: Path) -> Path:
    app = tmp_path / "hello" / "app"
    (app / "pages").mkdir(parents=True)
    (app / "server.py").write_text("print('hello')\n")
    (app / "pages" / "index.html").write_text("<h1>hello</h1>\n")
    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "server.cpython-313.pyc").write_bytes(b"\0")
    return app.parent


def manifests(image: BuiltImage) -> list[dict[str, Any]]:
    return [json.loads(part.data) for part in image.manifests]


def blob(image: BuiltImage, descriptor: dict[str, Any]) -> bytes:
    (content,) = [part.data for part in image.blobs if part.digest == descriptor["digest"]]
    assert (sha256(content), len(content)) == (descriptor["digest"], descriptor["size"])
    return content


def test_the_index_names_a_manifest_for_each_platform(source: Path) -> None:
    image = build(source, version="1.2.3")
    index = json.loads(image.index.data)
    platforms = [(m["platform"]["os"], m["platform"]["architecture"]) for m in index["manifests"]]
    assert platforms == [("linux", "amd64"), ("linux", "arm64")]
    assert [m["digest"] for m in index["manifests"]] == [sha256(part.data) for part in image.manifests]
    assert image.digest == sha256(image.index.data)


def test_every_descriptor_names_a_blob_of_the_image(source: Path) -> None:
    image = build(source, version="1.2.3")
    used = {d["digest"] for m in manifests(image) for d in (m["config"], *m["layers"]) if blob(image, d)}
    assert used == {part.digest for part in image.blobs}


def test_layers_unpack_to_what_the_config_says(source: Path) -> None:
    image = build(source, version="1.2.3")
    for manifest in manifests(image):
        config = json.loads(blob(image, manifest["config"]))
        unpacked = [sha256(gzip.decompress(blob(image, layer))) for layer in manifest["layers"]]
        assert unpacked == config["rootfs"]["diff_ids"]
        assert len(config["history"]) == len(unpacked)


def test_the_application_is_below_app_and_caches_are_left_out(source: Path) -> None:
    image = build(source, version="1.2.3")
    layer = blob(image, manifests(image)[0]["layers"][-1])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as archive:
        assert archive.getnames() == ["app", "app/pages", "app/pages/index.html", "app/server.py"]
        assert {(entry.uid, entry.mtime) for entry in archive} == {(0, 0)}
        server = archive.extractfile("app/server.py")
        assert server is not None
        assert server.read() == b"print('hello')\n"


def test_the_config_holds_how_to_start_the_image_and_where_it_comes_from(source: Path) -> None:
    image = build(source, version="1.2.3", revision="abc", source="https://example.org/hello", env={"MODE": "demo"})
    config = json.loads(blob(image, manifests(image)[1]["config"]))
    assert config["architecture"] == "arm64"
    assert config["config"]["Entrypoint"] == ["python3", "/app/server.py"]
    assert {"APP_VERSION=1.2.3", "MODE=demo"} <= set(config["config"]["Env"])
    assert config["config"]["Labels"] == {
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.revision": "abc",
        "org.opencontainers.image.source": "https://example.org/hello",
    }


def test_equal_input_gives_equal_digests_and_a_new_version_shares_the_layers(source: Path) -> None:
    first, again, newer = (build(source, version=version) for version in ("1.2.3", "1.2.3", "1.2.4"))
    assert first.digest == again.digest != newer.digest
    assert [m["layers"] for m in manifests(first)] == [m["layers"] for m in manifests(newer)]


def test_a_variant_replaces_files_of_the_application(source: Path) -> None:
    variant = source / "variants" / "broken" / "app"
    variant.mkdir(parents=True)
    (variant / "server.py").write_text("raise SystemExit(1)\n")
    image = build(source, version="1.2.3", variant="broken")
    layer = blob(image, manifests(image)[0]["layers"][-1])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as archive:
        assert archive.getnames() == ["app", "app/pages", "app/pages/index.html", "app/server.py"]
        server = archive.extractfile("app/server.py")
        assert server is not None
        assert server.read() == b"raise SystemExit(1)\n"


def test_a_link_is_refused(source: Path) -> None:
    (source / "app" / "secrets").symlink_to("/etc/passwd")
    with pytest.raises(SourceError, match="expected a file or a folder, found a link"):
        build(source, version="1.2.3")


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a folder with the application's files"):
        build(tmp_path, version="1.2.3")


def test_an_empty_app_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    with pytest.raises(SourceError, match="found an empty folder"):
        build(tmp_path, version="1.2.3")
