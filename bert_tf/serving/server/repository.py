"""The models of a server: which versions are loaded, which answers a request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from tensorflow_serving.apis import get_model_status_pb2

from bert_tf.errors import UserError, first_line
from bert_tf.serving.server.model_config import ServedModel
from bert_tf.serving.server.request_error import RequestError, invalid
from bert_tf.serving.server.servable import Servable
from bert_tf.serving.server.versions import find_versions, fingerprint

logger = logging.getLogger("bert_tf")

State = get_model_status_pb2.ModelVersionStatus


@dataclass
class Version:
    """State of one version, as ``GetModelStatus`` reports it.

    Attributes:
        state: of the protocol.
        error: why it could not be loaded.
        servable: the model, while it answers.
        attempts: failed loads of the folder as it is.
        next_attempt: when it may be tried again, on the monotonic clock.
        files: fingerprint of the folder that could not be loaded.
    """

    state: int
    error: str = ""
    servable: Servable | None = None
    attempts: int = 0
    next_attempt: float = 0.0
    files: frozenset[tuple[str, int, int]] = frozenset()


@dataclass(frozen=True)
class Retries:
    """When a version that could not be loaded is tried again, unless its folder changes before.

    Attributes:
        most: further attempts.
        interval_seconds: time between two of them.
    """

    most: int = 5
    interval_seconds: float = 60.0


class Repository:
    """Watches base paths and keeps the wanted versions loaded.

    A new version is loaded, warmed up and only then put in place of the old one; a version that cannot be loaded is
    reported and tried again later, and the old one goes on answering. A base path that is gone or cannot be read
    leaves everything as it is.

    Args:
        models: the models by name.
        poll_seconds: time between two looks at the directories; 0: look once.
        retries: of versions that cannot be loaded.
        on_change: called with :meth:`ready` after every look.
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        *,
        poll_seconds: float = 1.0,
        retries: Retries | None = None,
        on_change: Callable[[bool], None] = lambda ready: None,
    ) -> None:
        self._models = dict(models)
        self._poll_seconds = poll_seconds
        self._retries = retries or Retries()
        self._on_change = on_change
        self._versions: dict[str, dict[int, Version]] = {name: {} for name in models}
        self._troubles: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model-poller", daemon=True)

    def start(self) -> None:
        """Loads what is there, then watches.

        Raises:
            UserError: no base path of any model can be read.
        """
        self.refresh()
        if self._models and len(self._troubles) == len(self._models):
            raise UserError(next(iter(self._troubles.values())))
        if self._poll_seconds > 0:
            self._thread.start()

    def close(self) -> None:
        """Stops watching."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        with self._lock:
            return all(any(v.servable for v in versions.values()) for versions in self._versions.values())

    def find(self, name: str, version: int | None = None) -> tuple[int, Servable]:
        """The version that answers a request: the given one, or the newest.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            loaded = {n: v.servable for n, v in self._versions.get(name, {}).items() if v.servable is not None}
        number = version if version is not None else max(loaded, default=None)
        if number is None or number not in loaded:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
        return number, loaded[number]

    def version_of_label(self, name: str, label: str) -> int:
        """The version that a label such as ``stable`` stands for.

        Raises:
            RequestError: there is no such model or label.
        """
        model = self._models.get(name)
        if model is None or label not in model.labels:
            raise invalid(f"Unrecognized servable version label: {label[:200]}")
        return model.labels[label]

    def status(self, name: str, version: int | None = None) -> dict[int, Version]:
        """The states of a model's versions, newest first.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            versions = dict(sorted(self._versions.get(name, {}).items(), reverse=True))
        if version is None and versions:
            return versions
        if version is not None and version in versions:
            return {version: versions[version]}
        wanted = "any versions" if version is None else f"version {version}"
        raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find {wanted} of model {name}")

    def refresh(self) -> None:
        """Looks once at the directories: loads wanted versions, then drops those that are no longer wanted."""
        for name, model in self._models.items():
            try:
                found = find_versions(model.base_path)
            except OSError as error:
                self._report_trouble(
                    name, f"--model_base_path {model.base_path}: cannot be read ({error.strerror}; model {name})."
                )
                continue
            if self._troubles.pop(name, None):
                logger.info("%s: %s can be read again", name, model.base_path)
            self._follow(name, found, model.wanted(list(found)))
        self._on_change(self.ready())

    def _report_trouble(self, name: str, message: str) -> None:
        if self._troubles.get(name) != message:
            self._troubles[name] = message
            logger.warning("%s", message)

    def _follow(self, name: str, found: Mapping[int, Path], wanted: list[int]) -> None:
        for number in wanted:
            self._load_if_due(name, number, found[number])
        with self._lock:
            versions = self._versions[name]
            # The last version that answers is kept until another one does, or until there is none on disk.
            replaced = not wanted or any(versions[number].servable for number in wanted)
            for number, version in versions.items():
                if number not in wanted and version.servable is not None and replaced:
                    versions[number] = Version(State.END)
                    logger.info("%s version %d: unloaded", name, number)

    def _load_if_due(self, name: str, number: int, path: Path) -> None:
        before = self._versions[name].get(number)
        if before is not None and before.servable is not None:
            return
        attempts = 0
        if before is not None and before.error:
            changed = fingerprint(path) != before.files
            due = before.attempts <= self._retries.most and time.monotonic() >= before.next_attempt
            if not changed and not due:
                return
            attempts = 0 if changed else before.attempts
        self._load(name, number, path, attempts)

    def _load(self, name: str, number: int, path: Path, attempts: int) -> None:
        with self._lock:
            self._versions[name][number] = Version(State.LOADING)
        files = fingerprint(path)
        try:
            loaded = Version(State.AVAILABLE, servable=Servable(path))
            logger.info("%s version %d: available", name, number)
        except Exception as error:  # whatever a broken model raises, the server goes on with the others
            loaded = Version(
                State.END,
                error=f"{path} cannot be loaded: {first_line(error)}",
                attempts=attempts + 1,
                next_attempt=time.monotonic() + self._retries.interval_seconds,
                files=files,
            )
            logger.warning("%s version %d: %s", name, number, loaded.error)
        with self._lock:
            self._versions[name][number] = loaded

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            try:
                self.refresh()
            except Exception:  # the next look may go better, and the loaded versions go on answering
                logger.exception("looking for new versions failed")
