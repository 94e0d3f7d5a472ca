"""Training on images that are rendered as it goes. A scene of few bodies, so that rendering takes milliseconds."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mitodata import Sample
from mitodata.hdf5.dataset import Dataset
from mitogen.recipe.recipe import parse_recipe
from mitoseg.config.settings import FitConfig
from mitoseg.data import RenderedPatches, make_loader, rendered, resolve_recipe
from mitoseg.data.rendered import dataset_seed, render_example, rendered_shape
from mitoseg.training.fit import fit, resume_settings
from mitoseg.training.trainer import FitPlan, train


@pytest.fixture(scope="module")
def recipe() -> str:
    return resolve_recipe("blobs")


@pytest.fixture
def small(tiny: FitConfig) -> FitConfig:
    return tiny.model_copy(update={"patch_px": 32, "working_voxel_nm": 250.0, "batch": 4, "validation_images": 6})


@pytest.mark.usefixtures("forked_readers")
def test_patches_do_not_depend_on_who_renders_them(recipe: str, small: FitConfig) -> None:
    alone = RenderedPatches(recipe, small)
    shared = RenderedPatches(recipe, small.model_copy(update={"workers": 1}))
    batches = [list(make_loader(patches, 0, 12)) for patches in (alone, shared)]
    assert all(torch.equal(one, other) for one, other in zip(*batches, strict=True))
    torch.testing.assert_close(alone[9], batches[0][2][1], rtol=0, atol=0)
    patches = torch.cat(batches[0])
    assert patches.shape[1:] == (3, 40, 40)
    assert len({patch.numpy().tobytes() for patch in patches}) == 12  # no image twice


def test_the_seed_decides(recipe: str, small: FitConfig) -> None:
    first, second = (RenderedPatches(recipe, small.model_copy(update={"seed": seed}))[0] for seed in (0, 1))
    assert not torch.equal(first, second)
    assert len({dataset_seed(seed, which) for seed in range(20) for which in (0, 1)}) == 40
    assert dataset_seed(0, 0) > 2**32


def test_images_cover_the_window_at_every_pixel_size(recipe: str, small: FitConfig) -> None:
    for pixel_nm, expected in ((62.5, 160), (250.0, 40), (1000.0, 16)):
        drawn = parse_recipe(recipe).override({"section.pixel_nm": pixel_nm})
        assert rendered_shape(drawn, 0, 0, (1, 40, 40), small) == (1, expected, expected)
    volume = small.model_copy(update={"dimensions": 3, "working_slice_nm": 500.0})
    drawn = parse_recipe(recipe).override({"section.pixel_nm": 250.0, "section.spacing_nm": 250.0})
    assert rendered_shape(drawn, 0, 0, (8, 40, 40), volume) == (16, 40, 40)


@pytest.mark.usefixtures("no_processes")
def test_a_run_on_a_recipe_goes_on_from_its_folder(recipe: str, small: FitConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = small.model_copy(update={"epochs": None, "steps": 4, "validations": 1, "patch_px": 64})
    result = fit((), run, config, recipe="blobs")
    assert result.steps == 4
    with Dataset(run / "validation.h5") as held_out:
        assert len(held_out) == 6
        assert held_out.provenance.seed == dataset_seed(config.seed, 1)
    again, sources = resume_settings(run)
    assert (again, sources.recipe) == (config, recipe)
    longer = again.model_copy(update={"steps": 6})
    assert train(run, FitPlan(longer, sources), resume=True).steps == 6


def test_an_example_is_the_same_each_time_and_has_something_to_find(
    monkeypatch: pytest.MonkeyPatch, small: FitConfig
) -> None:
    shares = [0.0, 0.02, 0.5, 0.1]

    def render(_: object, seed: int, index: int, shape: tuple[int, int, int], compartments: bool) -> Sample:
        mask = np.zeros(shape, np.uint8)
        mask.ravel()[: round(shares[index] * mask.size)] = 1
        return Sample(np.full(shape, index, np.uint8), (5.0, 8.0, 8.0), mask.astype(np.uint16), mask)

    monkeypatch.setattr(rendered, "render_image", render)
    config = small.model_copy(update={"working_voxel_nm": 8.0})
    assert render_example(config, (1, 20, 20)).raw[0, 0, 0] == 2
    monkeypatch.setattr(rendered, "EXAMPLES", 2)
    assert render_example(config, (1, 20, 20)).raw[0, 0, 0] == 1
