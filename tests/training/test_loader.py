"""Batches: which pictures, in which order, the same whoever makes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs torch")

from grid_pictures import GridDataset  # noqa: E402

from poise.datasets import open_dataset, scan  # noqa: E402
from poise.errors import FormatError, SourceError  # noqa: E402
from poise.training import loader as loader_module  # noqa: E402
from poise.training import picture_cache as pictures_module  # noqa: E402
from poise.training.augmentation import Augmentation  # noqa: E402
from poise.training.examples import Batch  # noqa: E402
from poise.training.loader import Loader  # noqa: E402

SIZES = [(96, 64), (64, 96), (128, 128), (200, 100), (96, 80), (80, 96), (64, 64)]
EVERYTHING = Augmentation(degrees=10, mixup=0.4, cutmix=0.4, multi_scale=0.5, erasing=0.3, blur=0.3, jpeg=0.3, bgr=0.2)


def loader(dataset: GridDataset | None = None, **changes: object) -> Loader:
    data = dataset or GridDataset(SIZES)
    how: dict[str, object] = {"imgsz": 96, "batch": 2, "augmentation": Augmentation()} | changes
    return Loader(data, scan(data), **how)  # type: ignore[arg-type]


def epochs(made: Loader, *numbers: int) -> list[Batch]:
    try:
        return [batch for number in numbers for batch in made.epoch(number)]
    finally:
        made.close()


def assert_equal(first: list[Batch], second: list[Batch]) -> None:
    assert [b.names for b in first] == [b.names for b in second]
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a.images, b.images)
        for name in a.targets.__slots__:
            assert torch.equal(getattr(a.targets, name), getattr(b.targets, name)), name


def names(batches: list[Batch]) -> list[str]:
    return [name for batch in batches for name in batch.names]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("cache", "small"), [(False, 0), (False, 2**28), ("ram", 0)])
def test_workers_make_the_same_batches(
    workers: int, cache: object, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures_module, "SMALL", small)
    alone = epochs(loader(augmentation=EVERYTHING, cache=cache), 0, 1)

    assert_equal(epochs(loader(augmentation=EVERYTHING, cache=cache, workers=workers), 0, 1), alone)


def test_workers_that_share_no_memory_make_the_same_batches(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_dataset(shared / "data/coco8-pose/coco8-pose.yaml", "train")
    found = scan(data)
    alone = epochs(Loader(data, found, imgsz=64, batch=2, augmentation=EVERYTHING, cache="ram"), 0)
    monkeypatch.setattr(loader_module, "START", "spawn")

    spawned = Loader(data, found, imgsz=64, batch=2, augmentation=EVERYTHING, cache="ram", workers=1)

    assert_equal(epochs(spawned, 0), alone)


def test_an_epoch_can_be_made_without_those_before_it() -> None:
    run = loader()
    whole = [list(run.epoch(i)) for i in range(3)]

    assert_equal(epochs(loader(), 2), whole[2])


def test_epochs_and_seeds_differ() -> None:
    first, second = epochs(loader(), 0), epochs(loader(), 1)

    assert names(first) != names(second)
    assert names(first) != names(epochs(loader(seed=1), 0))


@pytest.mark.parametrize("workers", [0, 1])
def test_the_global_random_state_is_left_alone(workers: int) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002

    epochs(loader(augmentation=EVERYTHING, workers=workers), 0)

    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_an_epoch_left_early_does_not_disturb_the_next() -> None:
    made = loader(workers=1)
    next(iter(made.epoch(0)))

    assert_equal(epochs(made, 1), epochs(loader(), 1))


def test_every_picture_comes_once_and_the_last_batch_is_kept() -> None:
    batches = epochs(loader(batch=3), 0)

    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert sorted(names(batches)) == sorted(f"images/{i}.png" for i in range(7))


def test_the_last_batch_can_be_dropped_but_never_all() -> None:
    assert [len(b) for b in epochs(loader(batch=3, drop_last=True), 0)] == [3, 3]
    assert [len(b) for b in epochs(loader(batch=100, drop_last=True), 0)] == [7]


def test_a_batch_has_the_promised_form() -> None:
    batch = epochs(loader(batch=7), 0)[0]
    targets = batch.targets

    assert batch.images.shape == (7, 3, 96, 96)
    assert batch.images.dtype == torch.uint8
    assert batch.images.is_contiguous()
    assert (targets.picture.dtype, targets.classes.dtype) == (torch.int64, torch.int64)
    assert (targets.boxes.dtype, targets.keypoints.dtype, targets.visible.dtype) == (
        torch.float32,
        torch.float32,
        torch.bool,
    )
    assert targets.keypoints.shape == (len(targets), 5, 2)
    assert (targets.picture.diff() >= 0).all()
    assert (targets.keypoints[~targets.visible] == 0).all()


def test_the_last_epochs_see_whole_pictures() -> None:
    made = loader(GridDataset([(96, 96)] * 4), augmentation=Augmentation(scale=0, translate=0), batch=1)

    counts = [len(batch.targets) for batch in made.epoch(5, mosaic=False)]

    assert counts == [1, 1, 1, 1]


def test_without_augmentation_pictures_are_fitted_only() -> None:
    data = GridDataset([(192, 96)])

    batch = epochs(loader(data, augmentation=None, batch=1), 0)[0]

    assert (batch.images[0, :, :24] == 114).all()
    np.testing.assert_allclose(batch.targets.keypoints[0], data.labels[0].xy[0] / 2 + [0, 24], atol=1e-4)
    np.testing.assert_allclose(batch.targets.boxes[0], data.labels[0].boxes[0] / 2 + [0, 24, 0, 24], atol=1e-4)


def test_background_pictures_stay_in() -> None:
    batches = epochs(loader(GridDataset(SIZES, empty=(0, 1, 2, 3, 4, 5, 6)), batch=4), 0)

    assert [len(b) for b in batches] == [4, 3]
    assert all(len(b.targets) == 0 and b.targets.keypoints.shape == (0, 5, 2) for b in batches)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("augmentation", [None, EVERYTHING])
def test_processes_share_the_batches_of_one(world: int, augmentation: Augmentation | None) -> None:
    data = GridDataset([(96, 96)] * 12)
    whole = epochs(loader(data, batch=2 * world, augmentation=augmentation, cache="ram"), 3)

    parts = [
        epochs(loader(data, batch=2, augmentation=augmentation, cache="ram", rank=r, world=world), 3)
        for r in range(world)
    ]

    for i, batch in enumerate(whole):
        assert torch.equal(torch.cat([part[i].images for part in parts]), batch.images)
        assert torch.equal(torch.cat([part[i].targets.boxes for part in parts]), batch.targets.boxes)


def test_processes_have_batches_of_one_length_to_the_end() -> None:
    parts = [epochs(loader(batch=2, rank=r, world=2), 0) for r in range(2)]

    assert [len(b) for b in parts[0]] == [len(b) for b in parts[1]] == [2, 2]
    assert set(names(parts[0]) + names(parts[1])) == {f"images/{i}.png" for i in range(7)}


def test_a_fraction_takes_the_start_of_the_list() -> None:
    made = loader(fraction=0.5, batch=2)

    assert set(names(epochs(made, 0))) == {f"images/{i}.png" for i in range(4)}
    assert len(made) == 2


def test_rectangular_batches_follow_the_pictures_proportions() -> None:
    data = GridDataset([(96, 64), (96, 48), (64, 96), (96, 60), (50, 96), (96, 64)])

    batches = epochs(loader(data, rect=True), 0)

    shapes = [tuple(b.images.shape[2:]) for b in batches]
    assert shapes == [(64, 96), (64, 96), (96, 64)]
    assert names(batches) == names(epochs(loader(data, rect=True), 1))


def test_multi_scale_changes_whole_batches() -> None:
    made = loader(augmentation=Augmentation(multi_scale=0.5), batch=1)

    sides = [tuple(b.images.shape[2:]) for i in range(4) for b in made.epoch(i)]

    assert set(sides) <= {(64, 64), (96, 96), (128, 128)}
    assert len(set(sides)) == 3


# Damage


def test_a_damaged_picture_is_replaced_by_the_next_and_noted_once() -> None:
    told: list[str] = []
    made = loader(GridDataset(SIZES, damaged=(2,)), batch=3, log=told.append)

    counts = Counter(names(epochs(made, 0, 1)))

    assert told == ["images/2.png: truncated PNG; the next picture takes its place"]
    assert counts["images/2.png"] == 0
    assert counts["images/3.png"] == 4
    assert made.notes == told


@pytest.mark.parametrize("rect", [False, True])
def test_pictures_of_odd_sizes_fit(rect: bool) -> None:
    data = GridDataset([(2000, 3), (1, 1), (3, 700), (33, 31)], empty=(0, 1, 2, 3))

    batches = epochs(loader(data, augmentation=EVERYTHING, batch=1, rect=rect), 0)

    assert len(batches) == 4
    assert all(side % 32 == 0 for batch in batches for side in batch.images.shape[2:])


def test_a_picture_that_is_not_of_its_labels_size_is_replaced() -> None:
    data = GridDataset(SIZES)
    found = scan(data)
    found.sizes[0] = (97, 64)

    made = Loader(data, found, imgsz=96, batch=7, augmentation=None)

    assert "images/0.png" not in names(epochs(made, 0))
    assert made.notes == [
        "images/0.png: is 96 x 64 pixels, but its labels are for 97 x 64; the next picture takes its place"
    ]


@pytest.mark.parametrize("cache", [False, "ram", "disk"])
def test_damage_is_the_same_with_workers_and_caches(
    cache: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path))
    data = _files(tmp_path, damaged=1)

    alone = epochs(loader(data, batch=2, augmentation=None), 0)

    made = loader(data, batch=2, augmentation=None, cache=cache, workers=1)
    assert_equal(epochs(made, 0), alone)
    assert len(made.notes) == 1


def test_a_data_set_of_damaged_pictures_only_ends_with_a_message() -> None:
    with pytest.raises(SourceError, match=r"grid\.yaml: none of the 7 pictures of train can be read; the first: "):
        epochs(loader(GridDataset(SIZES, damaged=tuple(range(7)))), 0)


def test_an_error_in_a_worker_arrives() -> None:
    with pytest.raises(SourceError, match="none of the 7 pictures of train can be read"):
        epochs(loader(GridDataset(SIZES, damaged=tuple(range(7))), workers=1), 0)


def test_no_usable_picture_is_refused_at_the_start() -> None:
    data = GridDataset(SIZES)
    found = scan(data)
    found.usable[:] = [False] * 7

    with pytest.raises(FormatError, match=r"grid\.yaml: train: none of its 7 pictures can be used"):
        Loader(data, found, imgsz=96, batch=2, augmentation=None)


def test_without_a_mirror_map_pictures_are_not_mirrored_and_that_is_said() -> None:
    data = GridDataset([(96, 96)] * 3, flip_known=False)
    still = Augmentation(hsv_h=0, hsv_s=0, hsv_v=0, scale=0, translate=0, mosaic=0, fliplr=1.0)

    made = loader(data, augmentation=still, batch=1)

    assert made.notes == ["grid.yaml: has no flip_idx, so pictures are not mirrored; add it to gain from mirroring"]
    for batch in made.epoch(0):
        index = int(batch.names[0][7])
        np.testing.assert_array_equal(batch.images[0].permute(1, 2, 0).numpy(), data.image(index)[..., ::-1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"imgsz": 16}, "imgsz must be a whole number of at least 32"),
        ({"cache": "tape"}, "cache must be False, 'ram' or 'disk'"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"fraction": 0}, "fraction must be above 0"),
        ({"rank": 2, "world": 2}, "rank must be from 0 to 1, got 2"),
        ({"augmentation": Augmentation(flipud_idx=(0, 1))}, "flipud_idx must hold each index from 0 to 4 once"),
    ],
)
def test_wrong_arguments(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loader(**wrong)


# Caches


def test_pictures_in_a_cache_are_decoded_once() -> None:
    data = GridDataset(SIZES)
    made = loader(data, cache="ram")
    data.reads.clear()

    epochs(made, 0, 1)

    assert data.reads == []


def test_filling_a_cache_can_be_watched() -> None:
    seen: list[int] = []

    def watch(indices: Iterable[int]) -> Iterator[int]:
        for i in indices:
            seen.append(i)
            yield i

    loader(cache="ram", watch=watch)

    assert seen == list(range(7))


def test_a_small_data_set_is_decoded_once_even_without_a_cache() -> None:
    data = GridDataset(SIZES)

    epochs(loader(data), 0, 1, 2)

    assert max(Counter(data.reads).values()) == 1


def test_without_a_cache_a_batch_decodes_each_of_its_pictures_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_module, "SMALL", 0)
    data = GridDataset([(48, 48)] * 64)
    made = loader(data, batch=32)
    data.reads.clear()

    next(iter(made.epoch(0)))

    assert max(Counter(data.reads).values()) == 1
    assert len(data.reads) <= 32


def test_a_cache_on_disk_is_used_again_until_a_picture_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    data = _files(tmp_path)
    first = epochs(loader(data, cache="disk"), 0)
    data.reads.clear()

    assert_equal(epochs(loader(data, cache="disk"), 0), first)
    assert data.reads == []
    os.utime(data.paths[0], ns=(1, 1))
    loader(data, cache="disk")
    assert sorted(data.reads) == list(range(len(data)))


def test_caches_do_not_change_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    data = _files(tmp_path)

    assert_equal(epochs(loader(data, cache="disk"), 0), epochs(loader(data, cache="ram"), 0))


def test_a_cache_that_does_not_fit_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_module, "free_memory", lambda: 1000)

    made = loader(cache="ram")

    assert "cache: 7 pictures need 0.0 GB of memory" in made.notes[0]
    assert len(epochs(made, 0)) == 4


def test_a_disk_that_cannot_be_written_is_left_out_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "file"))

    made = loader(_files(tmp_path), cache="disk")

    assert "cannot be used" in made.notes[0]
    assert len(epochs(made, 0)) == 2


def test_a_disk_that_runs_full_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    data = _files(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures_module.PictureCache, "_decode_all", full)
    made = loader(data, cache="disk")

    assert "No space left on device" in made.notes[0]
    assert list((tmp_path / "home").rglob("*.*")) == []


# Processes


STARTED = "next(batches)"
# Workers that are slow to start, which torch's own watch over the parent does not see.
STARTING = """
import threading, torch
torch.set_num_threads = lambda count: time.sleep(2)
threading.Thread(target=next, args=(batches,), daemon=True).start()
while len(m.active_children()) < 2:
    time.sleep(0.05)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("moment", [STARTED, STARTING], ids=["at work", "starting"])
