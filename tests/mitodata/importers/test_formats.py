from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, Sample
from mitodata.hdf5.dataset import Dataset, validate
from mitodata.importers import IMPORTERS, import_dataset, import_to_file, recognise
from mitodata.importers.folders import subfolders

Pixels = NDArray[Any]
SIZE = (30, 40)


def raw(depth: int = 3, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (depth, *SIZE), dtype=np.uint8)


def mask(depth: int = 3) -> Pixels:
    """Two boxes: one through all sections, one in the first only."""
    boxes = np.zeros((depth, *SIZE), np.uint8)
    boxes[:, 5:10, 5:15] = 1
    boxes[0, 20:25, 20:35] = 1
    return boxes


def save(path: Path, pixels: Pixels, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)


def epfl_tiff(folder: Path) -> None:
    for name, seed in (("training", 0), ("testing", 1)):
        tifffile.imwrite(folder / f"{name}.tif", raw(seed=seed), photometric="minisblack")
        tifffile.imwrite(folder / f"{name}_groundtruth.tif", mask() * 255, photometric="minisblack")


def lucchi_plus_plus(folder: Path, depth: int = 12) -> None:
    for split, seed in (("Train", 0), ("Test", 1)):
        for z in range(depth):
            save(folder / f"Lucchi++/{split}_In/mask{z:04}.png", raw(depth, seed)[z])
            save(folder / f"Lucchi++/{split}_Out/{z}.png", mask(depth)[z] * 255, "RGBA")


def kasthuri(folder: Path) -> None:
    for split in ("Train", "Test"):
        for z in range(3):
            colours = np.repeat(mask()[z, :, :, np.newaxis] * 255, 3, axis=-1)
            colours[-4:] = 2
            save(folder / f"Kasthuri++/{split}_In/mask{z:04}.png", raw()[z])
            save(folder / f"Kasthuri++/{split}_Out/mask{z:04}.png", colours)


def vnc(folder: Path) -> None:
    for z in range(3):
        grey = mask()[z] * (z < 2) * np.uint8(255)  # nothing in the last section
        grey[0, 0] = 100 if z == 1 else 0  # stray
        save(folder / f"stack1/raw/{z:02}.tif", raw()[z])
        save(folder / f"stack1/mitochondria/{z:02}.png", grey > 0 if z == 0 else grey)


def mitoem(folder: Path) -> None:
    labels = mask().astype(np.uint16) * 300
    for z in range(3):
        save(folder / f"EM30-R-im/im/im{z + 8:04}.png", raw()[z])
    for z in range(2):
        part = "mito-train-v2" if z == 0 else "mito-val-v2"
        (folder / part).mkdir()
        tifffile.imwrite(folder / part / f"seg{z + 8:04}.tif", labels[z])


def pairs(folder: Path) -> None:
    save(folder / "data/Images/a.png", raw()[0])
    save(folder / "data/Images/b.jpg", raw()[1], "RGB")
    save(folder / "data/Images/c10.tif", raw()[2].astype(np.uint16) * 200)
    save(folder / "data/Images/c9.bmp", raw()[2][:20])
    save(folder / "data/masks/a.png", mask()[0])
    save(folder / "data/masks/b.tif", mask()[0] * 255, "RGB")
    save(folder / "data/masks/c10.bmp", mask()[0] * 255)
    save(folder / "data/masks/c9.jpg", mask()[0][:20] * 255)
    (folder / "data/Images/.DS_Store").touch()
    (folder / "__MACOSX/data/Images").mkdir(parents=True)


def dsb2018(folder: Path) -> None:
    for case, shape in (("x1", (30, 40)), ("x2", (20, 25))):
        save(folder / f"stage1_train/{case}/images/{case}.png", raw()[0][: shape[0], : shape[1]], "RGBA")
        for number in range(3):
            one = np.zeros(shape, np.uint8)
            one[number * 5 : number * 5 + 6, 3:9] = 255  # they overlap by a row
            save(folder / f"stage1_train/{case}/masks/{number}.png", one)


WRITERS = {
    "epfl": epfl_tiff,
    "epfl ": lucchi_plus_plus,
    "kasthuri": kasthuri,
    "vnc": vnc,
    "mitoem": mitoem,
    "pairs": pairs,
    "dsb2018": dsb2018,
}


