"""The card of a dataset file as the Hugging Face hub takes it: facts in YAML, then what a reader needs to know.

Fields: https://huggingface.co/docs/hub/datasets-cards
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from mitodata.hdf5.checks import describe
from mitodata.hdf5.layout import Provenance

WIDTH = 120
"""Longest line of prose."""

_IDENTIFIERS = {
    "CC0": "cc0-1.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY 3.0": "cc-by-3.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
    "CC BY-NC-SA 3.0": "cc-by-nc-sa-3.0",
    "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0",
    "MIT": "mit",
    "BSD-3": "bsd-3-clause",
    "GPL-2": "gpl-2.0",
    "GPL-3": "gpl-3.0",
    "Apache-2.0": "apache-2.0",
}
"""What the hub calls licences."""

_SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)
_SIZE_NAMES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")

_SYNTHETIC = (
    "The images are rendered, not recorded. Their labels are exact. What a model learns here has to be checked on real "
    "tissue; biology cannot be measured here."
)
_REAL = "The images are recorded. Their labels are those of the source, with the mistakes that it has."

_LOADING = """```python
import h5py

with h5py.File({name!r}) as file:
    raw, label = file[{raw!r}], file[{label!r}]  # {axes}; every number but 0 in label is an instance
```

```python
from mitodata.hdf5.dataset import Dataset  # pip install mitogen-em

with Dataset({name!r}) as dataset:
    sample = dataset[0]  # sample.raw, sample.label, sample.mask: (Z, Y, X); mask 255 is unknown
```

```python
from mitoseg import SampleDataset  # a torch Dataset

image, mask = SampleDataset({name!r})[0]  # float32 (1, ...) from 0 to 1; int64, 255 is unknown
```"""
_UNLABELLED = """```python
from mitodata.hdf5.dataset import Dataset  # pip install mitogen-em

with Dataset({name!r}) as dataset:
    raw = dataset[0].raw  # (Z, Y, X) uint8
```"""


def write_card(path: Path, licence: str | None = None) -> str:
    """Write the card of a dataset file as Markdown with a head of YAML.

    Args:
        path: the file.
        licence: under which the images may be used; None for what the file says.

    Raises:
        DataError: the file is missing or damaged.
    """
    facts = describe(path)
    told: Any = facts["provenance"]
    origin = Provenance(**told)
    terms = licence or origin.licence
    head = "\n".join(_head(path, facts, origin, terms))
    return f"---\n{head}\n---\n\n{_body(path, facts, origin, terms)}\n"


def licence_identifier(licence: str) -> str:
    """What the hub calls a licence: "unknown" if there is none, "other" if it has no name there."""
    wanted = _plain(licence)
    known = {_plain(name): each for name, each in _IDENTIFIERS.items()}
    known |= {_plain(each): each for each in _IDENTIFIERS.values()}
    return known.get(wanted, "other") if wanted else "unknown"


def _plain(licence: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", licence.lower())


def _head(path: Path, facts: Mapping[str, Any], origin: Provenance, terms: str) -> Iterator[str]:
    """Lines of YAML; JSON strings are YAML too."""
    identifier = licence_identifier(terms)
    yield f"license: {identifier}"
    if identifier == "other":
        yield f"license_name: {json.dumps(terms, ensure_ascii=False)}"
    yield f"pretty_name: {json.dumps(path.stem, ensure_ascii=False)}"
    yield "task_categories:"
    yield "- image-segmentation"
    yield "tags:"
    tags = ["electron-microscopy", "mitochondria", "biology", "hdf5", *(["synthetic"] if origin.recipe else [])]
    yield from (f"- {tag}" for tag in tags)
    if origin.recipe:
        yield "annotations_creators:"
        yield "- machine-generated"
    yield "size_categories:"
    yield f"- {_SIZE_NAMES[sum(facts['samples'] >= size for size in _SIZES)]}"


def _body(path: Path, facts: Mapping[str, Any], origin: Provenance, terms: str) -> str:
    kind = "Rendered" if origin.recipe else "Real"
    parts = [f"# {path.stem}", _wrapped(f"{kind} electron-microscopy images of tissue. {_said(origin)}")]
    rows = [("what", "value"), ("---", "---"), *_rows(facts, origin, terms)]
    table = "\n".join(f"| {name} | {str(value).replace('|', '&#124;')} |" for name, value in rows if value)
    parts += ["## What is in it", table, "## How to load it", _loading(path, facts)]
    if origin.recipe:
        parts += ["## The recipe", f"`mitogen render --like {path.name}` renders the same images again.", _code(origin)]
    if origin.citation:
        parts += ["## Citation", _wrapped(origin.citation)]
    return "\n\n".join(parts)


def _said(origin: Provenance) -> str:
    return _SYNTHETIC if origin.recipe else _REAL


def _code(origin: Provenance) -> str:
    return f"<details><summary>{len(origin.recipe.splitlines())} lines of TOML</summary>\n\n```toml\n" + (
        f"{origin.recipe.strip()}\n```\n\n</details>"
    )


def _rows(facts: Mapping[str, Any], origin: Provenance, terms: str) -> Iterator[tuple[str, object]]:
    yield "images", facts["samples"]
    yield "shape, z y x in px", _listed(facts["shapes"])
    yield "voxel size, z y x in nm", _listed(facts["voxel_sizes_nm"])
    yield "labelled", f"{facts['labelled']} of {facts['samples']}"
    yield "instances", origin.instances
    yield "type of labels", ", ".join(facts["label_dtypes"])
    yield "compartments", ", ".join(f"{value} {name}" for value, name in sorted(origin.classes.items()))
    yield "knobs drawn for each image", len(facts["params"])
    yield "size", f"{facts['bytes'] / 1e6:,.1f} MB"
    yield "source", origin.source
    yield "licence", terms or "not stated"
    yield "seed", "" if origin.seed is None else str(origin.seed)
    yield "software", origin.software
    yield "format", f"HDF5, schema {facts['schema_version']} of mitogen-em"


def _listed(sizes: list[tuple[float, ...]]) -> str:
    more = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
    return ", ".join(" x ".join(f"{edge:g}" for edge in size) for size in sizes[:5]) + more


def _loading(path: Path, facts: Mapping[str, Any]) -> str:
    if not facts["labelled"]:
        return _UNLABELLED.format(name=path.name)
    stacked = facts["layout"] == "stacked"
    flat = stacked and facts["shapes"][0][0] == 1
    return _LOADING.format(
        name=path.name,
        raw="raw" if stacked else "samples/000000/raw",
        label="label" if stacked else "samples/000000/label",
        axes="(N, Y, X)" if flat else "(N, Z, Y, X)" if stacked else "(Z, Y, X)",
    )


def _wrapped(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
