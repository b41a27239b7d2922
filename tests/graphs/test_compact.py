"""Weights in a byte each: the same network, nearly, at half the size."""

from __future__ import annotations

import numpy as np

from poise import weights
from poise.graphs import compact
from poise.runtime import open_session


def test_a_network_is_half_as_large_and_sees_nearly_the_same() -> None:
    before = weights.load("movenet-thunder")
    after, count = compact(before)
    picture = np.random.default_rng(0).integers(0, 256, (1, 160, 128, 3)).astype(np.uint8)

    wanted, found = (open_session(data, threads=1).run({"image": picture}) for data in (before, after))

    assert count > 30
    assert len(after) < 0.55 * len(before)
    assert found.keys() == wanted.keys()
    for name in ("center", "kpt_heatmap"):
        apart = np.abs(found[name] - wanted[name])
        assert 0 < apart.max() < 0.15
        assert apart.mean() < 0.005


def test_what_is_no_network_stays_as_it_is() -> None:
    assert compact(b"\x00nothing") == (b"\x00nothing", 0)


def test_a_network_that_is_compact_stays_so() -> None:
    once, _ = compact(weights.load("nanodet-416"))

    assert compact(once) == (once, 0)
