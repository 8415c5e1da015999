"""Half a minute of the fuzzer with a new seed; ``python -m tests.serving.server.fuzz`` runs it for longer."""

from __future__ import annotations

import pytest

from tests.serving.server import fuzz


@pytest.mark.slow
def test_the_server_survives_half_a_minute_of_fuzzing(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--seconds", "30"]) == 0, capsys.readouterr().out
