"""How pictures of a validation lie in the network's input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.validation._batches import group_by_shape, place_picture

SIDES = st.integers(40, 2000)


def test_wide_pictures_at_320_get_the_originals_rectangle() -> None:
    (group,) = group_by_shape([(1280, 720)] * 4, range(4), imgsz=320, batch=16, stride=32)

    assert group.size == (352, 224)


@given(sizes=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=20), batch=st.integers(1, 8))
def test_every_picture_is_in_one_batch_and_fits(sizes: list[tuple[int, int]], batch: int) -> None:
    groups = group_by_shape(sizes, range(len(sizes)), imgsz=320, batch=batch, stride=32)

    assert sorted(i for group in groups for i in group.indices) == list(range(len(sizes)))
    for group in groups:
        assert len(group.indices) <= batch
        assert all(side % 32 == 0 for side in group.size)
        for i in group.indices:
            scale = 320 / max(sizes[i])
            assert sizes[i][0] * scale <= group.size[0] + 1
            assert sizes[i][1] * scale <= group.size[1] + 1


@pytest.mark.parametrize(
    ("size", "inner"), [((1280, 720), (320, 180)), ((100, 50), (320, 160)), ((333, 500), (214, 320))]
)
def test_the_longer_side_is_resized_first(size: tuple[int, int], inner: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)

    placement = place_picture(image, np.empty((3, 352, 352), np.float32), imgsz=320)

    assert placement.inner == inner
    assert placement.source == size
