"""A fuzzer of the embedded server: ``python -m tests.serving.server.fuzz --seconds 300``.

Random and grammar-made JSON, protobufs and bytes go to a server process over HTTP, gRPC and raw sockets. Every answer
must be a status within its deadline, and no 500, UNKNOWN or INTERNAL; the process must live, in bounded memory. What
fails is printed with the seed.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import predict_pb2

from tests.serving.server.embedded import Target, start_embedded
from tests.serving.server.tiny_saved_model import DTYPES, write_echo, write_version

DEADLINE = 15.0
MOST_MEMORY = 6 * 2**30

SIGNATURES = [*(f"echo_{dtype.name}" for dtype in DTYPES), "serving_default", "scalar", "batch_size", "pairs", "add"]
SIGNATURES += ["complex_out", "", "nix"]
NAMES = ["x", "n", "text", "y", "", "b64", "\0", "好"]
METHODS = [
    *(f"PredictionService/{name}" for name in ("Predict", "GetModelMetadata", "Classify", "Regress", "MultiInference")),
    "ModelService/GetModelStatus",
    "ModelService/HandleReloadConfigRequest",
]
GOOD_HTTP = {200, 400, 404, 408, 413, 429, 431, 501, 503, 504}
GOOD_GRPC = {
    code.name
    for code in grpc.StatusCode
    if code.name not in ("UNKNOWN", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED")
}
INTEGERS = [0, 1, -1, 2, 127, 128, 255, 256, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30]
SIZES = [0, 1, 2, 3, -1, -(2**63), 2**31, 2**40, 2**62, 2**63 - 1]


class Requests:
    """Makes requests.

    Args:
        seed: equal seeds make equal requests.
    """

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        choose = self.random
        alphabet = choose.choice(["ab", "好坏", "\0\n\\\"'/", "😀\u202e\ufeff", "{}[],:", "0123456789.eE+-"])
        return "".join(choose.choices(alphabet, k=choose.choice([0, 1, 3, 20, 1000])))

    def leaf(self) -> Any:
        choose = self.random
        kinds: list[Callable[[], Any]] = [
            self.text,
            lambda: choose.choice(INTEGERS),
            lambda: choose.choice([0.1, -1e30, 1e300, 1e-320, float("nan"), float("inf")]),
            lambda: choose.choice([True, False, None, {}, []]),
            lambda: {"b64": choose.choice(["", "YQ==", "YQ", "!", self.text()])},
        ]
        return choose.choice(kinds)()

    def value(self, depth: int = 0) -> Any:
        choose = self.random
        if depth > 5 or choose.random() < 0.3:
            return self.leaf()
        if choose.random() < 0.15:
            return {choose.choice(NAMES): self.value(depth + 1) for _ in range(choose.randrange(4))}
        if choose.random() < 0.6:  # a list of one kind
            return [self.leaf()] * choose.choice([0, 1, 2, 100])
        return [self.value(depth + 1) for _ in range(choose.choice([0, 1, 2, 5]))]

    def fitting(self) -> tuple[str, Any]:
        """A signature, and a batch that it takes."""
        choose = self.random
        dtype = choose.choice(DTYPES)

        def made() -> Any:
            if dtype.is_integer:
                return choose.choice([dtype.min, dtype.max, 0, 1])
            if dtype.name == "string":
                return self.text()
            return choose.random() < 0.5 if dtype.name == "bool" else choose.choice([0.5, 0, -3])

        shape = [choose.choice([0, 1, 3, 100]) for _ in range(choose.randrange(4))]

        def fill(sizes: list[int]) -> Any:
            return [fill(sizes[1:]) for _ in range(sizes[0])] if sizes else made()

        return f"echo_{dtype.name}", fill([choose.choice([1, 2, 70]), *(min(size, 3) for size in shape)])

    def body(self) -> bytes:
        choose = self.random
        if choose.random() < 0.3:
            signature, batch = self.fitting()
            key = choose.choice(["instances", "inputs"])
            body = json.dumps({"signature_name": signature, key: batch}).encode()
            return self.mutated(body) if choose.random() < 0.3 else body
        content: dict[str, Any] = {"signature_name": choose.choice([*SIGNATURES, 1, None, []])}
        if choose.random() < 0.2:
            del content["signature_name"]
        for key in choose.choices(["instances", "inputs"], k=choose.choice([0, 1, 1, 1, 1, 2])):
            content[key] = self.value()
            if choose.random() < 0.3:
                content[key] = {name: self.value(1) for name in ("x", "n", "text")}
        text = json.dumps(content, ensure_ascii=choose.random() < 0.5)
        if choose.random() < 0.1:
            depth = choose.choice([10, 64, 65, 254, 255, 256, 1000, 100_000])
            text = text.replace("[]", "[" * depth + "]" * depth, 1).replace("null", "[" * depth, 1)
        if choose.random() < 0.1:
            text = re.sub(r"\d+", choose.choice(["1e400", "9" * 5000, "01", "-", "1e", "0x1"]), text, count=1)
        body = text.encode(choose.choice(["utf-8", "utf-8", "utf-8", "utf-16", "gb18030"]), "replace")
        return self.mutated(body) if choose.random() < 0.3 else body

    def mutated(self, data: bytes) -> bytes:
        choose = self.random
        mutated = bytearray(data)
        for _ in range(choose.choice([1, 1, 3, 20])):
            position = choose.randrange(len(mutated) + 1)
            match choose.randrange(4):
                case 0:
                    del mutated[position : position + choose.choice([1, 4, 100])]
                case 1:
                    mutated[position:position] = choose.randbytes(choose.choice([1, 4, 100]))
                case 2:
                    mutated[position : position + 1] = bytes([choose.randrange(256)])
                case 3:
                    mutated[position:position] = mutated[position : position + choose.choice([1, 10, 1000])]
        return bytes(mutated)

    def path(self) -> str:
        choose = self.random
        name = choose.choice(["tiny"] * 3 + ["echo"] * 9 + ["nix", "%ff", "a%2fb", "", "tiny:x"])
        version = choose.choice(
            ["", "", "", "/versions/1", "/versions/9", f"/versions/{10**30}", "/labels/x", "/versions/"]
        )
        rest = choose.choice([":predict"] * 4 + [":classify", "/metadata", "", "/", ":"])
        return f"/v1/models/{name}{version}{rest}"

    def tensor(self) -> TensorProto:
        choose = self.random
        dtype = choose.choice([*(dtype.as_datatype_enum for dtype in DTYPES), *range(-1, 30), 107])
        proto = TensorProto(dtype=dtype)
        for _ in range(choose.choice([0, 1, 1, 1, 2, 3, 70, 300])):
            proto.tensor_shape.dim.add(size=choose.choice([1, 1, 2, 2, choose.choice(SIZES)]))
        proto.tensor_shape.unknown_rank = choose.random() < 0.05
        count = choose.choice([0, 1, 1, 2, 2, 4, 1000])
        for field in choose.sample(list(TensorProto.DESCRIPTOR.fields), choose.choice([0, 1, 1, 2])):
            if field.name.endswith("_val") and field.message_type is None and field.name != "float8_val":
                if field.cpp_type == field.CPPTYPE_STRING:
                    values: list[Any] = [choose.randbytes(choose.choice([0, 1, 50])) for _ in range(count)]
                elif field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
                    values = [choose.choice([0.5, -1e30, float("nan")])] * count
                elif field.cpp_type == field.CPPTYPE_BOOL:
                    values = [choose.random() < 0.5] * count
                else:
                    values = [choose.choice([0, 1, 127, 300, 70_000])] * count
                getattr(proto, field.name).extend(values)
            elif field.name == "tensor_content":
                proto.tensor_content = choose.randbytes(choose.choice([0, 1, 4, 8, 16, 1000]))
        return proto

    def message(self) -> bytes:
        choose = self.random
        request = predict_pb2.PredictRequest()
        request.model_spec.name = choose.choice(["tiny", "echo", "echo", "echo", "nix", ""])
        request.model_spec.signature_name = choose.choice(SIGNATURES)
        if choose.random() < 0.2:
            request.model_spec.version.value = choose.choice([1, 9, -1, 2**63 - 1])
        elif choose.random() < 0.1:
            request.model_spec.version_label = self.text()
        if choose.random() < 0.4:
            signature, batch = self.fitting()
            dtype = signature.removeprefix("echo_")
            array = np.array(batch, object if dtype == "string" else tf.as_dtype(dtype).as_numpy_dtype)
            request.model_spec.name, request.model_spec.signature_name = "echo", signature
            request.inputs["x"].CopyFrom(tf.make_tensor_proto(array, dtype))
        for name in choose.sample(NAMES[:4], choose.choice([0, 0, 1, 1, 2])):
            request.inputs[name].CopyFrom(self.tensor())
        request.output_filter.extend(choose.choices(["y", "sum", "nix"], k=choose.choice([0, 0, 0, 1, 2])))
        data = request.SerializeToString()
        if choose.random() < 0.2:
            return self.mutated(data)
        return choose.randbytes(50) if choose.random() < 0.05 else data

    def raw(self) -> bytes:
        choose = self.random
        body = self.body()
        length = choose.choice([len(body), len(body) + 10, max(0, len(body) - 10), -1, 2**70])
        framing = choose.choice(
            [f"content-length: {length}", "transfer-encoding: chunked", "x: y", "expect: 100-continue"]
        )
        head = f"{choose.choice(['GET', 'POST', 'PUT', 'X' * 100])} {self.path()} HTTP/1.{choose.choice('019')}\r\n"
        request = f"{head}host: x\r\n{framing}\r\n\r\n".encode() + body
        return self.mutated(request) if choose.random() < 0.5 else request


class Fuzzer:
    """Asks until the time is over or something fails.

    Args:
        process: the server.
        target: where it listens.
        seed: of the first thread; each has one of its own.
    """

    def __init__(self, process: subprocess.Popen[bytes], target: Target, seed: int) -> None:
        self.process, self.target, self.seed = process, target, seed
        self.counts: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []
        self.slowest = 0.0
        self._host, port = target.rest_url.removeprefix("http://").split(":")
        self._port = int(port)

    def run(self, seconds: float, threads: int) -> None:
        """Fuzzes with several threads."""
        until = time.monotonic() + seconds
        workers = [threading.Thread(target=self._work, args=(number, until)) for number in range(threads)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.2)
            if self.memory("VmRSS") > MOST_MEMORY:
                self.failures.append(f"the server holds {self.memory('VmRSS')} bytes")
        if self.process.poll() is not None:
            self.failures.append(f"the server has ended with {self.process.returncode}")

    def memory(self, field: str) -> int:
        """``VmRSS`` (now) or ``VmHWM`` (at most) of the server, in bytes."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(rf"{field}:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0

    def _work(self, number: int, until: float) -> None:
        made = Requests(f"{self.seed}/{number}")
        with (
            httpx.Client(base_url=self.target.rest_url, timeout=DEADLINE) as client,
            grpc.insecure_channel(self.target.grpc_address) as channel,
        ):
            while time.monotonic() < until and not self.failures:
                kind = made.random.choice(("http", "http", "grpc", "grpc", "raw"))
                started = time.monotonic()
                if kind == "http":
                    request: Any = (made.random.choice(["POST"] * 9 + ["GET"]), made.path(), made.body())
                    outcome, good = self._http(client, *request)
                elif kind == "grpc":
                    request = (made.random.choice(["PredictionService/Predict"] * 10 + METHODS), made.message())
                    outcome, good = self._grpc(channel, *request)
                else:
                    request = made.raw()
                    outcome, good = self._raw(request)
                took = time.monotonic() - started
                self.slowest = max(self.slowest, took)
                self.counts[f"{kind} {outcome}"] += 1
                if not good or took > DEADLINE or self.process.poll() is not None:
                    self.failures.append(
                        f"{kind}: {outcome} after {took:.1f} s, process {self.process.poll()}: {request!r}"
                    )

    def _http(self, client: httpx.Client, method: str, path: str, body: bytes) -> tuple[str, bool]:
        try:
            response = client.request(method, path, content=body)
        except httpx.RemoteProtocolError:  # a kept connection that the server had closed in between
            response = httpx.request(method, f"{self.target.rest_url}{path}", content=body, timeout=DEADLINE)
        except httpx.TransportError as error:
            return type(error).__name__, False
        good = response.status_code in GOOD_HTTP and isinstance(response.json(), dict)
        return str(response.status_code), good

    def _grpc(self, channel: grpc.Channel, method: str, message: bytes) -> tuple[str, bool]:
        try:
            channel.unary_unary(f"/tensorflow.serving.{method}")(message, timeout=DEADLINE)
        except grpc.RpcError as error:
            return error.code().name, error.code().name in GOOD_GRPC
        return "OK", True

    def _raw(self, request: bytes) -> tuple[str, bool]:
        with socket.create_connection((self._host, self._port), DEADLINE) as connection:
            try:
                connection.sendall(request)
                answer = connection.recv(12)
            except ConnectionError:
                return "closed", True
            except TimeoutError:
                return "no answer", False
        status = answer[9:12].decode("ascii", "replace")
        return status or "closed", not status or answer.startswith(b"HTTP/1.1 100") or int(status) in GOOD_HTTP