def test_workers_end_when_their_parent_is_killed(moment: str) -> None:
    code = (
        "import sys, time, multiprocessing as m; sys.path.insert(0, sys.argv[1])\n"
        "from test_loader import loader\n"
        "made = loader(workers=2)\n"
        "batches = made.epoch(0)\n"
        f"{moment}\n"
        "print(*[p.pid for p in m.active_children()], flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()

    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.2)

    assert len(pids) == 2
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class _FileDataset(GridDataset):
    """Grid pictures that are really on disk."""

    def image(self, index: int) -> np.ndarray:
        self.reads.append(index)
        try:
            with Image.open(self.paths[index]) as file:
                return np.ascontiguousarray(np.asarray(file)[..., ::-1])
        except OSError as error:
            raise SourceError(f"{self.paths[index]}: {error}") from None


def _files(folder: Path, damaged: int | None = None) -> _FileDataset:
    data = _FileDataset([(96, 64), (64, 96), (128, 128), (200, 100)])
    for i in range(len(data)):
        picture = GridDataset.image(data, i)
        path = folder / data.paths[i].name
        Image.fromarray(picture[..., ::-1]).save(path)
        if i == damaged:
            path.write_bytes(path.read_bytes()[:40])
        data.paths[i] = path
    data.reads.clear()
    return data
