"""`mitogen` and `mitoseg` as a user calls them, in this process."""

import importlib
import sys

import pytest


class Program:
    """Calls a program in this process; returns exit code, output and errors."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.name, self.monkeypatch, self.capsys = name, monkeypatch, capsys
        self.main = importlib.import_module(f"{name}.cli.main").main

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", [self.name, *map(str, arguments)])
        # As an installed program runs: click would call it `python -m pytest` otherwise.
        self.monkeypatch.setattr(sys.modules["__main__"], "__package__", None)
        with pytest.raises(SystemExit) as caught:
            self.main()
        output, errors = self.capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return caught.value.code, output, errors

    def fails(self, *arguments: object) -> str:
        """Check that it ends with code 2 and one line, and return the line."""
        code, _, errors = self(*arguments)
        assert code == 2
        assert errors.startswith("Error: ")
        assert errors.count("\n") == 1
        return errors
