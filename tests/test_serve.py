"""The flags of ``serve`` that are refused before TensorFlow is imported."""

from __future__ import annotations

import pytest

from bert_tf import serve
from bert_tf.errors import UserError


@pytest.mark.parametrize(
    "flag",
    [
        *(f"--file_system_poll_wait_seconds={value}" for value in ("-1", "nan", "inf", "-inf", "1e400", "often", "")),
        *(f"--max_num_load_retries={value}" for value in ("-1", "1.5", "nan")),
        "--load_retry_interval_micros=-1",
        "--rest_api_timeout_in_ms=0",
        "--max_request_bytes=0",
        "--max_batch_size=-1",
        "--enable_serialization_as_tensor_content=perhaps",
        "--port=65536",
    ],
)
def test_flags_out_of_range(flag: str) -> None:
    with pytest.raises(UserError, match="must be"):
        serve.main(["--model_base_path", "nowhere", flag])
