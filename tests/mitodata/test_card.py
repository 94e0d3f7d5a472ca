"""Cards of dataset files: what the hub reads, and what a person needs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mitodata import Sample
from mitodata.card import licence_identifier, write_card
from mitodata.hdf5.dataset import Provenance, write_dataset

MakeSample = Callable[..., Sample]


def head(card: str) -> dict[str, Any]:
    """What the YAML at the start of a card says."""
    _, front, _ = card.split("---\n", 2)
    return dict(yaml.safe_load(front))


def test_a_rendered_file_keeps_its_recipe_and_seed(make_sample: MakeSample, tmp_path: Path) -> None:
    rendered = Provenance(
        source="mitogen render", recipe="[section]\nthickness_nm = 30\n", seed=0, instances="rendered"
    )
    write_dataset(tmp_path / "train.h5", [make_sample(number) for number in range(3)], rendered)
    card = write_card(tmp_path / "train.h5", "CC BY 4.0")
    assert head(card) == {
        "license": "cc-by-4.0",
        "pretty_name": "train",
        "task_categories": ["image-segmentation"],
        "tags": ["electron-microscopy", "mitochondria", "biology", "hdf5", "synthetic"],
        "annotations_creators": ["machine-generated"],
        "size_categories": ["n<1K"],
    }
    assert "thickness_nm = 30" in card
    assert "| seed | 0 |" in card
    assert "| shape, z y x in px | 1 x 24 x 32 |" in card
    assert "| labelled | 3 of 3 |" in card
    assert "mitogen render --like train.h5" in card
    assert str(tmp_path) not in card
    assert max(map(len, card.splitlines())) <= 120


def test_an_imported_file_keeps_its_source_and_licence(make_sample: MakeSample, tmp_path: Path) -> None:
    terms = "EPFL CVLab, research use"
    real = Provenance(source="EPFL | CA1", licence=terms, citation="Lucchi et al., IEEE TMI 2012")
    samples = [make_sample(labelled=False), replace(make_sample(1, (2, 8, 8)), params={})]
    write_dataset(tmp_path / "epfl.h5", [replace(each, params={}) for each in samples], real)
    card = write_card(tmp_path / "epfl.h5")
    assert head(card)["license"] == "other"
    assert head(card)["license_name"] == terms
    assert "synthetic" not in head(card)["tags"]
    assert "| source | EPFL &#124; CA1 |" in card
    assert "Lucchi et al., IEEE TMI 2012" in card
    assert "| seed |" not in card
    assert "recipe" not in card


@pytest.mark.parametrize(
    ("licence", "identifier"),
    [
        ("", "unknown"),
        ("CC0", "cc0-1.0"),
        ("CC BY-NC-SA 3.0", "cc-by-nc-sa-3.0"),
        ("cc-by-4.0", "cc-by-4.0"),
        ("not stated; research use with citation", "other"),
    ],
)
def test_licences_have_the_names_of_the_hub(licence: str, identifier: str) -> None:
    assert licence_identifier(licence) == identifier


def test_what_a_card_says_of_loading_works(make_sample: MakeSample, tmp_path: Path) -> None:
    for name, samples in (
        ("flat.h5", [make_sample(number) for number in range(2)]),
        ("deep.h5", [make_sample(0, (3, 8, 8))]),
        ("mixed.h5", [make_sample(0), make_sample(1, (2, 8, 8))]),
        ("bare.h5", [make_sample(labelled=False)]),
    ):
        write_dataset(tmp_path / name, samples, Provenance())
        blocks = write_card(tmp_path / name).split("```python\n")[1:]
        assert len(blocks) == (1 if name == "bare.h5" else 3)
        for block in blocks:
            code = block.partition("```")[0].replace(f"'{name}'", repr(str(tmp_path / name)))
            exec(compile(code, name, "exec"), {})
