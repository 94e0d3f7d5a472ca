"""Bodies that touch, as the generator draws them, are told apart by the heads for instances."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from here import Here
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.hdf5.dataset import Dataset
from mitogen.recipe.recipe import open_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitoseg.config.settings import Target, make_config
from mitoseg.evaluation import evaluate
from mitoseg.inference.decoding import Decoding, find_instances, find_pieces
from mitoseg.inference.model import load_model
from mitoseg.metrics import InstanceCounts, count_overlaps, instance_counts, instance_scores
from mitoseg.networks.targets import instance_planes
from mitoseg.training.fit import fit
from mitoseg.training.threshold_selection import tune


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blobs") / "blobs.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mitogen.rendering.parallel.Workers", Here)
        render_dataset(Job(open_recipe("blobs"), 3, (1, 192, 192)), path, 6, workers=1)
    return path


def decode(maps: NDArray[np.float32], target: Target, decoding: Decoding) -> NDArray[np.uint32]:
    section = maps[:, None]
    return np.asarray(find_instances(section, find_pieces(section, decoding), target, decoding)[0][0])


def f1(found: list[NDArray[np.uint32]], labels: list[NDArray[np.integer]]) -> float:
    counts = [instance_counts(count_overlaps(*pair), (0.5,))[0.5] for pair in zip(found, labels, strict=True)]
    return instance_scores(sum(counts, InstanceCounts())).f1


def test_what_a_fair_network_says_is_decoded_better_than_by_components(blobs: Path) -> None:
    with Dataset(blobs) as file:
        labels = [np.asarray(sample.label[0]) for sample in file if sample.label is not None]
    rng = np.random.default_rng(0)
    maps = []
    for label in labels:
        planes = ndimage.gaussian_filter(instance_planes(label), (0, 1, 1))
        maps.append((planes + rng.normal(0, 0.05, planes.shape)).clip(0, 1).astype(np.float32))
    decoding = tune(maps, labels, "instance", Decoding(0.5))
    watershed = f1([decode(each, "instance", decoding) for each in maps], labels)
    components = f1([decode(each, "semantic", decoding) for each in maps], labels)
    assert watershed > 0.97
    assert watershed > components + 0.05


@pytest.mark.slow
def test_a_trained_network_tells_bodies_apart(blobs: Path, tmp_path: Path) -> None:
    texts = ("network=small", "patch_px=128", "batch=8", "working_voxel_nm=250", "validations=1", "learning_rate=0.005")
    scores = {}
    for target in ("instance", "semantic"):
        config = make_config((*texts, f"target={target}"), steps=120)
        fit([blobs], tmp_path / target, config, validation=[shutil.copy(blobs, tmp_path / f"{target}.h5")])
        (result,) = evaluate(load_model(tmp_path / target), [blobs])
        scores[target] = result.measured["object_f1_50"].pooled
    assert scores["instance"] > scores["semantic"]
