"""README, docs and the site made of them: examples run, names exist, lines are short, nothing is fetched."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
# Pages that say what was measured once name modules as they were then.
GUIDE = [page for page in PAGES if not {"results", "notebook"} & set(page.parts)]
CODE = [path for folder in ("datasets", "generator", "segmentation") for path in (ROOT / folder).rglob("*.py")]


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fenced(page: Path, language: str) -> list[str]:
    """Blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def inline(page: Path) -> list[str]:
    """What stands between single backticks outside blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=300
    )


def test_the_python_example_in_the_readme_runs(tmp_path: Path) -> None:
    (example,) = fenced(ROOT / "README.md", "python")
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    done = run([sys.executable, "example.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    shape, _, rest = done.stdout.partition(") ")
    assert shape == "(1, 256, 256"
    assert int(rest.split()[0]) > 0  # mitochondria to look at
    assert (tmp_path / "small.h5").exists()


def test_the_values_in_the_example_of_metrics_are_what_it_computes() -> None:
    (example,) = fenced(ROOT / "docs" / "metrics.md", "python")
    names: dict[str, object] = {}
    compared = 0
    for line in example.splitlines():
        said = re.fullmatch(r"(metrics\..*?)  # ([\d.]+?)(?:\.\.\.)?(?: \(nm\))?", line)
        if said:
            assert str(eval(said[1], names)).startswith(said[2]), line
            compared += 1
        else:
            exec(line, names)
    assert compared == 4


def test_lines_are_short() -> None:
    """Addresses may be long; those of tables stand below them, as references."""
    pages = [*PAGES, ROOT / "CHANGELOG.md"]
    lines = [(page, *line) for page in pages for line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)]
    assert not [(title(page), number) for page, number, line in lines if len(strip_urls(line)) > 120]


def test_references_are_defined_and_used() -> None:
    assert not {title(page): wrong for page in PAGES if (wrong := loose_references(page))}


def loose_references(page: Path) -> set[str]:
    """References of a page that are named and not defined, or defined and not used."""
    text = re.sub(r"^```.*?^```|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    defined = set(re.findall(r"^\[([^]\n]+)\]: ", text, re.MULTILINE))
    named = set(re.findall(r"(?<=\]\[)[^]\n]+(?=\])", text))
    short = {name for name in defined if re.search(rf"(?<!\])\[{re.escape(name)}\](?![:\[(])", text)}
    return defined ^ (named | short)


def test_a_row_of_a_table_has_as_many_cells_as_its_header() -> None:
    assert not [(title(page), row) for page in PAGES for row in ragged(page)]


def ragged(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [row for table in tables for row in table.splitlines() if cells(row) != cells(table.splitlines()[0])]


def cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row))


def strip_urls(line: str) -> str:
    return re.sub(r"https?://[^\s)]+", "", line)


def test_scores_are_a_small_part_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    results = text.split("\n## Results\n")[1].split("\n## ")[0]
    assert len(results.split()) <= len(text.split()) / 5


def test_names_of_modules_and_files_exist() -> None:
    assert len(GUIDE) > 10
    assert not {title(page): missing for page in GUIDE if (missing := missing_names(page))}


def missing_names(page: Path) -> list[str]:
    missing = []
    for text in inline(page):
        if re.fullmatch(r"(mitodata|mitogen|mitoseg)(\.\w+)+", text) and not exists(text):
            missing.append(text)
        path = text.split("::")[0]
        if re.match(r"(benchmarks|datasets|docs|generator|segmentation|tests|website)/[\w./-]+$", path):
            missing += [path] * (not (ROOT / path).exists())
    return missing


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    home, _, rest = name.partition(".")
    found = importlib.import_module(home)
    for part in rest.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except (ModuleNotFoundError, AttributeError):
                return False
    return True


def test_pages_that_the_code_names_exist() -> None:
    named = {
        match for path in CODE for match in re.findall(r"(?<![\w/])docs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 3
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    done = run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow  # `make check` builds it anyway
def test_the_site_has_every_page(site: Path) -> None:
    pages = [page.relative_to(ROOT / "docs").with_suffix(".html") for page in DOCS]
    expected = [page.with_stem("index") if page.stem == "README" else page for page in pages]
    assert not [page for page in expected if not (site / page).exists()]
    assert "mitogen.render" in (site / "api" / "mitogen.html").read_text(encoding="utf-8")
    assert "def photograph" in strip_tags(site / "source" / "generator" / "mitogen" / "imaging" / "pipeline.py.html")


def strip_tags(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_site_fetches_nothing(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe|link|source)\b[^>]*?\b(?:src|href)=[\"']?(https?:)?//", re.IGNORECASE)
    assert not [page for page in site.rglob("*.html") if loads.search(page.read_text(encoding="utf-8"))]
    assert not [sheet for sheet in site.rglob("*.css") if re.search(r"url\([\"']?https?:|@import", sheet.read_text())]
