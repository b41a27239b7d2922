"""Whether confidences and standard deviations mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from score_scenes import scene

from poise.evaluation.pairs import pair_up
from poise.evaluation.reliability import coverage, fit_sigma_scale, fit_temperature, reliability


def stated(temperature: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that are true after their logits are divided by a temperature."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, n)
    right = rng.random(n) < 1 / (1 + np.exp(-logit / temperature))
    return 1 / (1 + np.exp(-logit)), right


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_fit_finds_the_temperature(temperature: float) -> None:
    assert fit_temperature(*stated(temperature)) == pytest.approx(temperature, rel=0.05)


def test_the_fit_equals_scipys_minimum() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    conf, right = stated(1.7, 2000)
    logit, sign = np.log(conf / (1 - conf)), np.where(right, 1, -1)

    best = optimize.minimize_scalar(
        lambda t: np.logaddexp(0, -sign * logit / t).mean(), bounds=(0.1, 10), method="bounded"
    ).x

    assert fit_temperature(conf, right) == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize("right", [np.ones(100, bool), np.zeros(100, bool)])
def test_nothing_is_fitted_where_all_are_right_or_wrong(right: np.ndarray) -> None:
    assert np.isnan(fit_temperature(np.full(100, 0.5), right))


def test_true_confidences_are_reliable() -> None:
    conf, right = stated(1.0)

    assert reliability(conf, right).error < 0.02
    assert reliability(*stated(3.0)).error > 0.1


def test_confidences_of_0_and_1_are_counted() -> None:
    found = reliability(np.array([0.0, 1.0]), np.array([False, True]))

    assert found.count.sum() == 2
    assert found.error == 0.0


def test_half_as_large_deviations_are_doubled() -> None:
    expected, found = scene(0, pictures=100)
    halved = type(found)(*[getattr(found, n) * (0.5 if n == "sigma" else 1) for n in found.__slots__])

    whole, half = (fit_sigma_scale(pair_up(expected, f, pictures=100)) for f in (found, halved))

    assert whole == pytest.approx(1.0, abs=0.05)
    assert half == pytest.approx(2 * whole)


def test_coverage_of_normal_errors_is_normal() -> None:
    expected, found = scene(0, pictures=100)

    shares = coverage(pair_up(expected, found, pictures=100))

    np.testing.assert_allclose(shares.observed, shares.normal, atol=0.03)
