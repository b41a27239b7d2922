"""Settings of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import FormatError
from poise.training.settings import TrainSettings
from poise.training.setup import apply_recipe


def test_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="no setting 'epoch'; did you mean 'epochs'"):
        TrainSettings.of({"epoch": 3})


@pytest.mark.parametrize("name", ["a.toml", "a.yaml"])
def test_settings_of_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text('epochs = 7\nmodel = "x.pt"\n' if name.endswith("toml") else "epochs: 7\nmodel: x.pt\n")

    found = TrainSettings.of({"imgsz": 320}, cfg=file)

    assert (found.epochs, found.model, found.imgsz) == (7, "x.pt", 320)


def test_what_is_given_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("epochs = 7\n")

    assert TrainSettings.of({"epochs": 3}, cfg=file).epochs == 3


def test_unknown_setting_of_a_file_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("epoch = 7\n")

    with pytest.raises(TypeError, match=r"a\.toml: has no setting 'epoch'; did you mean 'epochs'"):
        TrainSettings.of({}, cfg=file)


@pytest.mark.parametrize("text", ["epochs = = 3", None])
def test_unreadable_file(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "a.toml"
    if text:
        file.write_text(text)

    with pytest.raises(FormatError, match=r"a\.toml"):
        TrainSettings.of({}, cfg=file)


def test_what_means_nothing_here_is_accepted_where_it_changes_nothing() -> None:
    assert TrainSettings.of({"task": "pose", "overlap_mask": True, "dropout": 0.0}) == TrainSettings()


def test_what_means_nothing_here_is_refused_where_it_would_change_something() -> None:
    with pytest.raises(ValueError, match=r"copy_paste=0\.5 is not supported"):
        TrainSettings.of({"copy_paste": 0.5})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "epochs must be 1 or more"),
        ("epochs", "many", "epochs must be a whole number"),
        ("imgsz", 100, "multiple of 32"),
        ("lr0", float("nan"), "lr0 must be a number"),
        ("cos_lr", "yes", "cos_lr must be True or False"),
        ("batch", 0, "batch must be 1 or more, or -1"),
        ("fliplr", 1.5, "fliplr must be a number from 0 to 1, got 1.5"),
        ("degrees", 200, "degrees must be a number from 0 to 180"),
        ("perspective", 0.5, r"perspective must be a number from 0 to 0\.01"),
        ("scale", 1, r"scale must be a number from 0 to 0\.99"),
        ("iou", 2, "iou must be from 0 to 1"),
        ("flipud_idx", "0,0", "flipud_idx must hold each index from 0 to 1 once"),
        ("flipud_idx", "a,b", "flipud_idx must be numbers such as 3,2,1,0"),
        ("flipud_idx", [], "flipud_idx must hold each index"),
        ("time", -1, "time must be hours above 0"),
        ("cache", "tape", "cache must be 'ram', 'disk' or False"),
        ("fraction", 0, "fraction must be above 0"),
    ],
)
def test_values_that_cannot_be(name: str, value: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        TrainSettings.of({name: value})


@pytest.mark.parametrize(
    ("given", "kept"),
    [("10", 10), ("backbone", "backbone"), ("0,1,cv2", (0, 1, "cv2")), ([3, 4], (3, 4)), (None, None)],
)
def test_ways_to_write_freeze(given: object, kept: object) -> None:
    assert TrainSettings.of({"freeze": given}).freeze == kept


@pytest.mark.parametrize("given", ["3,2,1,0", "[3, 2, 1, 0]", [3, 2, 1, 0], (3, 2, 1, 0)])
def test_ways_to_write_a_mirror_map(given: object) -> None:
    assert TrainSettings.of({"flipud_idx": given}).flipud_idx == (3, 2, 1, 0)


def test_settings_and_the_parts_that_they_are_for_have_the_same_defaults_and_limits() -> None:
    pytest.importorskip("torch")
    from dataclasses import fields

    from poise.training import Augmentation, Gains
    from poise.training.settings import LIMITS

    names = {field.name for field in fields(Augmentation)} - {"flipud_idx"}
    assert names == set(LIMITS)
    # The field's erasing is for classification; it is accepted and means nothing.
    defaults = {field.name: field.default for field in fields(TrainSettings)}
    parts = {field.name: field.default for kind in (Augmentation, Gains) for field in fields(kind)}
    assert parts.pop("erasing") == 0
    assert {name: defaults[name] for name in parts} == parts


@given(
    epochs=st.integers(1, 1000),
    scale=st.floats(0, 0.9),
    freeze=st.sampled_from([None, 3, (1, 2), "cv2"]),
    cache=st.sampled_from([False, True, "ram"]),
)
def test_table_gives_the_same_settings_back(epochs: int, scale: float, freeze: object, cache: object) -> None:
    made = TrainSettings.of({"epochs": epochs, "scale": scale, "freeze": freeze, "cache": cache})

    assert TrainSettings.of(made.table()) == made


def test_continued_training_may_move_to_another_device() -> None:
    assert TrainSettings(device="0").continued({"device": "cpu"}).device == "cpu"


def test_continued_training_may_not_become_another() -> None:
    with pytest.raises(ValueError, match=r"lr0=0\.1: this training was started with lr0=0\.01"):
        TrainSettings().continued({"lr0": 0.1})


def test_a_short_training_from_random_weights_takes_the_best_recipe() -> None:
    asked = TrainSettings.of({"data": "x.yaml", "epochs": 30, "batch": 8})

    got = apply_recipe(asked, pictures=210, batch=8, fresh=True)

    assert (got.optimizer, got.lr0, got.momentum, got.scale) == ("MuSGD", 0.01, 0.9, 0.3)
    assert (got.nbs, got.close_mosaic) == (8, 15)
    assert apply_recipe(asked, pictures=210, batch=8, fresh=False) == asked
    assert apply_recipe(replace(asked, recipe="reference"), pictures=210, batch=8, fresh=True).optimizer == "auto"


def test_a_recipe_leaves_alone_what_is_given() -> None:
    given = {"data": "x.yaml", "optimizer": "SGD", "lr0": 0.02, "scale": 0.5, "close_mosaic": 3, "nbs": 64}

    got = apply_recipe(TrainSettings.of(given), pictures=100, batch=8, fresh=True)

    assert {name: getattr(got, name) for name in given} == given
    assert (got.momentum, got.warmup_bias_lr) == (0.937, 0.1)
    # What a run wrote down is given, whole, when it goes on.
    assert apply_recipe(TrainSettings.of(got.table()), pictures=100, batch=8, fresh=True) == got


def test_a_long_training_adds_gradients_up() -> None:
    got = apply_recipe(TrainSettings.of({"data": "x.yaml", "epochs": 100}), pictures=60_000, batch=16, fresh=True)

    assert got.nbs == 64


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(ValueError, match="recipe must be 'best' or 'reference'"):
        TrainSettings.of({"data": "x.yaml", "recipe": "magic"})
