"""What ``poise web`` writes: whole, described, safe to overwrite, within its sizes."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from web_kit import ROOT, manifest_of, network, node

from poise import weights
from poise.cli import main
from poise.errors import ModelError, PoiseError
from poise.graphs import optimise
from poise.web import Bundle, bundle, lean_script, write_bundle
from poise.web.packing import pack

PAGE = ROOT / "src/poise/web/page"

# Reads modules without running them.
PARSE = """
for (const file of process.argv.slice(1)) {
  new (require("vm").SourceTextModule)(require("fs").readFileSync(file, "utf8"), {identifier: file})
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_bundle(tmp_path_factory.mktemp("web") / "site")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_names_every_file_with_size_and_checksum(made: Bundle) -> None:
    there = files_of(made.path)
    listed = {entry["path"]: entry for entry in manifest_of(made.path)["files"]}

    assert set(there) == {*listed, "manifest.json"} == set(made.sizes)
    for name, entry in listed.items():
        assert entry["bytes"] == len(there[name]) == made.sizes[name]
        assert entry["sha256"] == hashlib.sha256(there[name]).hexdigest()


def test_a_bundle_has_both_body_models_and_the_one_that_is_asked_for_first(made: Bundle, tmp_path: Path) -> None:
    other = write_bundle(tmp_path / "site", model="body")

    assert made.models == ("body-fast", "body")
    assert other.models == ("body", "body-fast")
    # A browser that keeps the one has to fetch the other.
    assert made.version != other.version


def test_the_download_stays_small(made: Bundle) -> None:
    assert made.bytes <= 30e6
    # As servers send them.
    scripts = [(made.path / name).read_bytes() for name in made.sizes if name.endswith(".js")]
    assert made.script_bytes == sum(map(len, scripts))
    assert len(gzip.compress(b"".join(scripts), 9)) <= 90e3


def test_the_networks_are_those_of_the_package_bit_for_bit(made: Bundle) -> None:
    manifest = manifest_of(made.path)

    assert set(manifest["networks"]) == {"nanodet-416", "movenet-multipose", "movenet-thunder"}
    for name, entry in manifest["networks"].items():
        data = network(made.path, name)
        assert data == optimise(weights.load(name))[0]
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["weights"] == "as stored"
        assert entry["licence"] == "Apache-2.0"


def test_compact_networks_take_half(made: Bundle, tmp_path: Path) -> None:
    small = write_bundle(tmp_path / "site", compact=True)

    entries = manifest_of(small.path)["networks"]
    assert {entry["weights"] for entry in entries.values()} == {
        "int8 with a scale for each output channel, computed in float32"
    }
    for name, entry in entries.items():
        assert entry["bytes"] < 0.58 * manifest_of(made.path)["networks"][name]["bytes"]


def test_models_carry_the_numbers_of_their_pipelines(made: Bundle) -> None:
    manifest = manifest_of(made.path)
    card = weights.model("body-fast")
    (entry,) = [entry for entry in manifest["models"] if entry["name"] == "body-fast"]

    assert entry["settings"] == json.loads(json.dumps(card.settings))
    assert entry["skeleton"]["keypoints"][0] == "nose"
    assert entry["skeleton"]["flip_idx"][1] == 2
    assert "squat" in [exercise["name"] for exercise in manifest["exercises"]]


def test_the_same_contents_have_the_same_version(made: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "pack", pack)  # nothing that was packed before

    again = write_bundle(tmp_path / "again")

    assert again.version == made.version
    assert f'VERSION="{made.version}"' in (made.path / "sw.js").read_text(encoding="utf-8")
    assert files_of(again.path) == files_of(made.path)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(PoiseError, match=r"not empty.*--overwrite"):
        write_bundle(tmp_path)
    assert list(files_of(tmp_path)) == ["letter.txt"]


def test_overwriting_removes_what_the_last_bundle_left_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    outside = tmp_path / "outside.js"
    folder.mkdir()
    for path in (folder / "old.js", folder / "letter.txt", outside):
        path.write_text("…", encoding="utf-8")
    listed: list[dict[str, Any]] = [
        {"path": name} for name in ("old.js", "../outside.js", str(outside), "engine/../letter.txt")
    ]
    (folder / "manifest.json").write_text(json.dumps({"files": listed}), encoding="utf-8")

    write_bundle(folder, overwrite=True, compact=True)

    assert not (folder / "old.js").exists()
    assert outside.exists()
    assert (folder / "letter.txt").exists()


def test_a_bundle_that_was_interrupted_over_another_has_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"files": []}', encoding="utf-8")
    write = bundle.write_atomically

    def interrupted(path: Path, data: bytes) -> None:
        if path.name == "sw.js":
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(bundle, "write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(folder, overwrite=True)

    assert (folder / "app.js").exists()
    assert not (folder / "manifest.json").exists()


def test_a_manifest_of_a_stranger_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")

    made = write_bundle(tmp_path, overwrite=True)

    assert manifest_of(tmp_path)["version"] == made.version
    assert (tmp_path / "letter.txt").read_text(encoding="utf-8") == "mine"


def test_models_that_run_in_python_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'hands' does not run in a browser yet; body-fast and body do"):
        write_bundle(tmp_path / "site", model="hands")
    with pytest.raises(ModelError, match="expected a YOLO pose network"):
        write_bundle(tmp_path / "site", model=ROOT / "tests/assets/networks/simcc.onnx")
    assert not (tmp_path / "site").exists()


def test_what_servers_have_to_know_lies_in_the_folder(made: Bundle) -> None:
    readme = (made.path / "README.txt").read_text(encoding="utf-8")
    headers = (made.path / "_headers").read_text(encoding="utf-8")

    for header in ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy"):
        assert header in readme
        assert header in headers
    assert "unsafe-inline" not in headers
    assert (made.path / "runtime/LICENSE.txt").read_text(encoding="utf-8").startswith("MIT License")


def test_the_page_can_be_installed(made: Bundle) -> None:
    told = json.loads((made.path / "app.webmanifest").read_text(encoding="utf-8"))

    assert told["display"] == "standalone"
    assert 'rel="manifest" href="app.webmanifest"' in (made.path / "index.html").read_text(encoding="utf-8")
    assert manifest_of(made.path)["kind"] == "static"
    assert told["icons"]
    assert all((made.path / icon["src"]).is_file() for icon in told["icons"])


def test_the_page_to_play_with_comes_when_it_is_asked_for(made: Bundle, tmp_path: Path) -> None:
    with_it = write_bundle(tmp_path / "play", play=True)

    assert not [name for name in made.sizes if name.startswith("play")]
    assert "play.html" not in (made.path / "index.html").read_text(encoding="utf-8")
    assert {"play.html", "play.css", "play/play.js"} <= set(with_it.sizes)
    assert 'href="play.html"' in (with_it.path / "index.html").read_text(encoding="utf-8")


def test_no_script_asks_another_host() -> None:
    for path in PAGE.rglob("*.js"):
        code = lean_script(path.read_text(encoding="utf-8"))
        assert re.findall(r"https?://(?!www\.w3\.org/)[\w.]+", code) == [], path.name


def test_scripts_are_sent_without_comments_and_still_parse(made: Bundle, tmp_path: Path) -> None:
    program = node()
    scripts = [name for name in made.sizes if name.endswith(".js")]

    assert {"app.js", "sw.js", "engine/local.js", "engine/motion/motion.js"} <= set(scripts)
    for name in scripts:
        text = (made.path / name).read_text(encoding="utf-8")
        assert not [line for line in text.splitlines()[1:] if line.startswith(("//", "/*", "*", " "))], name
    files = [str(made.path / name) for name in scripts]
    done = subprocess.run(
        [program, "--experimental-vm-modules", "--no-warnings", "-e", PARSE, *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_command_prints_the_folder_and_as_json_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["web", str(tmp_path / "a"), "--compact"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a'}\n"

    assert main(["web", str(tmp_path / "a"), "--compact", "--overwrite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["models"] == ["body-fast", "body"]
    assert told["bytes"] == sum(told["files"].values())

    assert main(["web", str(tmp_path / "a")]) == 1
    assert "not empty" in capsys.readouterr().err
