from pathlib import Path

import pytest
from here import Here
from program import Program


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Program:
    """`mitogen`, called in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Program("mitogen", monkeypatch, capsys)


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What worker processes would render is rendered in this one."""
    for module in ("mitogen.rendering.parallel", "mitogen.gallery.page"):
        monkeypatch.setattr(f"{module}.Workers", Here)
