"""The engine in a real browser: in a worker, under the strict policy, with threads, and without a network."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from web_kit import HERE, ROOT, assert_alike, expected, manifest_of, model_of, read

from poise import samples
from poise.web import write_bundle

sys.path.insert(0, str(ROOT / "benchmarks"))
from _chromium import Chromium, Failed, find, headers_of, served

PICTURES = (samples.runner, samples.hand, samples.runner.with_name("walk.jpg"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with a page for tests in the place of the real one."""
    if find() is None:
        pytest.skip("needs Chromium: no program of that name is there")
    folder = write_bundle(tmp_path_factory.mktemp("web") / "site").path
    for path in (HERE / "page").iterdir():
        shutil.copy(path, folder)
    # What is kept for use offline is what the manifest names.
    manifest = manifest_of(folder)
    named = {entry["path"] for entry in manifest["files"]}
    for name in ("test.js",):
        if name not in named:
            manifest["files"].append({"path": name, "bytes": (folder / name).stat().st_size, "offline": True})
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    for path in PICTURES:
        # Without loss: two decoders of JPEG differ in the last bits.
        PIL.Image.fromarray(read(path)[..., ::-1]).save(folder / f"{path.stem}.png")
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site, headers_of(site)) as address:
        yield address


@pytest.fixture(scope="module")
def browser(site: Path, address: str) -> Iterator[Chromium]:
    with Chromium(str(find())) as browser:
        browser.open(address)
        yield browser


def answers(browser: Chromium, settings: dict[str, Any], options: dict[str, Any] | None = None, count: int = 3) -> Any:
    pictures = [{"address": f"{path.stem}.png"} for path in PICTURES[:count]]
    return browser.run(f"answers({json.dumps(settings)}, {json.dumps(pictures)}, {json.dumps(options or {})})")


def test_people_on_photos_are_those_that_python_finds(browser: Chromium, site: Path) -> None:
    pictures = [read(path) for path in PICTURES]
    wanted = expected(model_of(site, "body-fast"), pictures, [0.0] * 3, video=False)

    made = answers(browser, {"model": "body-fast", "tracker": None})

    assert_alike([answer["result"] for answer in made["found"]], wanted)
    assert browser.said == []


def test_an_answer_has_every_part_of_the_contract(browser: Chromium) -> None:
    made = answers(browser, {"model": "body-fast"}, {"threads": 2}, count=1)
    (answer,) = made["found"]

    assert answer.keys() == {"result", "hands", "reps", "gestures", "events", "speed", "dropped"}
    assert answer["speed"].keys() == {"decode", "preprocess", "inference", "postprocess", "after"}
    assert answer["dropped"] == 0
    assert answer["result"]["source"] == "stream"
    # Smoothing moves boxes and points; a record has two decimals all the same.
    places = [
        value for one in answer["result"]["instances"] for row in [one["box"], *one["keypoints"]] for value in row[:2]
    ]
    assert places == [round(value, 2) for value in places]
    assert sorted(one["id"] for one in answer["result"]["instances"]) == [1, 2, 3]
    threads = min(2, browser.run("navigator.hardwareConcurrency"))
    assert made["about"]["info"] == {"kind": "local", "backend": "wasm", "model": "body-fast", "threads": threads}
    assert [one["name"] for one in made["about"]["models"]] == ["body-fast", "body"]
    assert "squat" in made["about"]["exercises"]
    assert made["about"]["features"]["reps"] is True
    assert made["about"]["features"]["gestures"] is False


def test_isolated_pages_have_threads_and_others_have_one(browser: Chromium, site: Path) -> None:
    assert browser.run("crossOriginIsolated") is True
    cores = browser.run("navigator.hardwareConcurrency")
    threads = answers(browser, {}, {"threads": 2}, count=1)["about"]["info"]["threads"]
    assert threads == min(2, cores)

    with served(site, {}) as plain, Chromium(str(find())) as other:
        other.open(plain)
        assert other.run("crossOriginIsolated") is False
        made = answers(other, {}, count=1)
    assert made["about"]["info"]["threads"] == 1
    assert len(made["found"][0]["result"]["instances"]) == 3


