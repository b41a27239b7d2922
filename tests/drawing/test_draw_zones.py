"""Zones, lines, labels and events: what is painted where."""

from __future__ import annotations

import numpy as np

from poise.drawing import draw_zone_labels, draw_zones, paint_heat

DOOR = np.array([[100.0, 150], [300, 150], [300, 350], [100, 350]])
LINE = np.array([[400.0, 100], [400, 400]])


def blank() -> np.ndarray:
    return np.full((480, 640, 3), 128, np.uint8)


def drawn(zones: dict, lines: dict, *, active: list[str] | None = None) -> np.ndarray:
    image = blank()
    draw_zones(image, zones, lines, active=active or [])
    return image


def written(zones: dict, lines: dict, **words: object) -> np.ndarray:
    image = blank()
    draw_zone_labels(image, zones, lines, **words)  # type: ignore[arg-type]
    return image


def changed(image: np.ndarray) -> np.ndarray:
    return (image != blank()).any(axis=-1)


def test_a_zone_tints_its_area_and_nothing_far_from_it() -> None:
    touched = changed(drawn({"door": DOOR}, {}))

    assert touched[200:340, 110:290].all()
    assert not touched[360:, :].any()
    assert not touched[:, 310:].any()


def test_who_is_in_a_zone_makes_it_stronger() -> None:
    rest, busy = drawn({"door": DOOR}, {}), drawn({"door": DOOR}, {}, active=["door"])

    def off(image: np.ndarray) -> int:
        return int(np.abs(image[300, 200].astype(int) - 128).sum())

    assert off(busy) > 2 * off(rest) > 0


def test_zones_have_colours_of_their_own() -> None:
    image = drawn({"a": DOOR, "b": DOOR + [320, 0]}, {})

    assert (image[300, 200] != image[300, 520]).any()


def test_the_arrow_of_a_line_points_in() -> None:
    # From (400, 100) down to (400, 400): the right of who walks along it is the left of the picture.
    touched = changed(drawn({}, {"gate": LINE}))

    assert touched[250, 372:398].all()
    assert not touched[250, 410:].any()


def test_labels_that_would_overlap_stand_below_each_other() -> None:
    one = changed(written({"a": DOOR}, {}, labels={"a": "x" * 8}))
    both = changed(written({"a": DOOR, "b": DOOR}, {}, labels={"a": "x" * 8, "b": "y" * 8}))

    rows = np.flatnonzero(one.any(axis=1))
    assert np.flatnonzero(both.any(axis=1)).tolist() == list(range(rows[0], rows[0] + 2 * len(rows)))


def test_a_label_stays_in_the_picture() -> None:
    corner = np.array([[600.0, 440], [700, 440], [700, 600], [600, 600]])

    touched = changed(written({"yard": corner}, {}, labels={"yard": "a long name: 12"}))

    assert touched[440:470, 500:600].any()


def test_events_stand_at_the_lower_left_and_fade() -> None:
    fresh, faint, gone = (written({}, {}, said=[("fall", share)]) for share in (1.0, 0.4, 0.0))

    assert changed(fresh)[-30:, :80].any()
    assert not changed(fresh)[:400].any()
    assert np.abs(faint.astype(int) - 128).sum() < np.abs(fresh.astype(int) - 128).sum()
    assert not changed(gone).any()


def test_a_picture_smaller_than_a_label_is_no_error() -> None:
    image = np.zeros((20, 30, 3), np.uint8)

    draw_zones(image, {"a": DOOR / 20}, {"l": LINE / 20})
    draw_zone_labels(image, {"a": DOOR / 20}, {"l": LINE / 20}, said=[("somebody fell here", 1.0)] * 5)


def test_heat_is_strongest_where_most_time_was_spent() -> None:
    image = blank()
    seconds = np.zeros((48, 64))
    seconds[10, 10], seconds[40, 50] = 10.0, 1.0

    paint_heat(image, seconds)

    def off(y: int, x: int) -> int:
        return int(np.abs(image[y, x].astype(int) - 128).sum())

    assert off(105, 105) > off(405, 505) > 0
    assert (image[240, 320] == 128).all()


def test_no_time_spent_changes_nothing() -> None:
    image = blank()

    paint_heat(image, np.zeros((48, 64)))

    assert (image == 128).all()