def main(argv: Sequence[str]) -> int:
    """Runs the fuzzer and prints what came of it; 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.serving.server.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--threads", type=int, default=4)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        write_version(Path(folder) / "tiny", 1)
        write_echo(Path(folder) / "echo")
        config = Path(folder) / "models.config"
        config.write_text(
            "model_config_list {"
            + "".join(f'config {{ name: "{name}" base_path: "{folder}/{name}" }}' for name in ("tiny", "echo"))
            + "}"
        )
        process, target = start_embedded(
            f"--model_config_file={config}", "--rest_api_timeout_in_ms=10000", "--client_timeout_in_ms=2000"
        )
        fuzzer = Fuzzer(process, target, arguments.seed)
        try:
            fuzzer.run(arguments.seconds, arguments.threads)
            largest = fuzzer.memory("VmHWM")
        finally:
            process.kill()
            process.wait()
    for outcome, count in sorted(fuzzer.counts.items()):
        print(f"{count:8d}  {outcome}")
    print(
        f"seed {arguments.seed}: {sum(fuzzer.counts.values())} requests in {arguments.seconds:g} s, slowest "
        f"{fuzzer.slowest:.2f} s, memory at most {largest / 2**20:.0f} MiB, {len(fuzzer.failures)} failures"
    )
    for failure in fuzzer.failures:
        print(failure[:5000])
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