def test_settings_change_while_the_engine_is_open(browser: Chromium) -> None:
    told = browser.run("""(async () => {
      const engine = await LocalEngine.open({model: "body-fast"});
      const look = async () => (await engine.process(await bitmapOf("runner.png"), 0)).result.instances.length;
      const before = await look();
      await engine.configure({model: "body", conf: 0.999});
      const after = await look();
      const { model } = engine.info;
      engine.close();
      return {before, after, model};
    })()""")

    assert told == {"before": 3, "after": 0, "model": "body"}


def test_the_latest_frame_wins(browser: Chromium) -> None:
    told = browser.run("""(async () => {
      const engine = await LocalEngine.open({model: "body-fast"});
      const frames = await Promise.all([0, 1, 2, 3].map(() => bitmapOf("hand.png")));
      const made = await Promise.all(frames.map((frame, i) => engine.process(frame, i)));
      engine.close();
      return made.map((answer) => answer && {time: answer.result.time, dropped: answer.dropped});
    })()""")

    assert told == [{"time": 0, "dropped": 2}, None, None, {"time": 3, "dropped": 0}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "nobody"}, 'no model named "nobody" in this bundle; it has: body-fast, body'),
        ({"conf": 2}, "conf must be from 0 to 1, got 2"),
        ({"imgsz": 7.5}, "imgsz must be a whole number of pixels, 32 or more, got 7.5"),
        ({"falls": True}, "falls: not in the browser yet"),
    ],
)
def test_wrong_settings_end_in_a_sentence(settings: dict[str, Any], message: str, browser: Chromium) -> None:
    with pytest.raises(Failed) as error:
        browser.run(f"LocalEngine.open({json.dumps(settings)}).then(() => null)")
    assert message in str(error.value)


