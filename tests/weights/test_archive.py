"""Archives of strangers: one named file comes out, whole and of a sane size, or nothing does."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from zoo_kit import archive, onnx_bytes

from poise.errors import ModelError
from poise.weights._archive import extract, whole_onnx

NETWORK = onnx_bytes()


def out(data: bytes, folder: Path, **limits: int) -> bytes:
    path, into = folder / "a.zip", io.BytesIO()
    path.write_bytes(data)
    extract(path, "end2end.onnx", into, origin="maker's archive", **limits)
    return into.getvalue()


@pytest.mark.parametrize("name", ["end2end.onnx", "20230831/rtmpose_onnx/x/end2end.onnx", "a\\end2end.onnx"])
def test_the_file_is_found_in_any_folder(name: str, tmp_path: Path) -> None:
    assert out(archive(NETWORK, name), tmp_path) == NETWORK


@pytest.mark.parametrize("name", ["../../end2end.onnx", "/tmp/end2end.onnx"])
def test_a_name_that_leads_out_of_the_folder_leads_nowhere(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)

    assert out(archive(NETWORK, name), inside) == NETWORK
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [inside / "a.zip"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(b"x", "other.onnx"), r"0 files named end2end.onnx in it, expected one \(there: .*other.onnx\)"),
        (archive(b"x", "a/end2end.onnx", **{"b/end2end.onnx": b"y"}), "2 files named end2end.onnx"),
        (archive(bytes(10_000_000)), "grows from .* to 10000000 bytes: that is no network"),
        (archive(NETWORK)[:-300], "not a whole zip file"),
        (b"PK\x03\x04 and nothing more", "not a whole zip file"),
    ],
    ids=["none", "two", "bomb", "cut", "not"],
)
def test_a_bad_archive_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"^maker's archive: .*{message}|^maker's archive: {message}"):
        out(data, tmp_path)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="at most 1000"):
        out(archive(NETWORK), tmp_path, most_bytes=1000)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(archive(NETWORK))
    data[len(data) // 2] ^= 255

    with pytest.raises(ModelError, match="not a whole zip file"):
        out(bytes(data), tmp_path)


@pytest.mark.parametrize("size", [100, 10_000_000])
def test_a_size_that_is_a_lie_is_noticed(size: int, tmp_path: Path) -> None:
    """The directory at the end of the archive states another size of the file than it has."""
    data = bytearray(archive(NETWORK))
    at = data.rfind(b"PK\x01\x02")  # the last entry is the network's; its true size lies 24 bytes on
    assert struct.unpack_from("<I", data, at + 24) == (len(NETWORK),)
    struct.pack_into("<I", data, at + 24, size)

    with pytest.raises(ModelError):
        out(bytes(data), tmp_path)


@pytest.mark.parametrize(("bits", "message"), [(0o120777 << 16, "a link and not a file"), (0, "encrypted")])
def test_links_and_encrypted_files_are_refused(bits: int, message: str, tmp_path: Path) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        entry = zipfile.ZipInfo("end2end.onnx")
        entry.external_attr = bits
        opened.writestr(entry, b"/etc/passwd")
    data = bytearray(written.getvalue())
    if not bits:
        data[data.rfind(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(ModelError, match=message):
        out(bytes(data), tmp_path)


def test_a_file_of_thousands_of_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="1202 files in it, at most 1000"):
        out(archive(NETWORK, **{f"f{i}": b"" for i in range(1200)}), tmp_path)


@pytest.mark.parametrize("cut", [1, 3, 100, 10_000])
def test_every_cut_of_a_network_is_known(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(NETWORK)
    assert whole_onnx(path) == ""

    path.write_bytes(NETWORK[:-cut])
    assert whole_onnx(path) != ""


@pytest.mark.parametrize(
    "data", [b"", b"\x08", b"\x08\x08", bytes(100), b"\xff" * 100, b"\x08\x08:\xff\xff\xff\xff\xff\x7f"]
)
def test_what_is_no_network_is_known(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(data)

    assert whole_onnx(path) != ""


def test_the_bundled_networks_are_whole() -> None:
    from poise import weights

    for name in ("movenet-thunder", "nanodet-416", "face-mesh"):
        assert whole_onnx(weights.network(name).path) == ""
