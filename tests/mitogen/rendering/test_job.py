"""What is to be rendered, as one value that is written into the file and found there again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mitodata import Sample
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitodata.hdf5.layout import THICKNESS
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job, RenderError, job_of, spell

RECIPE = Recipe()
SHAPE = (1, 256, 256)


def never(*_: object) -> Sample:
    """Stands for another renderer."""
    pytest.fail("nothing is rendered")


@pytest.mark.parametrize(
    ("images", "text"),
    [(range(5), "0:5"), (range(7, 8), "7"), ([417], "417"), ((3, 5, 6, 7, 9), "3,5:8,9"), (range(0, 6, 2), "0,2,4")],
)
def test_numbers_of_images_are_spelled_as_the_option_takes_them(images: Sequence[int], text: str) -> None:
    assert spell(images) == text


def test_a_real_image_has_no_job(tmp_path: Path) -> None:
    write_dataset(tmp_path / "a.h5", [Sample(np.zeros((1, 8, 8), np.uint8), (1, 1, 1))], Provenance("a microscope"))
    with pytest.raises(RenderError, match=r"a\.h5: holds no recipe; expected a file that `mitogen render` wrote"):
        job_of(tmp_path / "a.h5")


def test_fingerprint_sees_every_setting() -> None:
    jobs = [
        Job(RECIPE, 0, SHAPE),
        Job(RECIPE, 1, SHAPE),
        Job(RECIPE, 0, (1, 128, 256)),
        Job(RECIPE, 0, SHAPE, compartments=True),
        Job(RECIPE, 0, SHAPE, renderer=never),
        Job(load_recipe(overrides=["section.thickness_nm=17.5"]), 0, SHAPE),
    ]
    assert len({job.fingerprint() for job in jobs}) == len(jobs)


@pytest.mark.usefixtures("no_processes")
def test_a_file_knows_how_thick_each_section_is(tmp_path: Path) -> None:
    recipe = load_recipe("mito")
    render_dataset(Job(recipe, 3, (1, 48, 48)), tmp_path / "sections.h5", 4, workers=1, progress=False)
    render_dataset(Job(recipe, 3, (2, 48, 48)), tmp_path / "volume.h5", 1, workers=1, progress=False)
    with Dataset(tmp_path / "sections.h5") as sections, Dataset(tmp_path / "volume.h5") as volume:
        params = [sample.params[THICKNESS] for sample in sections]
        assert [sections.thickness_nm(number) for number in range(4)] == params
        assert len(set(params)) == 4
        assert volume.thickness_nm(0) == volume.voxel_size_nm(0)[0]
