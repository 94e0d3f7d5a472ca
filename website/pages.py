"""MkDocs hooks: README as the home page, source files that pages link to, the gallery and the sample report.

Pages in docs/ link to each other and to files of the repository by relative paths, as GitHub shows them. The site has
no files outside docs/, so a linked source file becomes a page of its own.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "build" / "examples"
# Files outside docs/ that are pages of the site.
OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "sh", ".yml": "yaml"}
# What docs/examples.md says where an example was built.
SHOWN = {
    "gallery": "[Open the gallery](gallery/index.html)",
    "report": "[Open the sample report](report/index.html)",
}
# `[text](target)`, or the definition of a reference: `[name]: target` on a line of its own.
LINK = re.compile(r"(\]\(|^\[[^]\n]+\]: )([^)#\s]+)((?:#[^)\s]*)?(?:\)|$))", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages for files outside docs/, and the examples where `website/examples.py` has made them."""
    for name, uri in OUTSIDE.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    for path in sorted(set(_sources())):
        files.append(File.generated(config, _source_uri(path), content=_source_page(path)))
    for path in sorted(each for name in SHOWN for each in (EXAMPLES / name).rglob("*") if each.is_file()):
        files.append(File.generated(config, path.relative_to(EXAMPLES).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where the site has the file, and link the examples that were built."""
    for name, link in SHOWN.items():
        if (EXAMPLES / name / "index.html").exists():
            markdown = markdown.replace(f"<!-- {name} -->", link)
    if page.file.src_uri.startswith("source/"):
        return markdown
    home = _original(page.file.src_uri).parent

    def lead(match: re.Match[str]) -> str:
        uri = match[2] if "://" in match[2] else _relative(_site_uri(home / match[2]), page.file.src_uri)
        return f"{match[1]}{uri or match[2]}{match[3]}"

    return LINK.sub(lead, markdown)


def _original(uri: str) -> Path:
    """Return the file that a page of the site is made of."""
    outside = {page: name for name, page in OUTSIDE.items()}
    return ROOT / outside[uri] if uri in outside else DOCS / uri


def _site_uri(path: Path) -> str:
    """Return where the site has a file of the repository; empty where it has not."""
    path = Path(os.path.normpath(path))
    if path == DOCS or path == DOCS / "README.md":
        return "index.md"
    if path.is_relative_to(DOCS):
        return (path / "README.md" if path.is_dir() else path).relative_to(DOCS).as_posix()
    if path.is_relative_to(ROOT) and path.is_file():
        return OUTSIDE.get(path.relative_to(ROOT).as_posix(), _source_uri(path))
    return ""


def _relative(uri: str, page: str) -> str:
    return os.path.relpath(uri, Path(page).parent) if uri else ""


def _sources() -> Iterator[Path]:
    """Find the files outside docs/ that a page links to."""
    for page in [*(ROOT / name for name in OUTSIDE), *DOCS.rglob("*.md")]:
        for match in LINK.finditer(page.read_text(encoding="utf-8")):
            path = Path(os.path.normpath(page.parent / match[2]))
            if "://" not in match[2] and _site_uri(path).startswith("source/"):
                yield path


def _source_uri(path: Path) -> str:
    return f"source/{path.relative_to(ROOT).as_posix()}.md"


def _source_page(path: Path) -> str:
    language = LANGUAGES.get(path.suffix, "text")
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    return f"---\nsearch: {{exclude: true}}\nhide: [toc]\n---\n\n# {name}\n\n````{language}\n{text}````\n"
