"""``python -m bert_tf.serve``: the embedded model server, with tensorflow_model_server's flags."""

from __future__ import annotations

import argparse
import math
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bert_tf import command_line
from bert_tf.errors import UserError

if TYPE_CHECKING:
    from bert_tf.serving.server.limits import Limits
    from bert_tf.serving.server.model_config import ServedModel

EXAMPLES = """\
  python -m bert_tf.serve --model_name sentiment --model_base_path exported/sentiment --port 8500 --rest_api_port 8501
  curl -d '{"instances": ["这本书很差。"]}' http://localhost:8501/v1/models/sentiment:predict"""


def main(argv: Sequence[str]) -> None:
    """Serves until Ctrl-C or SIGTERM, then lets running requests finish."""
    arguments = _parser().parse_args(argv)
    command_line.start_logging(arguments.quiet)
    if (arguments.model_base_path is None) == (arguments.model_config_file is None):
        raise UserError("Give either --model_base_path or --model_config_file.")
    for flag in ("port", "rest_api_port"):
        if not 0 <= getattr(arguments, flag) < 2**16:
            raise UserError(f"--{flag} must be from 0 to 65535, not {getattr(arguments, flag)}.")

    from bert_tf.serving.server import ModelServer
    from bert_tf.serving.server.repository import Retries

    server = ModelServer(
        _models(arguments),
        port=arguments.port,
        rest_api_port=arguments.rest_api_port,
        host=arguments.host,
        poll_seconds=arguments.file_system_poll_wait_seconds,
        retries=Retries(arguments.max_num_load_retries, arguments.load_retry_interval_micros / 1e6),
        limits=_limits(arguments),
        enable_serialization_as_tensor_content=arguments.enable_serialization_as_tensor_content,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        print(
            f"serving gRPC on {arguments.host}:{server.port}, REST on {arguments.host}:{server.rest_api_port}",
            flush=True,
        )
        stop.wait()


def _parser() -> command_line.ArgumentParser:
    parser = command_line.ArgumentParser(
        command="serve", description="Serve exported models over gRPC and REST.", examples=EXAMPLES
    )
    add = parser.add_argument
    add("--model_name", default="default", help="name that clients ask for [default]")
    add("--model_base_path", metavar="DIR", help="directory that holds the version directories")
    add("--model_config_file", metavar="FILE", help="models.config of TF Serving, for several models")
    add("--port", type=int, default=8500, metavar="N", help="gRPC port, 0: a free one [8500]")
    add("--rest_api_port", type=int, default=8501, metavar="N", help="REST port, 0: a free one [8501]")
    add("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    add("--versions_kept", type=command_line.positive, default=1, metavar="N", help="newest versions served [1]")
    add(
        "--file_system_poll_wait_seconds",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="look for new versions every S seconds, 0: once [1]",
    )
    add(
        "--max_num_load_retries",
        type=command_line.not_negative,
        default=5,
        metavar="N",
        help="further attempts to load a version that could not be loaded [5]",
    )
    add(
        "--load_retry_interval_micros",
        type=command_line.not_negative,
        default=60_000_000,
        metavar="N",
        help="microseconds between them [60000000]",
    )
    add(
        "--enable_serialization_as_tensor_content",
        type=_boolean,
        nargs="?",
        const=True,
        default=False,
        metavar="true|false",
        help="numeric gRPC outputs as tensor_content [false]",
    )
    _add_limits(parser.add_argument_group("limits"))
    return parser


def _add_limits(limits: argparse._ArgumentGroup) -> None:
    count, positive = command_line.not_negative, command_line.positive
    limits.add_argument(
        "--rest_api_timeout_in_ms",
        type=positive,
        default=30_000,
        metavar="N",
        help="a REST prediction that takes longer is answered with 504 [30000]",
    )
    limits.add_argument(
        "--client_timeout_in_ms",
        type=positive,
        default=30_000,
        metavar="N",
        help="a client that sends a request, or reads an answer, for longer is cut off [30000]",
    )
    for flag, default, text in (
        ("max_request_bytes", 64 * 2**20, "largest request"),
        ("max_rows", 100_000, "most rows of a request"),
        ("max_string_bytes", 4 * 2**20, "longest string of an input"),
        ("max_json_values", 4_000_000, "most values of a JSON body"),
        ("max_queued_requests", 256, "predictions that wait or run; one more is answered with 429, RESOURCE_EXHAUSTED"),
        ("max_queued_bytes", 256 * 2**20, "bytes of all requests at a time"),
    ):
        limits.add_argument(f"--{flag}", type=positive, default=default, metavar="N", help=f"{text} [{default}]")
    limits.add_argument(
        "--max_batch_size",
        type=count,
        default=64,
        metavar="N",
        help="rows of a request that the model gets at a time, 0: all [64]",
    )
    limits.add_argument(
        "--prediction_threads",
        type=positive,
        metavar="N",
        help="batches that run at a time [number of cores, at least 2]",
    )


def _models(arguments: argparse.Namespace) -> dict[str, ServedModel]:
    from bert_tf.serving.server.model_config import ServedModel, read_model_config

    if arguments.model_config_file:
        return read_model_config(Path(arguments.model_config_file))
    return {arguments.model_name: ServedModel(Path(arguments.model_base_path), newest=arguments.versions_kept)}


def _limits(arguments: argparse.Namespace) -> Limits:
    from bert_tf.serving.server.limits import Limits

    threads = {} if arguments.prediction_threads is None else {"threads": arguments.prediction_threads}
    return Limits(
        max_request_bytes=arguments.max_request_bytes,
        max_rows=arguments.max_rows,
        max_string_bytes=arguments.max_string_bytes,
        max_json_values=arguments.max_json_values,
        max_batch_size=arguments.max_batch_size,
        max_queued_requests=arguments.max_queued_requests,
        max_queued_bytes=arguments.max_queued_bytes,
        rest_timeout_seconds=arguments.rest_api_timeout_in_ms / 1000,
        client_timeout_seconds=arguments.client_timeout_in_ms / 1000,
        **threads,
    )


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}") from None
    if not 0 <= number <= threading.TIMEOUT_MAX or math.isnan(number):
        raise argparse.ArgumentTypeError(f"must be a number of seconds of 0 or more, not {text}")
    return number


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"must be true or false, not {text!r}")
    return known[text.lower()]


if __name__ == "__main__":
    command_line.run(main)
