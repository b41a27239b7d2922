"""The same batch on a Ray cluster: the same files, also when a node is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_kit import shards, write_items

from poise.batch import Progress, run_batch
from poise.errors import MissingExtra, PoiseError
from poise.extras.engines import installed

pytest.importorskip("pyarrow")
ray = pytest.importorskip("ray", reason="Ray is not installed") if installed("ray") else None
needs_ray = pytest.mark.skipif(ray is None, reason="Ray is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        made.add_node(num_cpus=1)
        made.add_node(num_cpus=1)
        yield made
        ray.shutdown()
        made.shutdown()


@needs_ray
@pytest.mark.slow
def test_a_cluster_gives_the_bytes_that_processes_give(cluster: Any, tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 30)
    asked: dict[str, Any] = {"work": "batch_kit:people", "page": False, "frames": 3}
    alone = run_batch(sources, tmp_path / "alone", workers=1, **asked)

    report = run_batch(sources, tmp_path / "out", ray=cluster.address, workers=2, **asked)

    assert (report.done, report.failed) == (alone.done, alone.failed) == (29, 1)
    assert shards(tmp_path / "out") == shards(tmp_path / "alone")


@needs_ray
@pytest.mark.slow
def test_a_node_that_is_lost_twice_changes_nothing(cluster: Any, tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 60)
    asked: dict[str, Any] = {"work": "batch_kit:people", "page": False, "pause": 0.4}
    alone = run_batch(sources, tmp_path / "alone", workers=2, **asked)
    left: list[int] = []

    def lose(progress: Progress) -> None:
        if progress.left < 50 - 20 * len(left) and len(left) < 2:
            left.append(progress.left)
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
            cluster.add_node(num_cpus=1)

    report = run_batch(sources, tmp_path / "out", ray=cluster.address, workers=2, on_progress=lose, **asked)

    assert len(left) == 2
    assert min(left) > 0
    assert (report.done, report.failed) == (alone.done, alone.failed)
    assert shards(tmp_path / "out") == shards(tmp_path / "alone")


@needs_ray
@pytest.mark.slow
def test_an_item_that_ends_its_actor_is_set_aside(cluster: Any, tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 5)

    report = run_batch(
        sources, tmp_path / "out", work="batch_kit:moody", mood="exit", on=2, ray=cluster.address, workers=2, page=False
    )

    assert (report.done, report.failed) == (4, 1)
    assert "its actor ended" in report.reasons[0].said


@needs_ray
@pytest.mark.slow
def test_weights_travel_by_their_hash(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poise import samples

    network = Path(__file__).parents[1] / "assets/networks/simcc.onnx"
    asked: dict[str, Any] = {"model": network, "page": False}
    alone = run_batch(str(samples.runner), tmp_path / "alone", workers=1, **asked)

    report = run_batch(str(samples.runner), tmp_path / "out", ray=cluster.address, workers=1, **asked)

    assert (report.done, report.rows) == (1, alone.rows)
    assert shards(tmp_path / "out") == shards(tmp_path / "alone")


@needs_ray
def test_no_cluster_is_told_in_one_sentence(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 2)

    with pytest.raises(PoiseError, match=r"no Ray cluster answers at '127\.0\.0\.1:1'.*ray start --head"):
        run_batch(sources, tmp_path / "out", work="batch_kit:people", ray="127.0.0.1:1", page=False)


def test_a_cluster_for_one_call_is_refused(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 2)

    with pytest.raises(ValueError, match="leave it out"):
        run_batch(sources, tmp_path / "out", work="batch_kit:people", ray="local", page=False)


@pytest.mark.skipif(ray is not None, reason="Ray is installed")
def test_without_ray_one_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    sources = write_items(tmp_path / "items", 2)

    with pytest.raises(MissingExtra, match=r"a batch on a cluster \(--ray\) needs ray; run: pip install"):
        run_batch(sources, tmp_path / "out", work="batch_kit:people", ray="auto", page=False)


def test_what_a_node_gets_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    from poise.batch.engines.ray import unpack
    from poise.errors import ModelError

    monkeypatch.setenv("POISE_HOME", str(tmp_path))
    right = hashlib.sha256(b"network").hexdigest()
    asked = []

    def fetch() -> bytes:
        asked.append(1)
        return b"network"

    paths = {unpack("a.onnx", right, fetch) for _ in range(2)}

    assert [path.read_bytes() for path in paths] == [b"network"]
    assert len(asked) == 1
    with pytest.raises(ModelError, match="other bytes"):
        unpack("b.onnx", "0" * 64, fetch)
    assert sys.modules.get("ray") is ray
