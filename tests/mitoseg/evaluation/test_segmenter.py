"""What `mitogen explore` is told of a model is what `mitoseg predict` would write."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from mitodata import DataError, Sample
from mitoseg.evaluation.segmenter import Segmenter, load_segmenter
from mitoseg.inference.segment import segment


def test_it_finds_what_a_prediction_finds(
    run: Path, draw: Callable[..., Sample], make_file: Callable[..., Path], tmp_path: Path
) -> None:
    sample, segmenter = draw(3), load_segmenter(run)
    mask, probability = segmenter.segment(sample.raw, sample.voxel_size_nm)
    segment(run, make_file(sample, name="one"), tmp_path, outputs="mask", invert="off")
    assert segmenter.name == str(run)
    assert mask.any()
    assert probability.shape == mask.shape == sample.raw.shape
    np.testing.assert_array_equal(mask[0], tifffile.imread(tmp_path / "one_mask.tif").squeeze() == 255)


def test_the_outline_of_the_model_is_kept(run: Path, draw: Callable[..., Sample]) -> None:
    sample, segmenter = draw(3), load_segmenter(run)
    wide = Segmenter(replace(segmenter.model, decoding=replace(segmenter.model.decoding, outline_nm=16.0)))
    mask, grown = (each.segment(sample.raw, sample.voxel_size_nm)[0] for each in (segmenter, wide))
    assert grown[mask].all()
    assert grown.sum() > mask.sum()


def test_a_pixel_size_out_of_reach_is_said(run: Path, draw: Callable[..., Sample]) -> None:
    with pytest.raises(DataError, match="nm"):
        load_segmenter(run).segment(draw(3).raw, (40.0, 0.01, 0.01))
