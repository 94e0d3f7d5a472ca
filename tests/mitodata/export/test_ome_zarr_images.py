"""Dataset files as OME-Zarr, one an image: what the specification wants, and back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models import v04, v05

from mitodata import IGNORE, DataError, Sample
from mitodata.export import export_ome_zarr
from mitodata.export.multiscales import Version
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitodata.importers import import_to_file, recognise

MakeSample = Callable[..., Sample]

SIZE = (40.0, 5.0, 4.9)
CLASSES = {0: "outside", 7: "matrix"}
PROVENANCE = Provenance(source="here", licence="CC0", classes=CLASSES, seed=3)


@pytest.fixture
def volumes(make_sample: MakeSample, tmp_path: Path) -> Path:
    """Two volumes deeper than a chunk, of which the second is unknown in places and the first wider than a chunk."""
    shapes = ((19, 24, 300), (19, 24, 32))
    samples = [
        replace(
            make_sample(number, shape, knobs=0),
            voxel_size_nm=SIZE,
            compartment=np.full(shape, 7, np.uint8),
            name=f"crop {number}",
        )
        for number, shape in enumerate(shapes)
    ]
    assert samples[1].mask is not None
    mask = samples[1].mask.copy()
    mask[17:, :5] = IGNORE
    write_dataset(tmp_path / "set.h5", [samples[0], replace(samples[1], mask=mask)], PROVENANCE)
    return tmp_path / "set.h5"


def check_specification(path: Path, version: Version) -> None:
    """Raise what does not comply; of 0.4 the attributes alone, because the library cannot look at the arrays of it."""
    groups = [("", "image", "Image"), ("labels", "labels", "Labels")]
    groups += [(f"labels/{name}", "image_label", "ImageLabel") for name in ("instances", "mask", "compartments")]
    for place, module, kind in groups:
        group = zarr.open_group(path / place, mode="r")
        if version == "0.4":
            getattr(getattr(v04, module), f"{kind}Attrs").model_validate(group.attrs.asdict())
        else:
            getattr(getattr(v05, module), kind).from_zarr(group)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_images_are_what_the_specification_wants_and_come_back(version: Version, volumes: Path, tmp_path: Path) -> None:
    written = export_ome_zarr(volumes, tmp_path / "out", version)
    assert written == [tmp_path / "out" / f"{number:06d}.zarr" for number in range(2)]
    with Dataset(volumes) as before:
        for path, first in zip(written, before, strict=True):
            check_specification(path, version)
            assert recognise(path) == "ome-zarr"
            back = tmp_path / f"{path.stem}.h5"
            import_to_file("auto", path, back, label="instances", mask="mask")
            with Dataset(back) as again:
                (second,) = again
            assert second.voxel_size_nm == SIZE
            np.testing.assert_array_equal(first.raw, second.raw)
            np.testing.assert_array_equal(first.mask, second.mask)
            np.testing.assert_array_equal(first.label, second.label)
            compartments = zarr.open_array(path / "labels/compartments/0", mode="r")
            np.testing.assert_array_equal(compartments[:], first.compartment)


def test_values_and_origin_are_named(volumes: Path, tmp_path: Path) -> None:
    _, path = export_ome_zarr(volumes, tmp_path / "out")
    attributes = zarr.open_group(path, mode="r").attrs.asdict()
    assert (
        attributes["provenance"].items()
        >= {
            "name": "crop 1",
            "number": 1,
            "source": "here",
            "licence": "CC0",
            "seed": 3,
        }.items()
    )
    for name, named in (("mask", {0: "background", 1: "foreground", 255: "unknown"}), ("compartments", CLASSES)):
        label = zarr.open_group(path / "labels" / name, mode="r").attrs.asdict()["ome"]["image-label"]
        assert {row["label-value"]: row["class"] for row in label["properties"]} == named
    instances = zarr.open_group(path / "labels/instances", mode="r").attrs.asdict()["ome"]["image-label"]
    assert "properties" not in instances


def test_what_a_sample_lacks_is_left_out_and_other_folders_stay(
    make_sample: MakeSample, volumes: Path, tmp_path: Path
) -> None:
    write_dataset(tmp_path / "plain.h5", [make_sample(0, (1, 24, 32), knobs=0)], Provenance())
    (path,) = export_ome_zarr(tmp_path / "plain.h5", tmp_path / "out")
    assert sorted(zarr.open_group(path / "labels", mode="r").group_keys()) == ["instances", "mask"]
    with pytest.raises(DataError, match="exists already"):
        export_ome_zarr(volumes, tmp_path / "out")
    assert len(export_ome_zarr(volumes, tmp_path / "out", overwrite=True)) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(DataError, match=r"no such export writes notes\.txt"):
        export_ome_zarr(volumes, tmp_path / "mine", overwrite=True)
    unlabelled = replace(make_sample(0, (1, 24, 32), knobs=0), label=None, mask=None)
    write_dataset(tmp_path / "bare.h5", [unlabelled], Provenance())
    with pytest.raises(DataError, match="has no labels"):
        export_ome_zarr(tmp_path / "bare.h5", tmp_path / "none")
    assert not (tmp_path / "none").exists()
