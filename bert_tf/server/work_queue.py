"""Predictions in small steps on a few threads: short requests pass long ones, and none waits for ever."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bert_tf.server.request_error import exhausted

logger = logging.getLogger("bert_tf")

Result = TypeVar("Result")

# A request in steps: each ``next`` does one and yields how many are left; the value returned is the answer.
Steps = Generator[int, None, Result]

# A request of n steps gives way to what arrives within the next n times so many seconds. A request of one step passes
# every long one that is running; a long one is passed only for so long, whatever arrives.
_SECONDS_PER_STEP = 0.5
# How many bytes of a request are taken for one step until it is read.
_BYTES_PER_STEP = 2**16


@dataclass(order=True)
class _Job:
    due: float
    number: int
    arrived: float = field(compare=False)
    steps: Steps[Any] = field(compare=False)
    future: Future[Any] = field(compare=False)


class WorkQueue:
    """Runs requests step by step, those first that have little left to do.

    Args:
        threads: steps that run at a time.
        max_jobs: requests that wait or run at a time.
    """

    def __init__(self, threads: int, max_jobs: int) -> None:
        self._max_jobs = max_jobs
        self._jobs = 0
        self._number = 0
        self._heap: list[_Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"prediction-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, steps: Steps[Result], size: int) -> Future[Result]:
        """Queues a request; its future may be cancelled at any time, which drops the steps that are left.

        Args:
            steps: the request.
            size: bytes of the request, by which its length is guessed at first.

        Raises:
            RequestError: too many requests are waiting.
        """
        future: Future[Result] = Future()
        now = time.monotonic()
        with self._changed:
            if self._closed or self._jobs >= self._max_jobs:
                raise exhausted(f"The server has {self._jobs} requests to answer and takes no more. Try again later.")
            self._jobs += 1
            self._number += 1
            due = now + (1 + size // _BYTES_PER_STEP) * _SECONDS_PER_STEP
            heapq.heappush(self._heap, _Job(due, self._number, now, steps, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Ends the threads once their steps are done, and cancels what waits."""
        with self._changed:
            self._closed = True
            waiting, self._heap = self._heap, []
            self._changed.notify_all()
        for job in waiting:
            job.future.cancel()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._heap and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = heapq.heappop(self._heap)
            self._step(job)

    def _step(self, job: _Job) -> None:
        try:
            if not job.future.cancelled():
                left = next(job.steps)
                job.due = job.arrived + left * _SECONDS_PER_STEP
                with self._changed:
                    if not self._closed:
                        heapq.heappush(self._heap, job)
                        self._changed.notify()
                        return
            job.steps.close()
            job.future.cancel()
        except StopIteration as end:
            _settle(job.future, end.value, None)
        except BaseException as error:  # whatever a model raises, the thread goes on with the next request
            _settle(job.future, None, error)
        with self._changed:
            self._jobs -= 1


def _settle(future: Future[Any], result: Any, error: BaseException | None) -> None:
    try:
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
    except InvalidStateError:  # nobody waits any more
        pass
