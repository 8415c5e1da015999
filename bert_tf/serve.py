"""``python -m bert_tf.serve``: the embedded model server, with tensorflow_model_server's flags."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from bert_tf import command_line
from bert_tf.errors import UserError

EXAMPLES = """\
  python -m bert_tf.serve --model_name sentiment --model_base_path exported/sentiment --port 8500 --rest_api_port 8501
  curl -d '{"instances": ["这本书很差。"]}' http://localhost:8501/v1/models/sentiment:predict"""


def main(argv: Sequence[str]) -> None:
    """Serves until Ctrl-C or SIGTERM, then lets running requests finish."""
    parser = command_line.ArgumentParser(
        command="serve", description="Serve exported models over gRPC and REST.", examples=EXAMPLES
    )
    parser.add_argument("--model_name", default="default", help="name that clients ask for [default]")
    parser.add_argument("--model_base_path", metavar="DIR", help="directory that holds the version directories")
    parser.add_argument("--model_config_file", metavar="FILE", help="models.config of TF Serving, for several models")
    parser.add_argument("--port", type=int, default=8500, metavar="N", help="gRPC port, 0: a free one [8500]")
    parser.add_argument("--rest_api_port", type=int, default=8501, metavar="N", help="REST port, 0: a free one [8501]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument(
        "--versions_kept", type=command_line.positive, default=1, metavar="N", help="newest versions served [1]"
    )
    parser.add_argument(
        "--file_system_poll_wait_seconds", type=float, default=1.0, metavar="S", help="look for new versions [1]"
    )
    arguments = parser.parse_args(argv)
    command_line.start_logging(arguments.quiet)
    if (arguments.model_base_path is None) == (arguments.model_config_file is None):
        raise UserError("Give either --model_base_path or --model_config_file.")
    for flag in ("port", "rest_api_port"):
        if not 0 <= getattr(arguments, flag) < 2**16:
            raise UserError(f"--{flag} must be from 0 to 65535, not {getattr(arguments, flag)}.")

    from bert_tf.server import ModelServer
    from bert_tf.server.model_config import ServedModel, read_model_config

    models = (
        read_model_config(Path(arguments.model_config_file))
        if arguments.model_config_file
        else {arguments.model_name: ServedModel(Path(arguments.model_base_path), newest=arguments.versions_kept)}
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ModelServer(
        models,
        port=arguments.port,
        rest_api_port=arguments.rest_api_port,
        host=arguments.host,
        poll_seconds=arguments.file_system_poll_wait_seconds,
    ) as server:
        print(
            f"serving gRPC on {arguments.host}:{server.port}, REST on {arguments.host}:{server.rest_api_port}",
            flush=True,
        )
        stop.wait()


if __name__ == "__main__":
    command_line.run(main)
