"""Networks of the zoo, fetched on first use: from a loopback server with every bad habit, and by an opener of ours."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from zoo_kit import Twice, archive, asked, onnx_bytes, publish, serving

from poise import weights
from poise.errors import ModelError
from poise.weights import _archive, _cache, _fetch
from poise.weights._fetch import Limits

NAME = "rtmpose-t"
NETWORK = onnx_bytes()
OTHER = onnx_bytes(seed=1)
SHA = hashlib.sha256(NETWORK).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POISE_OFFLINE", raising=False)
    monkeypatch.setattr(_fetch, "LIMITS", Limits(silent_s=0.3, answer_s=0.4, slow_bytes_s=2000, slow_s=0.3))
    return tmp_path / "home" / "weights"


def leftovers(home: Path) -> list[str]:
    """Return what lies in the cache beside weights and pins."""
    return [p.name for p in home.iterdir() if p.suffix not in (".onnx", ".sha256") and p.name != ".locks"]


def test_a_bundled_network_is_given_as_bytes_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_OFFLINE", "1")

    assert weights.provide("face-mesh") == weights.load("face-mesh")


def test_a_network_comes_out_of_its_maker_s_archive_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    steps: list[tuple[int, int | None]] = []
    packed = archive(NETWORK)
    with serving(zip=packed) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip", sha256=SHA)

        path = weights.provide(NAME, notice=told.append, progress=lambda a, b: steps.append((a, b)))
        again = weights.provide(NAME, notice=told.append)

    assert path == again == home / "rtmpose-t.onnx"
    assert path.read_bytes() == NETWORK
    assert len(asked()) == 1
    assert steps[-1] == (len(packed), len(packed))
    assert leftovers(home) == []
    (said,) = told
    assert "OpenMMLab" in said
    assert f"{address}/good/zip" in said
    assert "Apache-2.0" in said
    assert "research only" in said


def test_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from poise.runtime import open_session

    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip")
        session = open_session(weights.provide(NAME), threads=1, name=NAME)

    shift = session.run({"input": np.zeros((1, 5000), np.float32)})["output"]
    np.testing.assert_array_equal(shift[0], np.random.default_rng(0).random(5000, dtype=np.float32))


def test_a_model_of_the_zoo_is_made_of_what_was_fetched(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Also where a folder is called like the pair; the manifest names what was fetched."""
    from poise import Pose
    from poise.estimators import _estimator

    monkeypatch.setitem(_estimator.FAMILIES, "top-down", f"{Twice.__module__}:Twice")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feet").mkdir()
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, "rtmpose-m-26", f"{address}/good/zip")
        pose = Pose("feet")

    assert pose.name == "feet"
    assert set(pose.estimator.sessions) == {"nanodet-416", "rtmpose-m-26"}  # type: ignore[attr-defined]
    assert "licence of these weights: Apache-2.0" in caplog.text
    bundled, fetched = pose._facts("cpu")["weights"]
    assert bundled["sha256"] == weights.network("nanodet-416").sha256
    assert fetched == {"name": "rtmpose-m-26", "file": "rtmpose-m-26.onnx", "sha256": SHA, "licence": "Apache-2.0"}


