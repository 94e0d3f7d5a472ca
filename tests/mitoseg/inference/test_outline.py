"""Outlines that are moved by so many nm."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from program import Program

from mitodata import RunError
from mitoseg.evaluation.scoring import evaluate
from mitoseg.inference.decoding import move_outline, outline
from mitoseg.inference.model import load_model
from mitoseg.inference.segment import segment
from mitoseg.io.scratch import Scratch
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint

Labels = NDArray[np.integer]


def disc(radius_nm: float, voxel_nm: tuple[float, float, float], shape: tuple[int, int, int]) -> Labels:
    """A disc in the middle of each section, or a ball in the middle of a volume of nearly cubic voxels."""
    flat = shape[0] == 1 or max(voxel_nm) >= 2 * min(voxel_nm)
    axes = [
        (np.arange(length) - (length - 1) / 2) * (0 if flat and axis == 0 else edge)
        for axis, (length, edge) in enumerate(zip(shape, voxel_nm, strict=True))
    ]
    distance = np.sqrt(sum(place**2 for place in np.meshgrid(*axes, indexing="ij")))
    return (distance <= radius_nm).astype(np.uint32)


def moved(things: Labels, outline_nm: float, voxel_nm: tuple[float, float, float]) -> Labels:
    return np.asarray(move_outline(things, outline_nm, voxel_nm)[0][:])


@pytest.mark.parametrize("outline_nm", [-60.0, -20.0, 20.0, 60.0])
@pytest.mark.parametrize(
    ("voxel_nm", "shape"),
    [((50.0, 4.0, 4.0), (1, 201, 201)), ((50.0, 4.0, 6.0), (3, 201, 141)), ((8.0, 5.0, 5.0), (61, 97, 97))],
)
def test_a_disc_grows_and_shrinks_by_what_is_asked(
    outline_nm: float, voxel_nm: tuple[float, float, float], shape: tuple[int, int, int]
) -> None:
    found = moved(disc(150, voxel_nm, shape), outline_nm, voxel_nm) > 0
    expected = disc(150 + outline_nm, voxel_nm, shape) > 0
    # No voxel is a whole voxel off, and in the mean the outline is right to half of one.
    assert not (found & ~(disc(150 + outline_nm + max(voxel_nm[1:]), voxel_nm, shape) > 0)).any()
    assert not (~found & (disc(150 + outline_nm - max(voxel_nm[1:]), voxel_nm, shape) > 0)).any()
    power = 1 / 3 if max(voxel_nm) < 2 * min(voxel_nm) else 1 / 2
    radius_nm = (150 + outline_nm) * (int(found.sum()) / int(expected.sum())) ** power
    assert abs(radius_nm - (150 + outline_nm)) < 0.5 * min(voxel_nm)


def test_along_an_axis_the_outline_is_exact() -> None:
    things = np.zeros((1, 40, 40), np.uint32)
    things[0, 10:30, 10:30] = 1
    # The first voxels have their centres at 4 and 12 nm on either side of the face.
    for outline_nm, first in ((0, 10), (3.9, 10), (4, 9), (11.9, 9), (12, 8), (-4, 10), (-4.1, 11), (-12.1, 12)):
        rows = np.flatnonzero(moved(things, outline_nm, (50.0, 8.0, 8.0))[0, :, 20])
        assert (rows[0], rows[-1]) == (first, 39 - first), outline_nm


def test_things_that_meet_stay_apart_and_vanished_ones_leave_no_gap() -> None:
    things = np.zeros((1, 20, 40), np.uint32)
    things[0, 5:15, 2:12], things[0, 5:15, 14:24] = 1, 2
    things[0, 9:11, 30:32] = 3
    grown, count = move_outline(things, 40.0, (50.0, 8.0, 8.0))
    assert count == 3
    np.testing.assert_array_equal(grown[0, 10, 12:14], (1, 2))
    shrunk, count = move_outline(things[..., ::-1], -8.0, (50.0, 8.0, 8.0))  # the smallest comes first
    assert count == 2
    assert set(np.unique(shrunk[:])) == {0, 1, 2}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), voxels=st.sampled_from([1500, 2200]), nm=st.sampled_from([-9.0, 7.0, 16.0]))
@pytest.mark.parametrize("z_nm", [5.0, 40.0])
def test_outlines_do_not_depend_on_blocks(
    z_nm: float, seed: int, voxels: int, nm: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    things = np.kron(rng.integers(0, 4, (3, 5, 4)), np.ones((2, 4, 5), int)).astype(np.uint32)
    whole, count = move_outline(things, nm, (z_nm, 5.0, 4.0))
    with monkeypatch.context() as patch, Scratch(tmp_path / "x") as scratch:
        patch.setattr(outline, "OUTLINE_VOXELS", voxels)
        stored = scratch.array("things", things.shape, np.uint32)
        stored[:] = things
        found, number = move_outline(stored, nm, (z_nm, 5.0, 4.0), scratch)
        np.testing.assert_array_equal(found[:], whole[:])
    assert number == count


def test_a_moved_outline_is_predicted_and_scored_alike(run: Path, fresh_discs: Path, tmp_path: Path) -> None:
    model = load_model(run)
    wide, narrow = (model.with_decoding(outline_nm=nm) for nm in (16.0, -8.0))
    masks = {}
    for name, each in (("as it is", model), ("wide", wide), ("narrow", narrow)):
        segment(each, fresh_discs, tmp_path / name, outputs="mask,instances")
        masks[name] = tifffile.imread(sorted((tmp_path / name).glob("*_mask.tif"))[0]) > 0
        numbers = tifffile.imread(sorted((tmp_path / name).glob("*_instances.tif"))[0])
        assert len(np.unique(numbers)) == numbers.max() + 1
    assert (masks["narrow"] <= masks["as it is"]).all()
    assert (masks["as it is"] <= masks["wide"]).all()
    assert masks["narrow"].sum() < masks["as it is"].sum() < masks["wide"].sum()
    (scored,) = evaluate(wide, fresh_discs)
    counts = scored.images[0].counts
    assert counts.true_positive + counts.false_positive == masks["wide"].sum()


def test_an_outline_is_kept_and_older_checkpoints_have_none(run: Path, tmp_path: Path) -> None:
    content = load_checkpoint(run / "last.pt")
    plain = {name: value for name, value in content.items() if name not in ("format", "version")}
    del plain["decoding"]["outline_nm"]
    save_checkpoint(tmp_path / "older.pt", plain)
    assert load_model(tmp_path / "older.pt").decoding.outline_nm == 0
    save_checkpoint(tmp_path / "inner.pt", {**plain, "decoding": {**plain["decoding"], "outline_nm": -12.5}})
    assert load_model(tmp_path / "inner.pt").decoding.outline_nm == -12.5
    save_checkpoint(tmp_path / "odd.pt", {**plain, "decoding": {**plain["decoding"], "outline_nm": float("nan")}})
    with pytest.raises(RunError, match="do not fit"):
        load_model(tmp_path / "odd.pt")


def test_the_option_is_that_of_both_commands(run: Path, fresh_discs: Path, tmp_path: Path, mitoseg: Program) -> None:
    for command in ("predict", "evaluate"):
        for wrong in ("nan", "2000"):
            said = mitoseg.fails(command, run, fresh_discs, "-o", tmp_path / command, "--outline", wrong)
            assert "is not in the range" in said
