from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, validate, write_dataset, write_volume
from mitoseg_napari.pictures import OURS
from mitoseg_napari.reader import LayerData, get_reader, read_layers
from mitoseg_napari.writer import write_layers


def sample(shape: tuple[int, int, int], size_nm: tuple[float, float, float] = (50.0, 4.0, 4.0), **more: Any) -> Sample:
    rng = np.random.default_rng(sum(shape))
    label = np.zeros(shape, np.uint16)
    label[:, 2:9, 2:9] = 3
    mask = (label > 0).astype(np.uint8)
    mask[:, :, -3:] = 255
    return Sample(rng.integers(0, 256, shape, np.uint8), size_nm, label, mask, **more)


def by_name(layers: list[LayerData]) -> dict[str, LayerData]:
    return {str(keywords["metadata"][OURS]["array"]): (data, keywords, kind) for data, keywords, kind in layers}


def test_a_volume_is_opened_without_being_read_and_in_nm(tmp_path: Path) -> None:
    one = sample((20, 32, 40))
    write_volume(tmp_path / "cube.h5", [one], Provenance(), name="cube")
    reader = get_reader(str(tmp_path / "cube.h5"))
    assert reader is not None
    layers = by_name(reader(str(tmp_path / "cube.h5")))
    assert list(layers) == ["raw", "label", "mask"]
    data, keywords, kind = layers["raw"]
    assert isinstance(data, da.Array)
    assert kind == "image"
    assert keywords["scale"] == (50, 4, 4)
    assert keywords["units"] == ("nm", "nm", "nm")
    assert np.array_equal(np.asarray(data), one.raw)
    assert layers["label"][2] == "labels"
    assert [layers[name][1]["visible"] for name in layers] == [True, True, False]


def test_images_of_one_shape_are_one_layer_and_are_known_to_be_unrelated(tmp_path: Path) -> None:
    write_dataset(tmp_path / "many.h5", [sample((1, 32, 40)) for _ in range(3)], Provenance())
    data, keywords, _ = by_name(read_layers(str(tmp_path / "many.h5")))["raw"]
    assert data.shape == (3, 32, 40)
    assert keywords["scale"] == (1, 4, 4)
    assert keywords["units"] == ("pixel", "nm", "nm")
    assert keywords["metadata"][OURS]["apart"]
    assert keywords["metadata"][OURS]["thickness_nm"] == 50


def test_images_of_different_shapes_are_layers_of_their_own(tmp_path: Path) -> None:
    write_dataset(tmp_path / "odd.h5", [sample((1, 32, 40), name="a"), sample((2, 20, 24), name="b")], Provenance())
    raw = [
        (data.shape, keywords["name"])
        for data, keywords, kind in read_layers(str(tmp_path / "odd.h5"))
        if kind == "image"
    ]
    assert raw == [((32, 40), "odd a"), ((2, 20, 24), "odd b")]


def test_files_of_others_are_left_to_others(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = np.zeros((4, 4))
    (tmp_path / "text.h5").write_text("no HDF5")
    for name in ("foreign.h5", "text.h5", "missing.h5", "picture.png"):
        assert get_reader(str(tmp_path / name)) is None


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    write_dataset(tmp_path / "one.h5", [sample((1, 32, 40))], Provenance())
    with h5py.File(tmp_path / "one.h5", "a") as file:
        del file["names"]
    with pytest.raises(DataError, match=r"one\.h5: damaged"):
        read_layers(str(tmp_path / "one.h5"))


@pytest.mark.parametrize("shapes", [[(20, 32, 40)], [(1, 32, 40)], [(1, 32, 40)] * 3, [(2, 32, 40)] * 2])
def test_what_is_read_and_written_again_is_the_same(tmp_path: Path, shapes: list[tuple[int, int, int]]) -> None:
    samples = [sample(shape) for shape in shapes]
    write_dataset(tmp_path / "first.h5", samples, Provenance())
    assert write_layers(str(tmp_path / "again.h5"), read_layers(str(tmp_path / "first.h5")))
    assert validate(tmp_path / "again.h5") == []
    with Dataset(tmp_path / "again.h5") as file:
        again = list(file)
    for one, other in zip(samples, again, strict=True):
        assert one.voxel_size_nm == other.voxel_size_nm
        for name in ("raw", "label", "mask"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_labels_of_any_type_and_an_image_alone_can_be_saved(tmp_path: Path) -> None:
    keywords = {"name": "mine", "scale": (4.0, 4.0), "units": ("nm", "nm")}
    raw, label = np.zeros((32, 40), np.uint16), np.zeros((32, 40), np.int64)
    raw[:, 20:], label[5:9, 5:9] = 4000, 70000
    write_layers(str(tmp_path / "both.h5"), [(raw, keywords, "image"), (label, {**keywords, "name": "l"}, "labels")])
    write_layers(str(tmp_path / "alone.h5"), [(raw, keywords, "image")])
    with Dataset(tmp_path / "both.h5") as file:
        found = file[0]
    assert found.label is not None
    assert found.label.max() == 70000
    assert set(np.unique(found.raw)) == {0, 255}
    with Dataset(tmp_path / "alone.h5") as file:
        assert not file.labelled


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([(np.zeros((8, 8), np.uint8), {"units": ("pixel", "pixel")}, "image")], "no unit of length"),
        ([(np.zeros((8, 8), np.uint8), {}, "image"), (np.zeros((8, 9), np.uint8), {}, "labels")], "has shape"),
        ([(np.zeros((8, 8), np.uint8), {}, "image")] * 2, "2 images are selected"),
        ([(np.zeros((8, 8), np.uint8), {}, "image"), (np.full((8, 8), -1), {}, "labels")], "expected 0 or more"),
    ],
)
def test_what_cannot_be_saved_is_one_line_and_leaves_nothing(
    tmp_path: Path, layers: list[LayerData], says: str
) -> None:
    usual = {"name": "mine", "scale": (4.0, 4.0), "units": ("nm", "nm")}
    with pytest.raises(DataError, match=says):
        write_layers(str(tmp_path / "new.h5"), [(data, {**usual, **keywords}, kind) for data, keywords, kind in layers])
    assert not list(tmp_path.iterdir())
