"""``poise search`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.cli import main

SAMPLES = Path(__file__).parents[2] / "src/poise/samples"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poses of two pictures and a clip."""
    folder = tmp_path_factory.mktemp("results")
    words = [str(SAMPLES / name) for name in ("runner.jpg", "walk.jpg")]
    assert main(["predict", *words, "--model", "body-fast", "--out", str(folder / "poses.jsonl"), "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_picture_itself_is_the_first_line(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["search", str(results), "--like", str(SAMPLES / "walk.jpg"), "--model", "body-fast", "--person", "1"])

    out, err = capsys.readouterr()
    assert code == 0
    assert float(out.splitlines()[0].split()[0]) < 0.01
    assert "walk.jpg" in out.splitlines()[0]
    assert "found among" in err


def test_hits_are_lines_of_json_and_a_sheet(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "search",
        str(results),
        "--like",
        str(results / "poses.jsonl"),
        "--top",
        "2",
        "--json",
        "--sheet",
        "f.html",
    ]

    assert main(words) == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["distance"] < 0.01 for line in lines] == [True, True]
    assert Path("f.html").read_text(encoding="utf-8").count("data:image/jpeg") == 2
    assert main(words) == 1
    assert main([*words, "--overwrite"]) == 0


def test_pictures_that_are_gone_cost_one_line(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (results / "poses.jsonl").read_text(encoding="utf-8").replace(str(SAMPLES), "/nowhere")
    Path("moved.jsonl").write_text(text, encoding="utf-8")
    words = ["search", "moved.jsonl", "--like", "moved.jsonl", "--sheet", "f.html"]

    assert main(words) == 0
    err = capsys.readouterr().err
    assert err.count("could not be shown with their pictures") == 1
    assert main([*words, "--overwrite", "--sources", str(SAMPLES)]) == 0
    assert "could not be shown" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["search", "--like", "a.jpg"], 2, "search needs the poses that are searched"),
        (["search", "RESULTS", "--like", "a.jpg", "--sheet", "a.txt"], 2, "a sheet is written as .html"),
        (["search", "RESULTS", "--like", "a.jpg", "--top", "0"], 2, "top must be 1 or more"),
        (["search", "RESULTS", "--like", "a.jpg", "--window", "--every-frame"], 2, "leave one of them out"),
        (["search", "RESULTS", "--like", "nowhere.jpg"], 1, "nowhere.jpg"),
        (["search", "nowhere", "--like", "RESULTS/poses.jsonl"], 1, "no such file or folder"),
    ],
)
def test_wrong_use_is_one_sentence(
    words: list[str], code: int, said: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.replace("RESULTS", str(results)) for word in words]) == code
    assert said in capsys.readouterr().err


def test_nothing_alike_is_no_failure(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", str(results), "--like", str(SAMPLES / "squats.mp4@2"), "--model", "body-fast"]
    pytest.importorskip("av")

    assert main([*words, "--max-distance", "0.01"]) == 0
    assert capsys.readouterr().out == ""
