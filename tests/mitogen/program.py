"""`mitogen` as a user calls it, in this process."""

import sys

import pytest

from mitogen.cli.main import main


class Program:
    """Calls `mitogen` in this process; returns exit code, output and errors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["mitogen", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        output, errors = self.capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, output, errors

    def fails(self, *arguments: str) -> str:
        """Check that it ends with code 2 and one line, and return the line."""
        code, _, errors = self(*arguments)
        assert code == 2
        assert errors.startswith("Error: ")
        assert errors.count("\n") == 1
        return errors