def read(source: str, path: Path, **options: Any) -> list[Sample]:
    return list(import_dataset(source, path, **options)[0])


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("as_volume", [None, False])
def test_every_layout_is_recognised_and_becomes_a_sound_file(tmp_path: Path, name: str, as_volume: bool | None) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    WRITERS[name](folder)
    assert recognise(folder) == name.strip()
    import_to_file("auto", folder, tmp_path / "out.h5", voxel_size_nm=(40, 5, 5), as_volume=as_volume)
    assert validate(tmp_path / "out.h5") == []
    with Dataset(tmp_path / "out.h5") as dataset:
        assert dataset.labelled
        assert dataset.voxel_size_nm(0) == (40, 5, 5)
        assert dataset.provenance.source.startswith(IMPORTERS[name.strip()].description)
        direct = read(name.strip(), folder, voxel_size_nm=(40, 5, 5), as_volume=as_volume)
        for found, expected in zip(dataset, direct, strict=True):
            np.testing.assert_array_equal(found.raw, expected.raw)
            np.testing.assert_array_equal(found.label, expected.label, strict=True)
            assert found.name == expected.name


def test_epfl_tiff(tmp_path: Path) -> None:
    epfl_tiff(tmp_path)
    training, testing = read("epfl", tmp_path)
    assert (training.name, testing.name) == ("training", "testing")
    assert training.voxel_size_nm == (5, 5, 5)
    np.testing.assert_array_equal(training.raw, raw())
    np.testing.assert_array_equal(training.mask, mask())
    assert training.label is not None
    assert np.unique(training.label).tolist() == [0, 1, 2]
    assert training.label[0, 5, 5] == training.label[2, 5, 5]
    assert [sample.name for sample in read("epfl", tmp_path, split="test")] == ["testing"]
    assert len(read("epfl", tmp_path, split="test", as_volume=False)) == 3
    provenance = import_dataset("epfl", tmp_path)[1]
    assert provenance.instances == "connected components in 3D (26 neighbours) of the mask"
    assert "Lucchi" in provenance.citation
    assert import_dataset("epfl", tmp_path, as_volume=False)[1].instances.startswith("connected components in 2D")


def test_some_sections_of_a_stack(tmp_path: Path) -> None:
    epfl_tiff(tmp_path)
    samples, provenance = import_dataset("epfl", tmp_path, split="train", sections=(1, 9))
    (sample,) = samples
    np.testing.assert_array_equal(sample.raw, raw()[1:])
    np.testing.assert_array_equal(sample.mask, mask()[1:])
    assert "training[1:3] (2 sections)" in provenance.source
    with pytest.raises(DataError, match="sections 3:9 of 3"):
        list(import_dataset("epfl", tmp_path, split="train", sections=(3, 9))[0])


def test_lucchi_plus_plus_is_in_order_and_training_is_training(tmp_path: Path) -> None:
    lucchi_plus_plus(tmp_path)
    (train,) = read("epfl", tmp_path, split="train")
    np.testing.assert_array_equal(train.raw, raw(12, 0))
    np.testing.assert_array_equal(train.mask, mask(12))


def test_kasthuri_ignores_what_is_unknown(tmp_path: Path) -> None:
    kasthuri(tmp_path)
    sample = read("kasthuri", tmp_path)[0]
    assert sample.mask is not None
    assert (sample.mask[:, -4:] == 255).all()
    np.testing.assert_array_equal(sample.mask[:, :-4], mask()[:, :-4])
    assert sample.voxel_size_nm == (30, 3, 3)


def test_vnc_is_read_by_section(tmp_path: Path) -> None:
    vnc(tmp_path)
    samples = read("vnc", tmp_path)
    assert [sample.name for sample in samples] == ["00", "01", "02"]
    for z, sample in enumerate(samples):
        np.testing.assert_array_equal(sample.raw[0], raw()[z])
        np.testing.assert_array_equal(sample.mask, mask()[z : z + 1] * (z < 2))
    (whole,) = read("vnc", tmp_path, as_volume=True)
    assert whole.raw.shape == (3, *SIZE)
    assert whole.voxel_size_nm == (50, 4.6, 4.6)


def test_mitoem_keeps_instances_and_leaves_out_unlabelled_sections(tmp_path: Path) -> None:
    mitoem(tmp_path)
    samples, provenance = import_dataset("mitoem", tmp_path)
    (sample,) = samples
    assert sample.label is not None
    np.testing.assert_array_equal(sample.label, mask()[:2].astype(np.uint16) * 300, strict=True)
    np.testing.assert_array_equal(sample.raw, raw()[:2])
    assert provenance.instances == "given by the source"
    (val,) = read("mitoem", tmp_path, split="val")
    np.testing.assert_array_equal(val.raw, raw()[1:2])
    tifffile.imwrite(tmp_path / "mito-val-v2/seg0011.tif", np.zeros(SIZE, np.uint16))
    with pytest.raises(DataError, match=r"seg0011\.tif: has no image"):
        read("mitoem", tmp_path)
    save(tmp_path / "EM30-R-im/im/im0011.png", raw()[0])
    with pytest.raises(DataError, match=r"im0011\.png: follows im0009\.png; expected sections without gaps"):
        read("mitoem", tmp_path)


