"""Slices across one axis or several: streamed as in one piece."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import torch
import zarr
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from mitodata import DataError, RunError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitodata.readers.inputs import open_sources
from mitoseg.config.settings import FitConfig, make_config
from mitoseg.inference import orthoplanes, tiling
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import choose_axes, neighbours, smooth_slices, smooth_stack
from mitoseg.inference.predictor import predict_maps, predict_source
from mitoseg.inference.segment import make_options, segment
from mitoseg.inference.sliding_window import importance_map
from mitoseg.inference.tiling import OVERLAP, Tile, Windows, plan_windows
from mitoseg.io.scratch import Scratch
from mitoseg.networks.memory import resident_bytes
from mitoseg.networks.normalisation import measure_grey, mirror_to, normalise, resample

SIZE = (8.0, 8.0, 8.0)


class Slope(nn.Module):
    """Weighs rows and columns unlike: an axis that is mistaken for another shows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(1, 1, 5, padding=2)

    def forward(self, image: Tensor) -> Tensor:
        weighed: Tensor = self.layer(image)
        return weighed


@pytest.fixture
def model(tiny: FitConfig) -> Model:
    return Model(Slope().eval(), tiny.model_copy(update={"patch_px": 32}), precision="full")


@pytest.fixture
def raw() -> NDArray[np.uint8]:
    """A volume whose sections differ in brightness."""
    rng = np.random.default_rng(0)
    shifts = rng.uniform(-40, 40, (34, 1, 1))
    return (rng.normal(128, 20, (34, 62, 51)) + shifts).clip(0, 255).astype(np.uint8)


def smooth(slices: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian mean along the first axis over the slices that there are."""
    ones, radius = np.ones_like(slices), int(np.ceil(2 * sigma))
    total, weight = (
        ndimage.gaussian_filter1d(each, sigma, axis=0, mode="constant", radius=radius) for each in (slices, ones)
    )
    return np.asarray(total / weight)


def in_memory(model: Model, raw: NDArray[np.uint8], axes: str, size: tuple[float, float, float]) -> NDArray[np.float32]:
    """MONAI's sliding window over the whole volume, turned to each axis, and the mean of the results."""
    volume = np.stack([normalise(section, measure_grey(section)) for section in raw])
    found = []
    for axis in map("zyx".index, axes):
        turned = torch.from_numpy(np.moveaxis(volume, axis, 0).copy())[:, None]
        edges = (size[axis], *size[:axis], *size[axis + 1 :])
        plan = plan_windows(model, (turned.shape[0], turned.shape[2], turned.shape[3]), (edges[0], edges[1], edges[2]))
        rows, columns = plan.axes[1:]
        image = mirror_to(resample(turned, (rows.working, columns.working)), (rows.padded, columns.padded))
        with torch.inference_mode():
            maps = sliding_window_inference(
                image,
                plan.size[1:],
                4,
                lambda each: torch.sigmoid(model.network(each)),
                OVERLAP,
                mode="gaussian",
                roi_weight_map=importance_map(plan.size)[0],
            )
        assert isinstance(maps, Tensor)
        inside = maps[..., rows.before : rows.before + rows.working, columns.before : columns.before + columns.working]
        back = resample(inside, (rows.stored, columns.stored))[:, 0].numpy()
        if axes != "z":
            back = smooth(back, model.config.working_voxel_nm / size[axis])
        found.append(np.moveaxis(back, 0, axis))
    return np.mean(found, axis=0)


def stream(
    model: Model, path: Path, axes: str, dataset: str | None = None, tta: int = 1, memory: int | None = None
) -> NDArray[np.float32]:
    """What is found in a file, part by part; 8 nm voxels where it does not say."""
    sources = open_sources(path, SIZE if path.suffix in (".tif", ".zarr") else None, dataset)
    with closing(sources), Scratch(path) as scratch:
        maps = predict_source(model, next(sources), scratch, axes=axes, tta=tta, memory=memory)
        return np.asarray(maps[0])


@pytest.fixture
def write(raw: NDArray[np.uint8], tmp_path: Path) -> Callable[[str], Path]:
    """Write the volume as a file of some kind."""

    def write_volume(kind: str, size: tuple[float, float, float] = SIZE) -> Path:
        path = tmp_path / f"volume.{kind}"
        if kind == "tif":
            tifffile.imwrite(path, raw, photometric="minisblack", compression="zlib")
        elif kind == "h5":
            write_dataset(path, [Sample(raw, size)], Provenance(source="test"))
        elif kind == "hdf5":
            with h5py.File(path, "w") as file:
                file.create_dataset("grey", data=raw, chunks=True).attrs["resolution"] = size
        else:
            array = zarr.create_array(path, shape=raw.shape, chunks=(16, 32, 32), dtype=raw.dtype)
            array[:] = raw
        return path

    return write_volume


@pytest.mark.parametrize("axes", ["z", "y", "x", "zy", "xzy"])
def test_orthoplanes_in_parts_are_those_of_monai(
    axes: str, model: Model, raw: NDArray[np.uint8], write: Callable[..., Path]
) -> None:
    found = stream(model, write("h5"), axes)
    np.testing.assert_allclose(found, in_memory(model, raw, axes, SIZE), atol=1e-5)
    # An array is a source like any other: the same to the last bit.
    np.testing.assert_array_equal(predict_maps(model, raw, SIZE, axes=axes)[0], found)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((41, 90, 75), SIZE, "zyx"),
        ((15, 90, 75), SIZE, "z"),  # .12 um, half a patch is .128
        ((41, 90, 75), (16.0, 8.0, 8.0), "z"),
        ((1, 90, 75), SIZE, "z"),
        ((1, 90, 75), (5e3, 5e3, 5e3), "z"),  # thick, and still a single section
    ],
)
def test_what_auto_stands_for(
    shape: tuple[int, int, int], size: tuple[float, float, float], expected: str, model: Model
) -> None:
    settings = {"patch_px": 32, "working_voxel_nm": 8.0}
    model = replace(model, config=model.config.model_copy(update=settings))
    assert choose_axes(model, shape, size) == expected
    assert choose_axes(model, shape, size, "y") == "y"
    assert choose_axes(replace(model, config=model.config.model_copy(update={"dimensions": 3})), shape, size) == "z"


