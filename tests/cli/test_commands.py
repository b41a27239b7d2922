"""The commands as a user types them: what is printed where, what is written, and the exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poise.cli import main
from poise.cli._app import modern

CLIP = Path(__file__).parents[1] / "assets/clip.mp4"


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    return tmp_path


def test_demo_prints_a_table_and_where_the_picture_is(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0

    printed = capsys.readouterr().out
    assert "left_ankle" in printed
    assert "runs/pose/demo/demo.jpg" in printed
    assert (desk / "runs/pose/demo/demo.jpg").stat().st_size > 10_000


def test_json_goes_to_standard_output_and_everything_else_to_standard_error(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(photo), str(CLIP), "--json", "--model", "body-fast"]) == 0

    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert list(lines[0]) == ["source", "frame", "time", "width", "height", "skeleton", "instances"]
    assert lines[0]["source"] == str(photo)
    assert lines[0]["instances"][0]["name"] == "person"
    assert len(lines[0]["instances"][0]["keypoints"]) == 17
    assert [line["frame"] for line in lines[1:]] == list(range(len(lines) - 1))
    assert not Path("runs").exists()


def test_predict_saves_where_users_look_for_it(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(photo), "--model", "body-fast"]) == 0

    assert (Path("runs/pose/predict") / photo.name).is_file()
    assert "saved to runs/pose/predict" in capsys.readouterr().err


def test_quiet_says_nothing(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(photo), "--quiet", "--model", "body-fast"]) == 0

    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_one_bad_file_costs_one_line_and_the_exit_code(
    desk: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = desk / "pictures"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(photo.read_bytes())
    (folder / "bad.jpg").write_bytes(photo.read_bytes()[:3000])

    code = main(["predict", str(folder), "--json", "--quiet", "--model", "body-fast"])

    captured = capsys.readouterr()
    assert code == 1
    assert len(captured.out.splitlines()) == 1
    assert len(captured.err.splitlines()) == 1
    assert "bad.jpg" in captured.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["predct", "x.jpg"], 2, "did you mean 'predict'"),
        (["predict", "x.jpg", "--cnf", "0.3"], 2, "--conf"),
        (["predict"], 2, "needs a source"),
        (["predict", "nowhere.jpg"], 1, "nowhere.jpg"),
        (["predict", "nowhere.jpg", "--model", "bdy"], 1, "did you mean 'body'"),
        (["predict", "nowhere.jpg", "--conf", "7"], 2, "conf must be from 0 to 1"),
        (["models", "bdy"], 1, "did you mean 'body'"),
        (["weights", "import", "nowhere.pt"], 1, "no such file"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code

    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_an_existing_output_is_kept_unless_asked(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("points.csv").write_text("mine")

    assert main(["predict", str(photo), "--out", "points.csv", "--model", "body-fast"]) == 1
    assert Path("points.csv").read_text() == "mine"
    assert "points.csv" in capsys.readouterr().err
    assert main(["predict", str(photo), "--out", "points.csv", "--overwrite", "--model", "body-fast"]) == 0
    assert len(Path("points.csv").read_text().splitlines()) == 1 + 17


def test_models_lists_all_and_prints_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    names = [card["name"] for card in json.loads(capsys.readouterr().out)]
    assert names == ["body", "body-fast", "body-accurate", "body-3d", "hands", "face"]

    assert main(["models", "hands"]) == 0
    printed = capsys.readouterr().out
    assert "Apache-2.0" in printed
    assert "palm-detector" in printed


def test_doctor_reports_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--seconds", "0.1"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert set(report["networks"].values()) == {"ok"}
    assert "cpu" in report["devices"]
    assert report["speed"]["frames/s"] > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["predict", "model=body", "source=x.jpg", "conf=0.3"],
            ["predict", "x.jpg", "--model", "body", "--conf", "0.3"],
        ),
        (["pose", "predict", "source=0"], ["predict", "0"]),
        (["predict", "source=x.jpg", "save=True", "save_txt=False"], ["predict", "x.jpg", "--save", "--no-save-txt"]),
        (["predict", "a/b=c.jpg"], ["predict", "a/b=c.jpg"]),
        (["predict", "task=pose", "mode=predict", "source=x"], ["predict", "x"]),
    ],
)
def test_the_legacy_spelling_means_the_same(words: list[str], expected: list[str]) -> None:
    assert modern(words) == expected


def test_standard_input_is_a_source(photo: Path) -> None:
    with photo.open("rb") as picture:
        done = subprocess.run(
            [sys.executable, "-m", "poise", "predict", "-", "--json", "--model", "body-fast"],
            stdin=picture,
            capture_output=True,
            text=True,
            check=True,
        )

    assert len(json.loads(done.stdout)["instances"]) == 1


def test_ctrl_c_leaves_a_video_that_opens_and_a_manifest(desk: Path) -> None:
    av = pytest.importorskip("av")
    words = [sys.executable, "-m", "poise", "predict", *[str(CLIP)] * 200, "--model", "body-fast", "--save", "--json"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores the signal, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    for _ in range(30):
        process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error
    assert json.loads((desk / "runs/pose/predict/manifest.json").read_text())["status"] == "interrupted"
    with av.open(str(desk / "runs/pose/predict/clip.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 20


def test_a_closed_pipe_is_not_an_error(photo: Path) -> None:
    words = f"{sys.executable} -m poise predict {photo} {photo} {photo} --json --model body-fast | head -1"

    done = subprocess.run(["bash", "-o", "pipefail", "-c", words], capture_output=True, text=True, check=False)

    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_help_is_cheap() -> None:
    code = "import sys; from poise.cli import main; main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = done.stdout.rpartition("[")[2]
    assert "'onnxruntime'" not in loaded
    assert "'numpy'" not in loaded
    assert "'PIL'" not in loaded


MANY = [
    ("data check a.yaml b.yaml", "data check takes DATA and no more, got 'b.yaml' too: call it once for each"),
    ("data convert a b c --format coco", "data convert takes SOURCE and DEST and no more, got 'c' too"),
    ("info a b.onnx c.onnx", "info takes FILE and no more, got 'b.onnx', 'c.onnx' too: call it once for each"),
    ("train a.yaml", "train takes options only, each after its name (--name VALUE), got 'a.yaml'"),
    ("weights fetsh", "no command named 'weights fetsh'; did you mean 'fetch'?"),
]


@pytest.mark.parametrize(("words", "said"), MANY)
def test_a_word_too_many_is_named(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2

    assert capsys.readouterr().err.splitlines()[0] == f"poise: {said}"
