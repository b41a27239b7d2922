"""The page to play with: the game by keys, a body that plays it, a doll that copies, on phones, by night and calmly."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, Page, PageError, fake_camera, needed, open_browser
from page_server import PAGE, Server, serve_page
from PIL import Image as Pictures

from poise import samples
from poise.skeletons import get
from poise.sources import open_source

# What a visitor of the play page loads besides what the first page loads too.
_MOST_BYTES = 90_000
_STATE = "document.body.dataset.state"
_RUNNER = "document.querySelector('#scene').dataset.runner"
_NOW = "(await import('/play/play.js')).now"


def camera(
    clip: str | Path,
    folder: Path,
    *,
    twice: bool = False,
    box: tuple[int, int, int, int] | None = None,
    most: int | None = None,
) -> Path:
    """Return a clip as Chromium's fake cameras take it: Motion JPEG at 30 frames a second.

    Args:
        clip: The film.
        folder: Where to write.
        twice: Each frame twice, for films of 15 frames a second.
        box: The part of the picture, pixels.
        most: Frames.
    """
    made = folder / f"{Path(clip).stem}.mjpeg"
    with open_source(clip) as frames, made.open("wb") as file:
        for frame in itertools.islice(frames, most):
            picture, data = Pictures.fromarray(frame.image[..., ::-1]).crop(box), io.BytesIO()
            picture.thumbnail((640, 640))
            picture = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
            picture.save(data, "JPEG", quality=85, subsampling=2)
            file.write(data.getvalue() * (1 + twice))
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    needed()
    # The clip has 15 frames a second.
    with open_browser(fake_camera(camera(samples.squats, tmp_path_factory.mktemp("camera"), twice=True))) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(browser):
    with serve_page() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, server: Server):
    opened = opened_page(browser, server)
    yield opened
    opened.evaluate("localStorage.clear()")
    opened.close()


def opened_page(browser: Browser, server: Server, hash: str = "") -> Page:
    opened = browser.page()
    opened.viewport(1280, 800)
    opened.open(f"{server.address}play.html{hash}")
    opened.wait("document.body.dataset.ready")
    return opened


def inside(page: Page, script: str):
    """Return what a script gives that speaks to the game itself."""
    return page.evaluate(f"(async () => {{ const now = {_NOW}; return {script}; }})()")


def key(page: Page, name: str, *, up: bool = True) -> None:
    page.send("Input.dispatchKeyEvent", type="keyDown", key=name)
    if up:
        page.send("Input.dispatchKeyEvent", type="keyUp", key=name)


def test_the_game_is_played_by_keys(page):
    page.click("#with-keys")
    assert page.evaluate(_STATE) == "running"
    page.wait(f"{_RUNNER} === 'run'")
    page.press(" ")
    page.wait(f"{_RUNNER} === 'jump'")
    page.wait(f"{_RUNNER} === 'run'")
    key(page, "ArrowDown", up=False)
    page.wait(f"{_RUNNER} === 'duck'")
    page.evaluate("new Promise((done) => setTimeout(done, 700))")
    assert page.evaluate(_RUNNER) == "duck"  # as long as it is held
    page.send("Input.dispatchKeyEvent", type="keyUp", key="ArrowDown")
    page.wait(f"{_RUNNER} === 'run'")
    page.press("p")
    page.wait(f"{_STATE} === 'paused'")
    far = inside(page, "now.world.distance")
    page.evaluate("new Promise((done) => setTimeout(done, 300))")
    assert inside(page, "now.world.distance") == far
    page.press("p")
    page.wait(f"{_STATE} === 'running'")
    assert page.errors == []


def test_who_does_nothing_loses_three_hearts_and_may_play_again(page):
    page.click("#with-keys")
    page.wait(f"{_STATE} === 'over'")

    assert page.evaluate("document.querySelectorAll('#hearts .gone').length") == 3
    score = int(page.evaluate("document.querySelector('#card-title').textContent"))
    assert score == inside(page, "now.world.score") > 0
    assert json.loads(page.evaluate("localStorage.getItem('poise.best')")) == score

    page.press("r")
    page.wait(f"{_STATE} === 'running'")
    assert inside(page, "now.world.hearts") == 3


def test_what_plays_behind_the_title_never_falls(page):
    hearts, far = inside(
        page,
        """await (async () => {
          const {World, playAlone} = await import('/play/world.js');
          const worlds = [];
          for (let seed = 0; seed < 20; seed++) {
            const world = new World("keys", seed);
            for (let i = 0; i < 60 * 60; i++) { playAlone(world); world.update(1 / 60); }
            worlds.push([world.hearts, world.distance]);
          }
          return [Math.min(...worlds.map((one) => one[0])), Math.min(...worlds.map((one) => one[1]))];
        })()""",
    )

    # A minute of twenty lands can be passed unhurt, so none of them is unfair.
    assert hearts == 3
    assert far > 300


@pytest.mark.parametrize(
    ("looks", "kinds"),
    [(15, {"hurdle", "stones", "log", "gate", "bird", "branch"}), (4, {"gate", "bird", "branch"}), (2, set())],
)
def test_what_the_camera_is_too_slow_to_see_takes_no_heart(page, looks, kinds):
    """A body that does nothing is hurt by what it could have been seen to do, and by nothing else."""
    hits = inside(
        page,
        f"""await (async () => {{
          const {{World}} = await import('/play/world.js');
          const hits = new Set();
          for (let seed = 0; seed < 12; seed++) {{
            const world = new World("body", seed);
            world.looks = 15;
            world.update(0.01);
            world.looks = {looks};
            world.hearts = 1e6;
            for (let i = 0; i < 60 * 60; i++) {{
              world.update(1 / 30);
              for (const one of world.things) if (one.hit) hits.add(one.kind);
            }}
          }}
          return [...hits];
        }})()""",
    )

    assert set(hits) == kinds


def test_who_is_seen_rarely_gets_more_time(page):
    far = inside(
        page,
        """await (async () => {
          const {World} = await import('/play/world.js');
          return [Infinity, 8, 6, 1].map((looks) => {
            const world = new World("body", 1);
            world.looks = looks;
            for (let i = 0; i < 30; i++) world.update(1 / 30);
            return world.time;
          });
        })()""",
    )

    assert far == pytest.approx([1, 1, 0.75, 0.5], abs=0.01)


@pytest.mark.slow
def test_a_camera_that_is_looked_at_rarely_is_told(page):
    page.click("#with-camera")
    page.wait(f"{_STATE} === 'running'")
    # A busy machine may have been told already.
    inside(page, "now.meter.read = () => ({analysed: 15, source: 30, total: 60})")
    page.wait("document.querySelector('#notice').hidden")
    inside(page, "now.meter.read = () => ({analysed: 4, source: 30, total: 300})")
    page.wait("!document.querySelector('#notice').hidden")

    words = page.evaluate("document.querySelector('#notice-words').textContent")
    assert words.startswith("The camera is looked at 4 times a second; a jump needs 6.")
    assert inside(page, "now.world.looks") == 4

    inside(page, "now.meter.read = () => ({analysed: 15, source: 30, total: 60})")
    page.wait("document.querySelector('#notice').hidden")


@pytest.mark.slow
def test_a_body_that_squats_makes_the_runner_duck(page):
    page.click("#with-camera")
    page.wait(f"{_STATE} === 'ready'")
    # All of the player is seen, so it counts down and begins.
    page.wait(f"{_STATE} === 'running'")
    page.wait(f"{_RUNNER} === 'duck'")
    assert page.evaluate("document.querySelector('#self').classList.contains('does')")
    page.click("#stop")
    assert page.evaluate(_STATE) == "title"
    assert page.evaluate("document.querySelector('video').srcObject") is None
    assert page.errors == []


@pytest.mark.slow
def test_a_jump_in_the_film_makes_the_runner_jump(shared: Path, server, tmp_path: Path):
    # A man on a roof jumps five times in three seconds.
    clip = camera(shared / "data/videos/mocap_walk_side.mp4", tmp_path, box=(353, 0, 885, 548), most=97)
    with open_browser(fake_camera(clip)) as browser:
        page = opened_page(browser, server)
        page.click("#with-camera")
        page.wait(f"{_STATE} === 'running'", seconds=120)
        # The film does not know what comes towards the runner.
        inside(page, "now.world.hearts = 1000")
        page.evaluate("document.querySelector('#scene').dataset.runner = ''")
        try:
            page.wait(f"{_RUNNER} === 'jump'", seconds=90)
        except PageError:
            words = page.evaluate("document.querySelector('#figures').textContent")
            if int(words.split()[0]) < 6:
                pytest.skip(f"a jump needs 6 frames a second; this machine looks at {words}")
            raise

        assert inside(page, "now.world.control") == "body"
        assert page.errors == []


@pytest.mark.slow
def test_the_doll_squats_when_the_visitor_does(browser, server):
    page = opened_page(browser, server, "#mirror")
    page.click("#with-camera")
    page.wait(f"{_STATE} === 'running'")
    page.wait(f"(async () => ({_NOW}).mirror.followed)()")
    heights = page.evaluate(
        f"""(async () => {{
          const {{mirror}} = {_NOW};
          const seen = [];
          for (let i = 0; i < 150; i++) {{
            seen.push(mirror.pose.hips[1]);
            await new Promise((done) => setTimeout(done, 60));
          }}
          return seen;
        }})()"""
    )
    page.evaluate("localStorage.clear()")
    page.close()

    # Nine seconds hold three squats. The doll's legs are 0.72 m long.
    assert max(heights) > 0.72
    assert min(heights) < 0.55
    assert page.errors == []


def test_the_doll_waits_a_moment_for_what_is_missed(browser, server):
    page = opened_page(browser, server, "#mirror")
    names = get("coco17").keypoints
    rng = np.random.default_rng(5)
    whole = [[float(x), float(y), 0.9] for x, y in rng.uniform((200, 50), (400, 450), (17, 2))]
    arm = [
        [x, y, 0.05 if name in ("left_elbow", "left_wrist") else c]
        for (x, y, c), name in zip(whole, names, strict=True)
    ]
    # At 2 s all of somebody is seen, then an arm is missed, then all of them.
    seen = [(2.0, whole), (2.3, arm), (2.9, arm), (3.2, None), (4.3, None), (4.5, None)]

    found = inside(
        page,
        f"""(() => {{
          const {{mirror}} = now;
          const wanted = () => mirror.solver.wanted.left_upperArm.map((one) => Math.round(1e6 * one)).join();
          return {json.dumps(seen)}.map(([time, keypoints]) => {{
            mirror.take(keypoints && {{keypoints}}, {json.dumps(names)}, 640, time);
            return [mirror.followed, Boolean(mirror.solver.bare.left_arm), wanted()];
          }});
        }})()""",
    )
    page.close()

    assert [row[0] for row in found] == [True, True, True, True, True, False]
    assert [row[1] for row in found] == [False, False, True, True, True, False]
    assert found[1][2] == found[0][2] != found[2][2]


def test_turning_the_doll_with_keys_and_a_finger(browser, server):
    page = opened_page(browser, server, "#mirror")
    for _ in range(3):
        key(page, "ArrowLeft")
    assert inside(page, "now.mirror.turn") == pytest.approx(-0.36)
    for kind, x in (("mousePressed", 400), ("mouseMoved", 480), ("mouseReleased", 480)):
        page.send("Input.dispatchMouseEvent", type=kind, x=x, y=300, button="left", buttons=1, clickCount=1)
    assert inside(page, "now.mirror.turn") == pytest.approx(-0.36 + 0.5)
    page.evaluate("localStorage.clear()")
    page.close()


def test_on_a_phone_a_finger_plays_and_nothing_is_wider_than_the_screen(page):
    page.viewport(360, 740, phone=True)
    page.click("#with-keys")
    page.wait(f"{_RUNNER} === 'run'")
    box = page.evaluate(
        "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('#scene').getBoundingClientRect())"
    )
    x, y, width, height = box
    for high, does in ((0.3, "jump"), (0.8, "duck")):
        page.wait(f"{_RUNNER} === 'run'")
        point = {"x": x + width / 2, "y": y + height * high}
        page.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[point])
        page.wait(f"{_RUNNER} === '{does}'")
        page.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.documentElement.scrollHeight") <= 740
    small = (
        "[...document.querySelectorAll('button, a, select')].filter((one) => one.offsetParent && one.offsetHeight < 32)"
    )
    assert page.evaluate(f"{small}.map((one) => one.id || one.className)") in ([], ["brand"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_there_is_a_day_and_a_night(page, scheme):
    page.prefer(color_scheme=scheme)
    script = """(() => {
      const canvas = document.querySelector('#scene');
      const [r, g, b] = canvas.getContext('2d').getImageData(canvas.width / 2, 4, 1, 1).data;
      return r + g + b;
    })()"""

    assert page.wait(f"{script} {'> 500' if scheme == 'light' else '< 200'}")


def test_who_wants_no_motion_gets_a_still_title(page):
    page.prefer(reduced_motion="reduce")
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    far = inside(page, "now.world.distance")
    page.evaluate("new Promise((done) => setTimeout(done, 400))")

    assert inside(page, "now.world.distance") == far


def test_no_camera_is_told_in_one_sentence(page):
    page.evaluate("navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))")
    page.click("#with-camera")
    page.wait("!document.querySelector('#notice').hidden")

    assert "may not use the camera" in page.evaluate("document.querySelector('#notice-words').textContent")
    assert page.evaluate(_STATE) == "title"


def test_the_first_page_leads_here_and_back(browser, server):
    page = browser.page()
    page.open(server.address)
    page.wait("document.body.dataset.ready")
    there = page.evaluate("[...document.querySelectorAll('a.button')].map((one) => one.href)")
    page.close()
    page = opened_page(browser, server)
    back = page.evaluate("document.querySelector('.brand').href")
    page.close()

    assert there == [f"{server.address}play.html"]
    assert back == server.address


def test_every_control_has_a_name_and_the_policy_is_strict(page):
    names = page.send("Accessibility.getFullAXTree")["nodes"]
    nameless = [
        one for one in names
        if one.get("role", {}).get("value") in ("button", "link", "radio", "combobox")
        and not one.get("ignored") and not one.get("name", {}).get("value")
    ]  # fmt: skip
    assert nameless == []
    found = page.evaluate("document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    assert "default-src 'self'" in found
    assert "unsafe-inline" not in found
    asked = page.evaluate("performance.getEntriesByType('resource').map((one) => new URL(one.name).host)")
    assert set(asked) == {page.evaluate("location.host")}


def test_the_scripts_are_small():
    from poise.web import lean_script

    assert sum(len(lean_script(file.read_text()).encode()) for file in (PAGE / "play").glob("*.js")) <= _MOST_BYTES


def test_a_rare_pose_makes_no_doll_of_nan(page):
    rng = np.random.default_rng(3)
    people = [
        {
            "keypoints": [
                [float(x), float(y), float(conf)] for x, y, conf in rng.uniform((0, 0, 0), (640, 480, 1), (17, 3))
            ]
        }
        for _ in range(200)
    ]
    people += [{"keypoints": [[100, 100, 0.9]] * 17}, {"keypoints": [[None, None, None]] * 17}]

    finite = inside(
        page,
        f"""await (async () => {{
          const {{MirrorSolver}} = await import('/play/solver.js');
          const solver = new MirrorSolver();
          const names = {json.dumps(list(get("coco17").keypoints))};
          let good = true;
          {json.dumps(people)}.forEach((one, i) => {{
            solver.update(one, names, 640, i / 30);
            const pose = solver.pose(1 / 30);
            good &&= Object.values(pose).flat().every(Number.isFinite);
          }});
          return good;
        }})()""",
    )

    assert finite is True
