"""The house stays one that a stranger finds their way in: small folders, short modules, few layers, few arguments."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("datasets/mitodata", "generator/mitogen", "segmentation/mitoseg", "segmentation/mitoseg_napari")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
# Not what the folder is about.
UNCOUNTED = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(text: str) -> Iterator[Function]:
    """All functions of a module that are no commands of a program: those have an argument an option."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function) and not any("click.command" in ast.unparse(each) for each in node.decorator_list):
            yield node


def arguments(function: Function) -> int:
    """How many arguments a caller has to know."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_arguments_are_counted_as_a_caller_counts_them() -> None:
    methods = "class A:\n def one(self, a, *, b=0): ...\n @classmethod\n async def two(cls, /, a, *b, **c): ..."
    assert [arguments(each) for each in functions(methods)] == [2, 1]
    assert not [*functions("@click.command()\n@click.option('-a')\ndef run(a): ...")]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_has_at_most_thirteen_entries(package: str) -> None:
    folders = {path.parent for path in MODULES if (ROOT / package) in path.parents}
    assert len(folders) > 1
    entries = {folder: {path.name for path in folder.iterdir()} - UNCOUNTED for folder in folders}
    assert not [(str(folder), len(names)) for folder, names in entries.items() if len(names) > 13]


def test_a_function_has_at_most_eight_arguments() -> None:
    counted = [(arguments(each), each.name, path.name) for path in MODULES for each in functions(path.read_text())]
    assert len(counted) > 1000
    assert not [each for each in counted if each[0] > 8]


def test_a_module_has_at_most_four_hundred_lines() -> None:
    assert not [path.name for path in MODULES if len(path.read_text().splitlines()) > 400]


def test_a_package_has_at_most_fourteen_layers_and_each_folder_has_its_place() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = {each["containers"][0]: each["layers"] for each in contracts if each["type"] == "layers"}
    assert not [package for package, lines in layers.items() if len(lines) > 14]
    for package in PACKAGES:
        name = Path(package).name
        placed = {part for line in layers[name] for part in line.split(" : ")}
        assert placed >= {path.name for path in (ROOT / package).iterdir() if (path / "__init__.py").exists()}


def test_imports_run_one_way() -> None:
    # In a process of its own: it turns off the loggers of what is loaded.
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