def test_pairs_of_any_kind(tmp_path: Path) -> None:
    pairs(tmp_path)
    samples = read("pairs", tmp_path, voxel_size_nm=(40, 5, 5))
    assert [sample.name for sample in samples] == ["a.png", "b.jpg", "c9.bmp", "c10.tif"]
    for sample in samples:
        np.testing.assert_array_equal(sample.mask, mask()[:1, : sample.raw.shape[1]])
    with pytest.raises(DataError, match=r"/a\.png: states no voxel size; give it as z y x in nm"):
        read("pairs", tmp_path)
    for edge in (0, 0.004, 4000, 1e30, float("nan")):
        with pytest.raises(DataError, match="expected three positive numbers"):
            read("pairs", tmp_path, voxel_size_nm=(40, edge, 5))
    with pytest.raises(DataError, match=r"c9\.bmp: .* a volume needs sections of one size"):
        read("pairs", tmp_path, voxel_size_nm=(40, 5, 5), as_volume=True)


def test_pairs_from_a_mac_are_pairs(tmp_path: Path) -> None:
    # Letters with accents are spelled in two ways, and each file has a companion that is no image.
    save(tmp_path / "images" / "Zelle\u0301.png", raw()[0])
    save(tmp_path / "masks" / "Zell\u00e9.png", mask()[0] * 255)
    for folder in ("images", "masks", "__MACOSX"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "._Zelle\u0301.png").write_bytes(bytes(80))
    (sample,) = read("pairs", tmp_path, voxel_size_nm=(40, 5, 5))
    np.testing.assert_array_equal(sample.mask, mask()[:1])


def test_dsb2018_gives_each_mask_a_number(tmp_path: Path) -> None:
    dsb2018(tmp_path)
    first, second = read("dsb2018", tmp_path, voxel_size_nm=(100, 100, 100))
    assert first.label is not None
    assert first.label[0, :, 3].tolist()[:17] == [1] * 6 + [2] * 5 + [3] * 5 + [0]
    assert second.raw.shape == (1, 20, 25)
    save(tmp_path / "stage1_train/x2/masks/9.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(DataError, match=r"9\.png: is \(9, 9\) \(y, x\), 0\.png \(20, 25\)"):
        read("dsb2018", tmp_path, voxel_size_nm=(100, 100, 100))


def test_hdf5_by_names(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    signed = mask().astype(np.int8)
    signed[:, -1] = -1
    with h5py.File(path, "w") as file:
        file["em"] = raw()
        file["group/ids"] = mask().astype(np.int64) * 7
        file["group/mask"] = signed
        file["many"] = np.stack([np.repeat(raw(seed=seed), 2, axis=0) for seed in range(5)])
        file["channels"] = np.stack([raw(), raw(seed=1)])
        file["small"] = raw()[:2]
        file["text"] = ["x"]
    assert recognise(path) == "hdf5"
    size = (10, 5, 5)
    (sample,) = read("hdf5", path, raw="em", label="group/ids", voxel_size_nm=size)
    assert sample.label is not None
    np.testing.assert_array_equal(sample.label, mask().astype(np.uint32) * 7, strict=True)
    (sample,) = read("hdf5", path, raw="em", mask="group/mask", voxel_size_nm=size)
    assert sample.mask is not None
    assert (sample.mask[:, -1] == 255).all()
    np.testing.assert_array_equal(sample.mask[:, :-1], mask()[:, :-1])
    first, second, *_ = read("hdf5", path, raw="many", voxel_size_nm=size)
    assert (first.name, second.name) == ("a 0", "a 1")
    assert not second.labelled
    np.testing.assert_array_equal(second.raw, np.repeat(raw(seed=1), 2, axis=0))
    with pytest.raises(DataError, match=r"channels: shape \(2, 3, 30, 40\): 2 channels, or images of several"):
        read("hdf5", path, raw="channels", voxel_size_nm=size)
    with pytest.raises(
        DataError, match="which of its datasets are the images; found channels, em, group/ids, group/mask"
    ):
        read("hdf5", path, voxel_size_nm=size)
    with pytest.raises(DataError, match="has no dataset no; found channels, em"):
        read("hdf5", path, raw="no", voxel_size_nm=size)
    with pytest.raises(DataError, match=r"label /small has shape \(2, 30, 40\), raw /em \(3, 30, 40\)"):
        read("hdf5", path, raw="em", label="small", voxel_size_nm=size)
    with pytest.raises(DataError, match="text is object; expected numbers"):
        read("hdf5", path, raw="text", voxel_size_nm=size)
    with pytest.raises(DataError, match="no such file"):
        read("hdf5", tmp_path / "no.h5", voxel_size_nm=size)


def break_partner(folder: Path) -> None:
    next(folder.rglob("masks/a.png")).unlink()


def break_image(folder: Path) -> None:
    next(folder.rglob("Images/a.png")).unlink()


def break_size(folder: Path) -> None:
    save(next(folder.rglob("masks/a.png")), mask()[0][:9])


def break_png(folder: Path) -> None:
    path = next(folder.rglob("masks/a.png"))
    path.write_bytes(path.read_bytes()[:40])


def break_twin(folder: Path) -> None:
    save(folder / "data/masks/a.bmp", mask()[0])


def break_all(folder: Path) -> None:
    for path in folder.rglob("masks/*"):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_partner, r"Images/a\.png: has no mask in .*masks; expected one of the same name"),
        (break_image, r"masks/a\.png: has no image in .*Images \(1 such masks\)"),
        (break_size, r"a\.png: its mask is \(9, 40\) \(y, x\), the image \(30, 40\)"),
        (break_png, r"masks/a\.png: (cannot be read|is not an image)"),
        (break_twin, r"masks/a\.\w+: and a\.\w+ are masks of the same image"),
        (break_all, r"masks: holds no image; expected \.bmp"),
    ],
)
def test_broken_pairs(tmp_path: Path, damage: Any, message: str) -> None:
    pairs(tmp_path / "real")
    damage(tmp_path / "real")
    with pytest.raises(DataError, match=message) as caught:
        import_to_file("pairs", tmp_path / "real", tmp_path / "out.h5", voxel_size_nm=(40, 5, 5))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*out.h5*"))


