"""benchmarks/steps.py: what is finished is not repeated, what was stopped goes on, what is out of date starts over."""

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from mitoseg.networks.checkpoint import save_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module, in an empty working folder."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.chdir(tmp_path)
    return importlib.import_module("steps")


def append(target: str, text: str) -> tuple[str, ...]:
    """A command that adds `text` to a file."""
    return ("python", "-c", f"open({target!r}, 'a').write({text!r})")


def test_finished_steps_are_not_repeated(steps: ModuleType) -> None:
    step = steps.Step(append("a", "x"), Path("a"), Path("a"))
    for _ in range(2):
        steps.Steps(Path()).run(step)
    assert Path("a").read_text() == "x"


def test_another_command_starts_over_with_all_that_follows(steps: ModuleType) -> None:
    for text in "xy":
        first = steps.Step(append("a", text), Path("a"), Path("a"))
        second = steps.Step(append("b", "z"), Path("b"), Path("b"), after=(first,))
        run = steps.Steps(Path())
        run.run(first)
        Path("b").write_text("from before")
        run.run(second)
        assert Path("a").read_text() == text
        assert Path("b").read_text() == "z"


def test_a_file_that_is_there_starts_over_what_reads_it_when_it_changes(steps: ModuleType) -> None:
    Path("a").write_text("x")
    for text in ("x", "longer"):
        Path("a").write_text(text)
        given = steps.Step((), Path("a"), Path("a"))
        second = steps.Step(append("b", "z"), Path("b"), Path("b"), after=(given,))
        steps.Steps(Path()).run(second)
        assert Path("b").read_text() == "z"
        Path("b").write_text("from before")


def test_stopped_step_goes_on(steps: ModuleType) -> None:
    place = Path("run")
    start = ("python", "-c", "import os, sys; os.mkdir('run'); open('run/last', 'w'); sys.exit(130)")
    step = steps.Step(start, place / "done", place, resume=append("run/done", "resumed"), partial=place / "last")
    with pytest.raises(SystemExit) as stopped:
        steps.Steps(Path()).run(step)
    assert stopped.value.code == 130
    steps.Steps(Path()).run(step)
    assert (place / "done").read_text() == "resumed"


def test_a_fit_that_was_stopped_after_a_validation_goes_on(steps: ModuleType) -> None:
    pipeline = importlib.import_module("pipeline")
    data = steps.Step(("python", "-c", ""), Path(), Path())
    fitted = pipeline.fit(Path("run"), [data], data, "1")
    for finished in (False, True):
        save_checkpoint(Path(f"{finished}.pt"), {"finished": finished})
    save = (
        "import sys, shutil, pathlib as p; p.Path('run').mkdir(exist_ok=True); p.Path('run/validation.png').touch(); "
    )
    save += "shutil.copy('%s.pt', 'run/last.pt'); sys.exit(%s)"
    fitted = replace(fitted, command=("python", "-c", save % (False, 130)), resume=("python", "-c", save % (True, 0)))
    with pytest.raises(SystemExit):
        steps.Steps(Path()).run(fitted)
    assert not pipeline.is_finished(Path("run/last.pt"))
    steps.Steps(Path()).run(fitted)
    assert pipeline.is_finished(Path("run/last.pt"))


def test_failure_keeps_its_exit_code(steps: ModuleType) -> None:
    step = steps.Step(("python", "-c", "import sys; sys.exit(2)"), Path("a"), Path("a"))
    with pytest.raises(SystemExit) as failed:
        steps.Steps(Path()).run(step)
    assert failed.value.code == 2


def test_what_was_printed_is_kept_and_shown_again(steps: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    command = ("python", "-c", "import os; os.mkdir('report'); print('the table')")
    step = steps.Step(command, Path("report/table.txt"), Path("report"), keep_output=True)
    for _ in range(2):
        steps.Steps(Path()).run(step)
        assert "\nthe table\n" in capfd.readouterr().out


def test_pages_have_short_lines_but_for_tables_and_code(steps: ModuleType) -> None:
    prose, row, command = "- " + "word " * 40, "| " + "cell | " * 40, "mitogen " + "x" * 150
    steps.write_page(Path("page.md"), f"{prose}\n\n{row}\n\n```\n{command}\n```\n")
    first, second, _, table, _, fence, code, *_ = Path("page.md").read_text().split("\n")
    assert len(first) <= 120
    assert second.startswith("  word")
    assert (table, fence, code) == (row, "```", command)


def test_notes_on_a_page_outlive_its_next_writing(steps: ModuleType) -> None:
    page = Path("page.md")
    steps.write_page(page, "# Speed\n\n| 1 |\n")
    assert page.read_text() == "# Speed\n\n| 1 |\n"
    page.write_text(page.read_text() + "\n## Notes\n\nThe machine was busy.\n\n## Notes on notes\n")
    steps.write_page(page, "# Speed\n\n| 2 |\n\n")
    assert page.read_text() == "# Speed\n\n| 2 |\n\n## Notes\n\nThe machine was busy.\n\n## Notes on notes\n"
