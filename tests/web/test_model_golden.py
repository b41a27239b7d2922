"""The scripts of a bundle find what Python finds, in the same pixels and with the same networks."""

from __future__ import annotations

from pathlib import Path

import pytest
from web_kit import PIXELS, SCORE, apart, assert_alike, close, expected, found_in_node, model_of, node, partners, read

from poise import samples, weights
from poise.web import write_bundle

SAMPLES = (samples.runner, samples.hand, samples.runner.with_name("walk.jpg"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    node()
    return write_bundle(tmp_path_factory.mktemp("web") / "site").path


@pytest.mark.parametrize("model", ["body-fast", "body"])
def test_people_on_photos(model: str, bundle: Path, tmp_path: Path) -> None:
    pictures = [read(path) for path in SAMPLES]
    times = [0.0] * len(pictures)

    wanted = expected(model_of(bundle, model), pictures, times, video=False)

    assert [len(one["instances"]) for one in wanted] == [3, 1, 1]
    assert_alike(found_in_node(bundle, model, pictures, times, tmp_path, video=False), wanted)


@pytest.mark.slow
def test_people_of_every_size_lying_and_in_crowds(shared: Path, bundle: Path, tmp_path: Path) -> None:
    paths = sorted(path for path in (shared / "data/images").iterdir() if path.suffix in (".jpg", ".png"))[1::2]
    pictures = [read(path) for path in paths]
    times = [0.0] * len(pictures)
    assert len(pictures) >= 8

    wanted = expected(model_of(bundle, "body-fast"), pictures, times, video=False)
    found = found_in_node(bundle, "body-fast", pictures, times, tmp_path, video=False)

    pairs = [pair for mine, theirs in zip(found, wanted, strict=True) for pair in partners(mine, theirs, sure=0.27)]
    assert len(pairs) >= 20
    places, scores = apart(pairs)
    # Where two cells of a map are equally likely, the other engine's rounding decides: of one point in hundreds. Who
    # claims a contested point may follow from it.
    assert (places <= PIXELS).mean() >= 0.99
    assert (scores <= SCORE).mean() >= 0.99
    assert places.max() <= 4


def test_people_are_followed_from_frame_to_frame(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV to read the clip")
    from poise.sources import open_source

    frames = list(open_source(samples.clip))
    pictures, times = [frame.image for frame in frames], [frame.time for frame in frames]

    wanted = expected(model_of(bundle, "body-fast"), pictures, times, video=True)
    found = found_in_node(bundle, "body-fast", pictures, times, tmp_path, video=True)

    assert len(wanted) == 20
    assert [len(one["instances"]) for one in wanted] == [1] * 20
    # A followed crop depends on the frame before: the rounding of another engine grows until the next search of the
    # whole picture, which all frames are then equal to again.
    alike = [close([one], [other]) for one, other in zip(found, wanted, strict=True)]
    searched = [0]
    for i, time in enumerate(times):
        if time - times[searched[-1]] >= weights.model("body-fast").settings.get("refresh", 0.4):
            searched.append(i)
    assert len(searched) == 5
    assert all(alike[i] for i in searched)
    assert sum(alike) >= 16
    assert_alike(found, wanted, pixels=6, score=0.15)
