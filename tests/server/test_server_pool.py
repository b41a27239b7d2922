"""Workers that clients share: turns, bounds, errors, the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from poise.server.pool import Full, Pool, Stopped


@contextmanager
def held(pool: Pool) -> Iterator[None]:
    """Keep the only worker of a pool busy, so that what is submitted waits."""
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        end.wait(30)

    pool.submit("nobody", work)
    assert begun.wait(10)
    yield
    end.set()


def test_clients_take_turns_however_much_one_of_them_asks() -> None:
    pool = Pool(1, 100)
    done: list[str] = []
    with held(pool):
        greedy = pool.submit_all("greedy", [lambda i=i: done.append(f"greedy {i}") for i in range(6)])
        others = [pool.submit(who, lambda who=who: done.append(who)) for who in ("second", "third")]
        others.append(pool.submit("second", lambda: done.append("second again")))
    for future in [*greedy, *others]:
        future.result(10)
    pool.close()

    assert done[:6] == ["greedy 0", "second", "third", "greedy 1", "second again", "greedy 2"]
    assert done[6:] == ["greedy 3", "greedy 4", "greedy 5"]


def test_four_clients_that_ask_again_and_again_get_the_same_share() -> None:
    pool = Pool(2, 100)
    counts = dict.fromkeys("abcd", 0)
    end = threading.Event()

    def client(name: str) -> None:
        while not end.is_set():
            pool.submit(name, lambda: threading.Event().wait(0.002)).result(10)
            counts[name] += 1
            if sum(counts.values()) >= 400:
                end.set()

    threads = [threading.Thread(target=client, args=(name,)) for name in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    pool.close()

    assert min(counts.values()) >= 0.7 * sum(counts.values()) / 4


def test_no_more_waits_than_there_is_room_for_and_all_or_none_are_taken() -> None:
    pool = Pool(1, 3)
    with held(pool):
        pool.submit_all("a", [int, int])
        with pytest.raises(Full, match=r"the server is busy: 2 pictures wait already; try again in \d+ s") as full:
            pool.submit_all("b", [int, int])
        assert pool.waiting == 2
        pool.submit("b", int)
        with pytest.raises(Full):
            pool.submit("b", int)
        last = pool.submit("c", int, always=True)
    assert full.value.after_s >= 1
    assert last.result(10) == 0
    pool.close()


def test_an_error_is_raised_where_the_result_is_waited_for_and_the_worker_goes_on() -> None:
    pool = Pool(1, 3)
    failed = pool.submit("a", lambda: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        failed.result(10)
    assert pool.submit("a", lambda: 7).result(10) == 7
    pool.close()


def test_what_waits_at_the_end_is_given_up_and_nothing_is_taken_any_more() -> None:
    pool = Pool(1, 3)
    with held(pool):
        waiting = pool.submit("a", int)
        closing = threading.Thread(target=pool.close)
        closing.start()
        with pytest.raises(Stopped, match="the server is being stopped"):
            waiting.result(10)
    closing.join(10)
    with pytest.raises(Stopped):
        pool.submit("a", int)
    assert not pool.busy


def test_work_whose_client_went_away_is_not_done() -> None:
    pool = Pool(1, 3)
    done: list[int] = []
    with held(pool):
        gone = pool.submit("a", lambda: done.append(1))
        assert gone.cancel()
    pool.submit("a", lambda: done.append(2)).result(10)
    pool.close()

    assert done == [2]
