"""Who comes first, who is refused, and that a request that fails or is given up leaves the thread to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future

import grpc
import pytest

from bert_tf.serving.server.request_error import RequestError
from bert_tf.serving.server.work_queue import Steps, WorkQueue

WAIT = 20


@pytest.fixture
def queue() -> Iterator[WorkQueue]:
    made = WorkQueue(threads=1, max_jobs=5)
    yield made
    made.close()


class Gate:
    """A request that holds the only thread until it is opened."""

    def __init__(self, queue: WorkQueue) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.future = queue.submit(self._steps(), 1)
        assert self.entered.wait(WAIT)

    def _steps(self) -> Steps[str]:
        self.entered.set()
        assert self.opened.wait(WAIT)
        return "gate"
        yield 0

    def open(self) -> None:
        self.opened.set()
        assert self.future.result(WAIT) == "gate"


def noting(name: str, steps: int, log: list[str]) -> Steps[str]:
    for left in reversed(range(steps)):
        log.append(name)
        if left:
            yield left
    return name


def test_short_requests_pass_long_ones(queue: WorkQueue) -> None:
    log: list[str] = []
    gate = Gate(queue)
    long = queue.submit(noting("long", 50, log), 10_000_000)
    short = queue.submit(noting("short", 1, log), 10)
    gate.open()
    assert (short.result(WAIT), long.result(WAIT)) == ("short", "long")
    assert log == ["short"] + ["long"] * 50


def test_a_short_request_that_comes_later_passes_a_running_long_one(queue: WorkQueue) -> None:
    log: list[str] = []
    arrived: list[Future[str]] = []

    def steps() -> Steps[str]:
        for left in reversed(range(20)):
            log.append("long")
            if left == 10:
                arrived.append(queue.submit(noting("short", 1, log), 10))
            if left:
                yield left
        return "long"

    assert queue.submit(steps(), 10).result(WAIT) == "long"
    assert arrived[0].result(WAIT) == "short"
    assert log.index("short") <= 12


def test_long_requests_move_on_however_many_short_ones_arrive(queue: WorkQueue) -> None:
    log: list[str] = []
    last: list[Future[str]] = []

    def short(number: int) -> Steps[str]:
        log.append("short")
        if number:
            last.append(queue.submit(short(number - 1), 1))
        return "short"
        yield 0

    gate = Gate(queue)
    long = queue.submit(noting("long", 10, log), 10_000_000)
    queue.submit(short(200), 1)
    gate.open()
    assert long.result(WAIT) == "long"
    while len(last) < 200:
        last[-1].result(WAIT)
    last_of_long = len(log) - 1 - log[::-1].index("long")
    assert log[:last_of_long].count("short") <= 40


def test_more_than_the_bound_is_refused(queue: WorkQueue) -> None:
    gate = Gate(queue)
    waiting = [queue.submit(noting("a", 1, []), 1) for _ in range(4)]
    with pytest.raises(RequestError) as caught:
        queue.submit(noting("b", 1, []), 1)
    assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.http_status == 429
    gate.open()
    assert [future.result(WAIT) for future in waiting] == ["a"] * 4
    assert queue.submit(noting("b", 1, []), 1).result(WAIT) == "b"


@pytest.mark.parametrize("error", [ValueError("broken"), MemoryError(), RequestError(grpc.StatusCode.ABORTED, "")])
def test_a_request_that_fails_leaves_the_thread_to_the_next(queue: WorkQueue, error: Exception) -> None:
    def steps() -> Steps[str]:
        yield 1
        raise error

    for _ in range(10):  # more than may wait: those that failed are not counted for ever
        with pytest.raises(type(error)):
            queue.submit(steps(), 1).result(WAIT)


def test_a_request_that_is_given_up_is_dropped_between_its_steps(queue: WorkQueue) -> None:
    closed = threading.Event()
    reached, go_on = threading.Event(), threading.Event()

    def steps() -> Steps[str]:
        try:
            reached.set()
            assert go_on.wait(WAIT)
            yield 1
            raise AssertionError("one step too many")
        finally:
            closed.set()

    future = queue.submit(steps(), 1)
    assert reached.wait(WAIT)
    assert future.cancel()
    go_on.set()
    assert closed.wait(WAIT)
    with pytest.raises(CancelledError):
        future.result(0)
    assert queue.submit(noting("next", 1, []), 1).result(WAIT) == "next"


def _admitted(queue: WorkQueue, steps: Callable[[], Steps[str]]) -> Future[str] | None:
    try:
        return queue.submit(steps(), 10_000_000)
    except RequestError:
        return None


def test_requests_that_were_given_up_free_their_places_first(queue: WorkQueue) -> None:
    log: list[str] = []
    gate = Gate(queue)
    given_up = [queue.submit(noting("given up", 1, log), 10_000_000) for _ in range(4)]
    assert all(future.cancel() for future in given_up)

    def steps() -> Steps[str]:
        for _ in range(4):  # every place but this request's own is free again
            queue.submit(noting("later", 1, log), 1)
        return "first"
        yield 0

    gate.opened.set()
    while (first := _admitted(queue, steps)) is None:  # the gate's own place is free a moment after it opens
        pass
    assert first.result(WAIT) == "first"
    assert "given up" not in log


def test_closing_gives_up_what_waits(queue: WorkQueue) -> None:
    gate = Gate(queue)
    waiting = queue.submit(noting("a", 1, []), 1)
    queue.close()
    with pytest.raises(CancelledError):
        waiting.result(WAIT)
    with pytest.raises(RequestError):
        queue.submit(noting("b", 1, []), 1)
    gate.open()
