"""Predictions in small steps on a few threads: short requests pass long ones, and none waits for ever."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, TypeVar

from bert_tf.serving.server.request_error import exhausted

logger = logging.getLogger("bert_tf")

Result = TypeVar("Result")

# A request in steps: each ``next`` does one and yields how many are left; the value returned is the answer.
Steps = Generator[int, None, Result]

# Of so many steps one is of the request that came first, the others of those that have least left to do: a short
# request passes all the long ones, and these still move on whatever arrives.
_TURNS = 4
# How many bytes of a request are taken for one step until it is read: a batch of short texts.
_BYTES_PER_STEP = 2**13


@dataclass(eq=False)
class _Job:
    number: int
    left: int
    steps: Steps[Any]
    future: Future[Any]


class WorkQueue:
    """Runs requests step by step, mostly those that have least left to do.

    Args:
        threads: steps that run at a time.
        max_jobs: requests that wait or run at a time.
    """

    def __init__(self, threads: int, max_jobs: int) -> None:
        self._max_jobs = max_jobs
        self._jobs = 0
        self._number = 0
        self._turn = 0
        self._waiting: list[_Job] = []
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
        with self._changed:
            if self._closed or self._jobs >= self._max_jobs:
                raise exhausted(f"The server has {self._jobs} requests to answer and takes no more. Try again later.")
            self._jobs += 1
            self._number += 1
            self._waiting.append(_Job(self._number, 1 + size // _BYTES_PER_STEP, steps, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Ends the threads once their steps are done, and cancels what waits."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, []
            self._changed.notify_all()
        for job in waiting:
            job.future.cancel()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._next()
            self._step(job)

    def _next(self) -> _Job:
        self._turn = (self._turn + 1) % _TURNS
        # Those that nobody waits for come before all: dropping them takes no time and frees their places.
        first = min(
            self._waiting, key=lambda job: (not job.future.cancelled(), job.left if self._turn else 0, job.number)
        )
        self._waiting.remove(first)
        return first

    def _step(self, job: _Job) -> None:
        try:
            if not job.future.cancelled():
                job.left = next(job.steps)
                with self._changed:
                    if not self._closed:
                        self._waiting.append(job)
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