def test_a_missing_or_cut_network_is_named(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    network = broken / "networks/movenet-thunder.onnx.packed"
    network.write_bytes(network.read_bytes()[:-100])

    with served(broken, headers_of(broken)) as address, Chromium(str(find())) as other:
        other.open(address)
        with pytest.raises(Failed, match=r"movenet-thunder\.onnx\.packed: \d+ bytes came, the manifest says \d+"):
            other.run("LocalEngine.open({}).then(() => null)")
        network.unlink()
        with pytest.raises(Failed, match=r"movenet-thunder\.onnx\.packed: the server answered 404"):
            other.run("LocalEngine.open({}).then(() => null)")


def test_after_the_first_visit_it_works_offline_and_isolates_itself(site: Path) -> None:
    with Chromium(str(find())) as other:
        # A server that sends none of the headers.
        with served(site, {}) as address:
            other.open(address)
            assert other.run("crossOriginIsolated") is False
            other.run(
                "navigator.serviceWorker.register('sw.js').then(() => navigator.serviceWorker.ready).then(() => 1)"
            )
            other.run("""(async () => {
              const bytes = new Uint8Array(await (await fetch("runner.png")).arrayBuffer());
              sessionStorage.picture = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
            })()""")
        # Now there is no server.
        other.reload()
        assert other.run("crossOriginIsolated") is True
        count = other.run("""(async () => {
          const engine = await LocalEngine.open({});
          const bytes = Uint8Array.from(atob(sessionStorage.picture), (letter) => letter.charCodeAt(0));
          const answer = await engine.process(await createImageBitmap(new Blob([bytes])), 0);
          engine.close();
          return answer.result.instances.length;
        })()""")
    assert count == 3


def lay(folder: Path, version: str) -> None:
    """Write what a service worker looks at of a bundle: itself, the manifest, a page and a script."""
    folder.mkdir(parents=True, exist_ok=True)
    worker = (ROOT / "src/poise/web/page/sw.js").read_text(encoding="utf-8")
    (folder / "sw.js").write_text(worker.replace('"development"', f'"{version}"'), encoding="utf-8")
    (folder / "index.html").write_text(f"<!doctype html><title>{version}</title>", encoding="utf-8")
    (folder / "app.js").write_text(version, encoding="utf-8")
    files = [{"path": name, "offline": True} for name in ("index.html", "app.js")]
    (folder / "manifest.json").write_text(json.dumps({"files": files}), encoding="utf-8")


def test_bundles_of_one_host_keep_their_own_files_and_new_ones(tmp_path: Path) -> None:
    program = find()
    if program is None:
        pytest.skip("needs Chromium: no program of that name is there")
    lay(tmp_path / "demo", "one")
    lay(tmp_path / "other", "two")
    (tmp_path / "demo" / "sub").mkdir()
    (tmp_path / "demo" / "sub" / "index.html").write_text("<!doctype html><title>mine</title>", encoding="utf-8")
    register = "navigator.serviceWorker.register('sw.js').then(() => navigator.serviceWorker.ready).then(() => 1)"
    kept = """(async () => {
      const found = {};
      for (const name of await caches.keys()) {
        const response = await (await caches.open(name)).match(new URL("/%s/app.js", location.href));
        if (response) found[name] = await response.text();
      }
      return found;
    })()"""
    # A server that lets browsers keep files for an hour without asking again.
    with served(tmp_path, {"Cache-Control": "max-age=3600"}) as address, Chromium(program) as other:
        other.open(address + "demo/")
        other.run("fetch('app.js').then((response) => response.text())")
        other.run(register)
        other.open(address + "demo/?again")
        assert other.run("document.title") == "one"
        other.open(address + "demo/sub/")
        below = other.run("[document.title, crossOriginIsolated]")
        other.open(address + "other/")
        other.run(register)
        both = [other.run(kept % name) for name in ("demo", "other")]
        lay(tmp_path / "demo", "three")
        other.open(address + "demo/")
        other.run("""(async () => {
          const registration = await navigator.serviceWorker.getRegistration();
          await registration.update();
          for (let i = 0; i < 100 && !registration.waiting; i++) await new Promise((done) => setTimeout(done, 50));
        })()""")
        new = other.run(kept % "demo")

    assert below == ["mine", False]
    assert both == [{"poise /demo/ one": "one"}, {"poise /other/ two": "two"}]
    assert new["poise /demo/ three"] == "three"


def test_the_page_itself_runs_on_the_visitors_machine(tmp_path: Path) -> None:
    program = find()
    if program is None:
        pytest.skip("needs Chromium: no program of that name is there")
    folder = write_bundle(tmp_path / "site").path
    PIL.Image.fromarray(read(samples.runner)[..., ::-1]).save(folder / "runner.png")
    wait = """(async () => {
      for (let i = 0; i < 600 && !(%s); i++) await new Promise((done) => setTimeout(done, 100));
      return %s;
    })()"""
    with served(folder, headers_of(folder)) as address, Chromium(program) as other:
        other.open(address)
        models = "Array.from(document.querySelectorAll('#model option'), (option) => option.value)"
        assert other.run(wait % (f"{models}.includes('body')", models)) == ["body-fast", "body"]
        assert "stay on this device" in other.run("document.getElementById('where-words').textContent")
        assert other.run("document.getElementById('gestures').disabled") is True

        other.run("""(async () => {
          const files = new DataTransfer();
          files.items.add(new File([await (await fetch("runner.png")).blob()], "runner.png", {type: "image/png"}));
          const input = document.getElementById("file");
          input.files = files.files;
          input.dispatchEvent(new Event("change", {bubbles: true}));
        })()""")
        # Three people are drawn: the canvas over the picture is not empty any more.
        drawn = """(() => {
          const canvas = document.getElementById("overlay");
          if (!canvas.width || document.body.dataset.state !== "running") return 0;
          const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let i = 3; i < data.length; i += 4) if (data[i]) count++;
          return count;
        })()"""
        assert other.run(wait % (f"{drawn} > 500", drawn)) > 500
        # That the canvas was read here is not the page's fault.
        assert [line for line in other.said if "willReadFrequently" not in line] == []