def test_an_opener_of_one_s_own_over_files(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rtm.zip").write_bytes(archive(NETWORK))

    def local(request: urllib.request.Request, limits: Limits) -> Any:
        name = request.full_url.rpartition("/")[2]
        return urllib.request.build_opener().open((tmp_path / name).as_uri())

    monkeypatch.setattr(_fetch, "opener", local)
    publish(monkeypatch, NAME, "https://maker.example/rtm.zip", sha256=SHA)

    assert weights.provide(NAME) == home / "rtmpose-t.onnx"


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_only_addresses_of_the_web_are_fetched(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, NAME, address)

    with pytest.raises(ModelError, match="expected an http or https address"):
        weights.provide(NAME)


def test_https_is_not_left_for_http() -> None:
    request = urllib.request.Request("https://maker.example/a")

    with pytest.raises(ModelError, match="from https to http"):
        _fetch._Redirects().http_error_302(request, None, 302, "Found", {"Location": "http://maker.example/a"})


@pytest.mark.parametrize(
    ("habit", "message"),
    [
        ("gone", "the server answers 404 Not Found"),
        ("cut", "bytes arrived; run the same command again to go on"),
        ("huge", "GiB is more than a weight file has"),
        ("drip", "too slow"),
        ("silent", "broke off: nothing came for 0.3 seconds"),
        ("headers-drip", "no answer: the answer's headers were not complete after 0.4 seconds"),
        ("page", "the server sends a web page .*sign-in page"),
        ("nothing", "the server sends an empty file"),
        ("moved-to-a-file", "refused to be sent on to 'file:///etc/hostname': not an address of the web"),
        ("moved-for-ever", "the server sends on and on"),
        ("too-short", "not a whole zip file"),
    ],
)
def test_a_bad_server_gets_one_sentence(habit: str, message: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/{habit}/zip")

        with pytest.raises(ModelError, match=message) as failed:
            weights.provide(NAME)

    assert "\n" not in str(failed.value)
    assert address.removeprefix("http://") in str(failed.value)
    assert "poise weights import rtmpose-t.zip" in str(failed.value)
    assert weights.cached() == []


@pytest.mark.parametrize(
    ("habit", "body", "message"),
    [
        ("too-short", NETWORK, "not a whole ONNX network"),
        ("good", NETWORK[:-100], "not a whole ONNX network"),
        ("good", archive(NETWORK), "a zip file and not the ONNX network"),
        ("good", b'{"error": "no such file"}' * 9, "JSON and not the ONNX network"),
        ("good", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer of Git LFS"),
        ("good", b"\x08\x08\x12\x07pytorch", "it has no graph"),
    ],
)
def test_what_is_no_network_is_refused(habit: str, body: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(net=body) as address:
        publish(monkeypatch, "vitpose-s", f"{address}/{habit}/net", member="")

        with pytest.raises(ModelError, match=message):
            weights.provide("vitpose-s")

    assert weights.cached() == []


def test_mirrors_are_tried_in_order_and_each_answer_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(zip=archive(NETWORK), other=archive(OTHER)) as address:
        publish(
            monkeypatch, NAME, *(f"{address}/{path}" for path in ("gone/zip", "good/other", "page/zip")), sha256=SHA
        )
        with pytest.raises(ModelError, match=r"404 Not Found; .*sha256 is .*as published.*; .*web page"):
            weights.provide(NAME)

        publish(
            monkeypatch, NAME, *(f"{address}/{path}" for path in ("gone/zip", "good/other", "moved/zip")), sha256=SHA
        )
        path = weights.provide(NAME)

    assert path.read_bytes() == NETWORK
    assert leftovers(home) == []


def test_an_interrupted_fetch_goes_on_at_the_address_where_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(NETWORK)
    with serving(zip=packed) as address:
        addresses = [f"{address}/gone/zip", f"{address}/stuck/zip"]
        publish(monkeypatch, NAME, *addresses, sha256=SHA)
        with pytest.raises(ModelError, match="broke off"):
            weights.provide(NAME)

        assert weights.provide(NAME).read_bytes() == NETWORK

    assert [path for path, _ in asked()] == ["/gone/zip", "/stuck/zip", "/stuck/zip"]
    assert asked("stuck")[-1][1] == f"bytes={len(packed) // 2}-"


def test_a_part_of_another_file_is_not_patched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its version the server knows that it is another, and where it does not, the archive's own checksum does."""
    home.mkdir(parents=True)
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip", sha256=SHA)
        for note in ('{"address": "", "version": "\\"old\\""}', "{}"):
            (home / "rtmpose-t.onnx.part").write_bytes(archive(OTHER)[:9000])
            (home / "rtmpose-t.onnx.part.json").write_text(note)

            assert weights.provide(NAME).read_bytes() == NETWORK
            (home / "rtmpose-t.onnx").unlink()


def test_offline_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_OFFLINE", "1")
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip")

        with pytest.raises(ModelError, match=r"weights pack rtmpose-t .*weights import rtmpose-t"):
            weights.provide(NAME)

    assert asked() == []


def test_a_file_that_was_changed_is_refused_at_every_load(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip")  # nobody knows its checksum: pinned at this fetch
        path = weights.provide(NAME)
        assert (home / "rtmpose-t.onnx.sha256").read_text() == f"{SHA}  rtmpose-t.onnx\n"

        path.write_bytes(OTHER)
        with pytest.raises(ModelError, match=r"as at the first fetch here.*poise weights remove rtmpose-t"):
            weights.provide(NAME)
        weights.remove(NAME)

        assert weights.provide(NAME).read_bytes() == NETWORK


def test_a_maker_who_changes_the_file_is_noticed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(zip=archive(NETWORK), new=archive(OTHER)) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip")
        weights.provide(NAME)
        weights.remove(NAME)
        publish(monkeypatch, NAME, f"{address}/good/new")

        with pytest.raises(ModelError, match=r"as at the first fetch here.*weights remove rtmpose-t --forget"):
            weights.provide(NAME)
        gone = weights.remove(NAME, forget=True)

        assert [p.name for p in gone] == ["rtmpose-t.onnx.sha256"]
        assert weights.provide(NAME).read_bytes() == OTHER


def test_a_published_checksum_counts_from_the_first_load_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(parents=True)
    (home / "rtmpose-t.onnx").write_bytes(OTHER)
    publish(monkeypatch, NAME, "https://maker.example/x.zip", sha256=SHA)

    with pytest.raises(ModelError, match="as published"):
        weights.provide(NAME)


def test_removing_what_is_not_there_is_said() -> None:
    with pytest.raises(ModelError, match="nothing of it is in"):
        weights.remove(NAME)
    with pytest.raises(ModelError, match="did you mean 'rtmpose-t'"):
        weights.remove("rtmpos-t")


@pytest.mark.parametrize("locks", [True, False])
def test_of_many_threads_one_fetches(locks: bool, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where the file system knows no locks, all do, and every file is whole."""

    def none(file: object) -> None:
        raise OSError(95, "Operation not supported")

    if not locks:
        monkeypatch.setattr(_cache, "_lock", none)
    found: list[bytes] = []
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/slowly/zip", sha256=SHA)
        threads = [threading.Thread(target=lambda: found.append(weights.provide(NAME).read_bytes())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == [NETWORK] * 4
    assert len(asked()) == (1 if locks else 4)
    assert leftovers(home) == []


CHILD = """
import sys
from poise import weights
from poise.weights import _zoo
address, sha256 = sys.argv[1:]
_zoo.tables()["rtmpose-t"] |= {"addresses": [address], "sha256": sha256, "bytes": 0}
print("ready", flush=True)
sys.stdin.readline()
print(weights.provide("rtmpose-t"), flush=True)
"""


def child(address: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", CHILD, address, SHA]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_of_two_processes_one_fetches_and_both_get_a_whole_file(home: Path) -> None:
    with serving(zip=archive(NETWORK)) as address:
        both = [child(f"{address}/slowly/zip") for _ in range(2)]
        for process in both:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        told = [process.communicate(timeout=20)[0].strip() for process in both]

    assert told == [str(home / "rtmpose-t.onnx")] * 2
    assert (home / "rtmpose-t.onnx").read_bytes() == NETWORK
    assert len(asked()) == 1


def test_a_killed_fetch_leaves_nothing_that_counts_and_no_lock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(NETWORK)
    part = home / "rtmpose-t.onnx.part"
    with serving(zip=packed) as address:
        process = child(f"{address}/stuck/zip")
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        until = time.monotonic() + 10
        while not (part.exists() and part.stat().st_size >= len(packed) // 2):
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        process.wait()

        assert not (home / "rtmpose-t.onnx").exists()
        assert weights.cached() == []
        publish(monkeypatch, NAME, f"{address}/stuck/zip", sha256=SHA)
        path = weights.provide(NAME)

    assert path.read_bytes() == NETWORK
    assert asked()[-1][1] == f"bytes={len(packed) // 2}-"
    assert leftovers(home) == []


def test_somebody_who_waits_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "_TELL_S", 0.05)
    told: list[str] = []
    target = home / "rtmpose-t.onnx"
    publish(monkeypatch, NAME, "https://maker.example/x.zip", sha256=SHA)
    with _cache.locked(target):
        waiter = threading.Thread(target=lambda: weights.provide(NAME, notice=told.append))
        waiter.start()
        until = time.monotonic() + 10
        while not told:
            assert time.monotonic() < until
            time.sleep(0.01)
        target.write_bytes(NETWORK)
    waiter.join()

    assert told == ["rtmpose-t: another process is fetching it; waiting for it"]


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "file"))

    with pytest.raises(
        ModelError, match=r"file/weights.*: cannot be written \(.*\); set POISE_HOME to a folder that can"
    ):
        weights.provide(NAME)


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_archive, "extract", full)
    with serving(zip=archive(NETWORK)) as address:
        publish(monkeypatch, NAME, f"{address}/good/zip")

        with pytest.raises(ModelError, match=r"cannot be written \(No space left on device\)"):
            weights.provide(NAME)


def test_a_network_that_is_there_needs_no_writable_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(parents=True)
    (home / "rtmpose-t.onnx").write_bytes(NETWORK)
    publish(monkeypatch, NAME, "https://maker.example/x.zip")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    monkeypatch.setattr(Path, "mkdir", read_only)

    assert weights.provide(NAME) == home / "rtmpose-t.onnx"
