"""The zoo from the command line: listed, fetched, packed, imported elsewhere, removed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from zoo_kit import archive, asked, onnx_bytes, publish, serving

from poise.cli import main

NETWORK = onnx_bytes()
SHA = hashlib.sha256(NETWORK).hexdigest()


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POISE_OFFLINE", raising=False)
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_zoo_is_listed_with_the_makers_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--zoo"]) == 0

    printed = lines(capsys)
    (row,) = [line.split() for line in printed if line.startswith("rtmpose-t ")]
    assert row[:3] == ["rtmpose-t", "17", "65.9"]
    assert row[-2:] == ["Apache-2.0", "no"]
    assert any(line.startswith("body-best") for line in printed)
    assert any(line.startswith("yolox-tiny") for line in printed)


def test_the_zoo_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--zoo", "--json"]) == 0

    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["rtmpose-s"]["score"], rows["rtmpose-s"]["gflops"], rows["rtmpose-s"]["cached"]) == (69.7, 0.68, False)
    assert rows["wholebody"]["points"] == 133
    assert rows["yolox-tiny"]["kind"] == "detector"


def test_a_card_tells_the_training_data_and_where_to_get_the_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "feet"]) == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert "halpe26" in printed
    assert "AI Challenger" in printed
    assert "poise weights fetch rtmpose-m-26" in printed
    assert main(["models", "yolox-tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "detector"


def test_fetch_pack_import_remove(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, "rtmpose-s", f"{address}/good/zip", sha256=SHA)

        assert main(["weights", "fetch", "best", "rtmpose-s"]) == 0
        said = capsys.readouterr()
        assert said.out.splitlines() == [str(desk / "home/weights/rtmpose-s.onnx")]
        assert "licence of these weights: Apache-2.0" in said.err
        assert main(["weights", "pack", "body-best", "--out", "best.zip"]) == 0
        assert lines(capsys) == ["best.zip"]
        assert main(["weights", "pack", "body-best", "--out", "best.zip"]) == 1
        assert "best.zip exists; pass --overwrite" in capsys.readouterr().err
        assert len(asked()) == 1

    monkeypatch.setenv("POISE_HOME", str(desk / "elsewhere"))
    monkeypatch.setenv("POISE_OFFLINE", "1")
    assert main(["weights", "fetch", "best"]) == 1
    assert "poise weights import rtmpose-s.zip" in capsys.readouterr().err
    assert main(["weights", "import", "best.zip"]) == 0
    assert lines(capsys) == [str(desk / "elsewhere/weights/rtmpose-s.onnx")]
    assert main(["weights", "fetch", "best"]) == 0
    capsys.readouterr()
    assert main(["weights", "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)["cached"]
    assert kept == {
        "name": "rtmpose-s.onnx",
        "bytes": len(NETWORK),
        "network": "rtmpose-s",
        "maker": "OpenMMLab",
        "licence": "Apache-2.0",
    }

    assert main(["weights", "remove", "rtmpose-s"]) == 0
    assert lines(capsys) == [str(desk / "elsewhere/weights/rtmpose-s.onnx")]
    assert main(["weights", "remove", "rtmpose-s"]) == 1


def test_a_model_s_weights_are_fetched_where_progress_can_be_shown(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, "rtmpose-t", f"{address}/page/zip")

        assert main(["predict", str(photo), "--model", "rtmpose-t"]) == 1

    error = capsys.readouterr().err
    assert "rtmpose-t (about 13 MB): fetching from OpenMMLab" in error
    assert "the server sends a web page" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["weights", "fetch"], 2, "needs a name"),
        (["weights", "fetch", "rtmpos-t"], 1, "did you mean 'rtmpose-t'"),
        (["weights", "pack", "body", "--out", "x.zip"], 1, "bundled with poise"),
        (["weights", "pack", "rtmpose-t", "--out", "file/x.zip"], 1, "x.zip: cannot be written: part of the path is a"),
        (["weights", "remove", "rtmpose-t"], 1, "nothing of it is in"),
        (["models", "rtmpos-t"], 1, "did you mean 'rtmpose-t'"),
        (["predict", "x.jpg", "--model", "rtmpos-t"], 1, "did you mean 'rtmpose-t'"),
        (["predict", "x.jpg", "--model", "yolox-tiny"], 1, "it is a detector"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("mine")

    assert main(words) == code
    assert message in capsys.readouterr().err


def test_nothing_to_fetch_for_what_is_bundled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "fetch", "body"]) == 0
    assert "bundled with poise; nothing to fetch" in capsys.readouterr().err


def test_the_page_shows_the_table_that_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    page = (Path(__file__).parents[2] / "docs/zoo.md").read_text(encoding="utf-8")

    assert main(["models", "--zoo"]) == 0

    shown = {line.strip() for line in page.splitlines()}
    rows = [line.rstrip() for line in lines(capsys) if line.rstrip().endswith("no")]
    assert len(rows) == 51
    assert [row for row in rows if row not in shown] == []
