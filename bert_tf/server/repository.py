"""The models of a server: which versions there are on disk, which are loaded, which answers a request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from tensorflow_serving.apis import get_model_status_pb2

from bert_tf.server.model_config import ServedModel
from bert_tf.server.request_error import RequestError
from bert_tf.server.servable import Servable

logger = logging.getLogger("bert_tf")

State = get_model_status_pb2.ModelVersionStatus


@dataclass
class Version:
    """State of one version, as ``GetModelStatus`` reports it."""

    state: int
    error: str = ""
    servable: Servable | None = None


class Repository:
    """Watches base paths and keeps the newest versions loaded.

    A new version is loaded, warmed up and only then put in place of the old one; a version that cannot be loaded is
    reported, and the old one goes on answering.

    Args:
        models: the models by name.
        poll_seconds: time between two looks at the directories.
        on_change: called with :meth:`ready` after every look.
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        *,
        poll_seconds: float = 1.0,
        on_change: Callable[[bool], None] = lambda ready: None,
    ) -> None:
        self._models = dict(models)
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._versions: dict[str, dict[int, Version]] = {name: {} for name in models}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model-poller", daemon=True)

    def start(self) -> None:
        """Loads what is there, then watches."""
        self.refresh()
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
        if model is None:
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {name}")
        if label not in model.labels:
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        return model.labels[label]

    def status(self, name: str, version: int | None = None) -> dict[int, Version]:
        """The states of a model's versions, newest first.

        Raises:
            RequestError: there is no such model or version.
        """
        with self._lock:
            versions = self._versions.get(name)
            chosen = (
                None
                if versions is None
                else {
                    number: state
                    for number, state in sorted(versions.items(), reverse=True)
                    if version in (None, number)
                }
            )
        if not chosen:
            wanted = name if version is None else f"{name}, version {version}"
            raise RequestError(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {wanted}")
        return chosen

    def refresh(self) -> None:
        """Looks once at the directories: loads new versions, then drops those that are no longer wanted."""
        for name, model in self._models.items():
            base = model.base_path
            on_disk = sorted(
                int(path.name)
                for path in (base.iterdir() if base.is_dir() else ())
                if path.name.isdecimal() and (path / "saved_model.pb").is_file()
            )
            wanted = model.wanted(on_disk)
            for number in wanted:
                if number not in self._versions[name]:
                    self._load(name, number, base / str(number))
            with self._lock:
                versions = self._versions[name]
                answering = [number for number in wanted if versions[number].servable is not None]
                for number, version in versions.items():
                    # The last version that answers is kept until another one does.
                    if number not in wanted and version.servable is not None and answering:
                        version.servable, version.state = None, State.END
                        logger.info("%s version %d: unloaded", name, number)
        self._on_change(self.ready())

    def _load(self, name: str, number: int, path: Path) -> None:
        with self._lock:
            self._versions[name][number] = Version(State.LOADING)
        try:
            loaded = Version(State.AVAILABLE, servable=Servable(path))
            logger.info("%s version %d: available", name, number)
        except Exception as error:  # whatever a broken model raises, the server goes on with the others
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            loaded = Version(State.END, error=f"{path} cannot be loaded: {reason}")
            logger.warning("%s version %d: %s", name, number, loaded.error)
        with self._lock:
            self._versions[name][number] = loaded

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            try:
                self.refresh()
            except OSError as error:
                logger.warning("the model directories cannot be read: %s", error)