def test_a_volume_in_tiles_has_no_seams(
    model: Model, raw: NDArray[np.uint8], write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    size, cuts = (35.0, 20.0, 20.0), []

    def fit_memory(plan: Windows, *_: object) -> tuple[Windows, list[Tile]]:
        """Cut the slices, whatever memory there is."""
        parts = tiling._parts(plan, 2)
        cuts.append(len(parts))
        return plan, [Tile.of(plan, part) for part in parts]

    monkeypatch.setattr(orthoplanes, "fit_memory", fit_memory)
    monkeypatch.setattr(orthoplanes, "BUFFER_BYTES", 2**18)
    found = stream(model, write("h5", size), "zyx")
    assert min(cuts) > 1
    np.testing.assert_allclose(found, in_memory(model, raw, "zyx", size), atol=1e-4)


@pytest.mark.parametrize(("kind", "dataset"), [("tif", None), ("hdf5", "grey"), ("zarr", None)])
def test_volumes_of_all_kinds(
    kind: str, dataset: str | None, model: Model, raw: NDArray[np.uint8], write: Callable[..., Path]
) -> None:
    np.testing.assert_allclose(stream(model, write(kind), "yx", dataset), in_memory(model, raw, "yx", SIZE), atol=1e-5)


def test_tta_and_axes_together(model: Model, write: Callable[..., Path]) -> None:
    path = write("h5")
    sections, *others = (stream(model, path, axis, tta=4) for axis in "zyx")
    alone = [smooth(sections, model.config.working_voxel_nm / SIZE[0]), *others]  # alone, z is not smoothed
    np.testing.assert_allclose(stream(model, path, "zyx", tta=4), np.mean(alone, axis=0), atol=1e-6)
    assert np.abs(alone[1] - stream(model, path, "y")).max() > 0.01


def test_memory_bounds_the_orthoplanes(model: Model, write: Callable[..., Path]) -> None:
    with pytest.raises(RunError, match="give more with --memory"):
        stream(model, write("h5"), "zyx", memory=resident_bytes() + 2**20)


@pytest.mark.parametrize("axes", ["", "zz", "abc", "zyxz", "Z"])
def test_axes_that_are_none(axes: str) -> None:
    with pytest.raises(RunError, match="expected some of the letters z, y, x, each once"):
        make_options(axes=axes)


def test_slices_that_make_no_sense(model: Model, raw: NDArray[np.uint8], tmp_path: Path) -> None:
    def refuse(model: Model, volume: NDArray[np.uint8], size: tuple[float, float, float], reason: str) -> None:
        tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack")
        with pytest.raises((DataError, RunError), match=reason) as caught:
            segment(model, [tmp_path / "a.tif"], tmp_path / "out", voxel_size_nm=size, axes="zyx")
        assert "\n" not in str(caught.value)

    refuse(model, raw, (50.0, 4.6, 4.6), r"50 x 4\.6 x 4\.6 nm are 10\.9 times as long as wide; .* less than 2")
    refuse(model, raw[:1], SIZE, "a single section")
    config = make_config(("network=tiny", "dimensions=3", "patch_px=32"), epochs=1)
    refuse(replace(model, config=config), raw, SIZE, "a 3D network sees all three axes at once")


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.7])
def test_a_stack_of_slices_is_smoothed_as_all_of_them_are(sigma: float) -> None:
    slices = np.random.default_rng(0).random((11, 2, 4, 5), np.float32)
    smooth_all = np.stack([maps for _, maps in smooth_slices(iter(enumerate(slices)), sigma)])
    reach = neighbours(sigma)
    for places in (range(11), range(3), range(4, 6), range(9, 11), range(1, 10)):
        first, last = max(0, places.start - reach), min(11, places.stop + reach)
        found = smooth_stack(slices[first:last], first, places, 11, sigma)
        assert np.array_equal(found, smooth_all[places.start : places.stop])
    few = smooth_stack(slices[:2], 0, range(2), 2, sigma)
    assert np.array_equal(few, np.stack([maps for _, maps in smooth_slices(iter(enumerate(slices[:2])), sigma)]))
