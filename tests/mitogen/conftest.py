from pathlib import Path

import pytest
from program import Program


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Program:
    """`mitogen`, called in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Program("mitogen", monkeypatch, capsys)