def test_broken_stacks(tmp_path: Path) -> None:
    epfl_tiff(tmp_path)
    tifffile.imwrite(tmp_path / "testing_groundtruth.tif", mask(2) * 255, photometric="minisblack")
    with pytest.raises(DataError, match=r"testing_groundtruth\.tif: holds 2 sections, testing\.tif 3"):
        read("epfl", tmp_path)
    (tmp_path / "training_groundtruth.tif").unlink()
    with pytest.raises(DataError, match=r"training_groundtruth\.tif: no such file; expected the masks of training"):
        read("epfl", tmp_path)
    (tmp_path / "vnc").mkdir()
    vnc(tmp_path / "vnc")
    save(tmp_path / "vnc/stack1/mitochondria/02.png", mask()[0][:9])
    with pytest.raises(DataError, match=r"02: its mask is \(9, 40\) \(y, x\), the image"):
        read("vnc", tmp_path / "vnc")
    with pytest.raises(DataError, match=r"02: is \(9, 40\) \(y, x\), the first section \(30, 40\)"):
        read("vnc", tmp_path / "vnc", as_volume=True)
    lucchi_plus_plus(tmp_path / "plus", 2)
    (tmp_path / "plus/Lucchi++/Train_In/mask0000.png").unlink()
    with pytest.raises(DataError, match=r"Train_Out/0\.png: has no image in"):
        read("epfl", tmp_path / "plus")


def test_wrong_choices(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nonsense: unknown source; expected one of epfl, vnc"):
        import_dataset("nonsense", tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        recognise(tmp_path / "no")
    with pytest.raises(DataError, match="no known layout; looked for epfl: training"):
        recognise(tmp_path)
    for name, importer in IMPORTERS.items():
        if name not in ("hdf5", "images"):
            with pytest.raises(DataError, match="not found in there"):
                import_dataset(name, tmp_path, voxel_size_nm=(1, 1, 1))
            with pytest.raises(DataError, match="no such folder"):
                import_dataset(name, tmp_path / "no", voxel_size_nm=(1, 1, 1))
        assert importer.name == name
        assert importer.description
    epfl_tiff(tmp_path)
    with pytest.raises(DataError, match="option raw does not apply to epfl; epfl takes split"):
        import_dataset("epfl", tmp_path, raw="x")
    with pytest.raises(DataError, match="option colour is unknown; vnc takes none"):
        import_dataset("vnc", tmp_path, colour="x")
    with pytest.raises(DataError, match="has no split val; found train, test"):
        import_dataset("epfl", tmp_path, split="val")
    with pytest.raises(DataError, match=r"training\.tif: is a file; expected a folder"):
        import_dataset("epfl", tmp_path / "training.tif")
    for name in ("one", "two"):
        (tmp_path / "both" / name).mkdir(parents=True)
        vnc(tmp_path / "both" / name)
    with pytest.raises(DataError, match="stack1 and stack1 both hold"):
        import_dataset("vnc", tmp_path / "both")


def test_folders_of_numbered_sections_count_as_numbers(tmp_path: Path) -> None:
    for number in range(1, 13):
        (tmp_path / f"s{number}_json").mkdir()
    assert [folder.name for folder in subfolders(tmp_path)] == [f"s{number}_json" for number in range(1, 13)]
