"""Images with masks as people lay them out: which files belong together, and what is refused."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from mitodata import DataError, Sample
from mitodata.importers import import_dataset, recognise
from mitodata.importers.pairing import core, is_mask, pair, unpaired

Pixels = NDArray[Any]
SIZE = (30, 40)
NM = (40, 5, 5)


def raw(seed: int = 0, depth: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (depth, *SIZE), dtype=np.uint8)


def boxes(depth: int = 1) -> Pixels:
    """Five boxes of 4 x 4 px, numbered; in each section the last one is missing but in the first."""
    image = np.zeros((depth, *SIZE), np.int64)
    for number in range(1, 6):
        image[: depth if number < 5 else 1, 4:8, 7 * number - 5 : 7 * number - 1] = number
    return image


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": "ZYX"} if pixels.ndim == 3 else None)
    else:
        Image.fromarray(pixels).save(path)


def read(path: Path, **options: Any) -> list[Sample]:
    return list(import_dataset("pairs", path, voxel_size_nm=NM, **options)[0])


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("image_00{}.tif", "mask_00{}.tif"),
        ("{}.png", "{}_mask.png"),
        ("{}.png", "{}_label.tif"),
        ("{}.tif", "{}_cp_masks.png"),
        ("{}.tif", "{}_seg.tif"),
        ("im{}.png", "seg00{}.png"),
        ("cell {}-raw.png", "cell_{}-GT.png"),
        ("images/{}.png", "labels/{}.png"),
        ("raw/slice_{}.png", "annotations/slice_{}_anno_JS.png"),
        ("img/T7_z{}.png", "gt/z0{}.png"),
        ("JPEGImages/{}.png", "SegmentationObject/{}.png"),
    ],
)
def test_names_that_belong_together(tmp_path: Path, image: str, mask: str) -> None:
    for number in (1, 2, 10):
        save(tmp_path / "mine" / image.format(number), raw(number)[0])
        truth = boxes()[0] > 0
        truth[: number + 3] = False
        save(tmp_path / "mine" / mask.format(number), truth.astype(np.uint8) * 255)
    (tmp_path / "mine/Thumbs.db").write_bytes(b"x")
    assert recognise(tmp_path) == "pairs"
    samples = read(tmp_path)
    assert [sample.name for sample in samples] == [Path(image.format(number)).name for number in (1, 2, 10)]
    for number, sample in zip((1, 2, 10), samples, strict=True):
        np.testing.assert_array_equal(sample.raw, raw(number))
        assert sample.mask is not None
        expected = boxes() > 0
        expected[:, : number + 3] = False
        np.testing.assert_array_equal(sample.mask == 1, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32])
def test_a_stack_beside_a_stack_of_instances(tmp_path: Path, dtype: Any) -> None:
    """As napari saves a layer of labels."""
    save(tmp_path / "stack.tif", raw(depth=3))
    save(tmp_path / "labels.tif", boxes(3).astype(dtype))
    (whole,) = read(tmp_path, as_volume=True)
    np.testing.assert_array_equal(whole.raw, raw(depth=3))
    np.testing.assert_array_equal(whole.label, boxes(3).astype(np.uint16), strict=True)
    sections = read(tmp_path / "stack.tif", masks=str(tmp_path / "labels.tif"))
    assert [sample.name for sample in sections] == ["stack 0", "stack 1", "stack 2"]
    np.testing.assert_array_equal(sections[2].label, boxes(3)[2:])


def test_two_folders_may_be_given(tmp_path: Path) -> None:
    save(tmp_path / "monday/a.png", raw()[0])
    save(tmp_path / "drawn by hand/a.png", boxes()[0].astype(np.uint8))
    (sample,) = read(tmp_path / "monday", masks=str(tmp_path / "drawn by hand"))
    np.testing.assert_array_equal(sample.label, boxes())
    (sample,) = list(
        import_dataset("auto", tmp_path / "monday", masks=str(tmp_path / "drawn by hand"), voxel_size_nm=NM)[0]
    )
    assert sample.name == "a.png"
    with pytest.raises(DataError, match=r"are a file and a folder; expected two files or two folders"):
        read(tmp_path / "monday/a.png", masks=str(tmp_path / "drawn by hand"))
    with pytest.raises(DataError, match=r"a\.png: is a file; expected its masks as well: mitogen import pairs IMAGES"):
        read(tmp_path / "monday/a.png")


def test_stacks_and_single_sections_may_be_mixed(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", raw(1, 2))
    save(tmp_path / "a_mask.tif", (boxes(2) > 0).astype(np.uint8))
    save(tmp_path / "b.tif", raw(2)[0])
    save(tmp_path / "b_mask.png", (boxes()[0] > 0).astype(np.uint8) * 255)
    samples = read(tmp_path)
    assert [sample.name for sample in samples] == ["b.tif", "a 0", "a 1"]
    np.testing.assert_array_equal(samples[2].mask, boxes(2)[1:] > 0)
    save(tmp_path / "a_mask.tif", boxes(3).astype(np.uint8))
    with pytest.raises(DataError, match=r"a_mask\.tif: holds 3 sections, a\.tif 2; expected as many"):
        read(tmp_path)


def test_a_file_of_one_object_is_numbered_as_the_others_are(tmp_path: Path) -> None:
    for name, numbers in (("a", boxes()[0]), ("b", np.where(boxes()[0] == 3, 1, 0)), ("c", np.zeros(SIZE))):
        save(tmp_path / f"images/{name}.png", raw()[0])
        save(tmp_path / f"masks/{name}.png", numbers.astype(np.uint8))
    samples = read(tmp_path)
    np.testing.assert_array_equal(samples[0].label, boxes())
    np.testing.assert_array_equal(samples[1].label, boxes() == 3)
    assert samples[2].label is not None
    assert not samples[2].label.any()


def test_values_to_choose_and_values_unknown(tmp_path: Path) -> None:
    classes = np.array([0, 1, 2, 1, 2, 255])[boxes()[0]]
    save(tmp_path / "images/a.png", raw()[0])
    save(tmp_path / "masks/a.png", classes.astype(np.uint8))
    with pytest.raises(
        DataError, match=r"values 1 \(2 regions\), 2 \(2 regions\), 255 \(1 region\) may be instances or"
    ):
        read(tmp_path)
    (sample,) = read(tmp_path, mask_values="2", unknown="255")
    assert sample.mask is not None
    np.testing.assert_array_equal(sample.mask[0], np.array([0, 0, 1, 0, 1, 255])[boxes()[0]])
    (sample,) = read(tmp_path, mask_values="instances", unknown="255")
    np.testing.assert_array_equal(sample.label, np.where(classes == 255, 0, classes)[np.newaxis])
    assert sample.mask is not None
    assert (sample.mask[0][classes == 255] == 255).all()


def test_composed_and_decomposed_names_are_the_same(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "ü") for form in ("NFC", "NFD"))
    assert composed != decomposed
    save(tmp_path / f"images/{decomposed}.png", raw()[0])
    save(tmp_path / f"masks/{composed}.png", (boxes()[0] > 0).astype(np.uint8))
    save(tmp_path / "images/b.png", raw()[0])
    save(tmp_path / "masks/b.png", (boxes()[0] > 0).astype(np.uint8))
    assert [sample.name for sample in read(tmp_path)] == ["b.png", f"{composed}.png"]


def test_which_of_several_folders_is_not_guessed(tmp_path: Path) -> None:
    for folder in ("images", "masks", "instances"):
        save(tmp_path / folder / "a.png", raw()[0])
    with pytest.raises(DataError, match="holds instances and masks; say which: mitogen import pairs IMAGES MASKS"):
        read(tmp_path)


def test_all_that_lacks_a_partner_is_named_in_one_line(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"images/{name}.png", raw()[0])
    for name in "cde":
        save(tmp_path / f"masks/{name}.png", boxes()[0].astype(np.uint8))
    with pytest.raises(
        DataError, match=r"images/a\.png: has no mask in .*: a\.png, b\.png; without an image: d\.png, e\.png$"
    ) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_two_masks_of_an_image_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a_mask.png", "a_instances.png"):
        save(tmp_path / name, raw()[0])
    with pytest.raises(DataError, match=r"a_mask\.png: and a_instances\.png are masks of the same image"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a_mask.png", "mask_7.png", "labels.tif", "x_cp_masks.png", "seg01.tif", "a-GT.bmp"])
def test_names_of_masks(name: str) -> None:
    assert is_mask(Path(name))


@pytest.mark.parametrize("name", ["a.png", "unmasked_1.png", "seg01_raw.tif", "image_7.png", "-.png"])
def test_names_of_images(name: str) -> None:
    assert not is_mask(Path(name))


def test_the_core_of_a_name() -> None:
    assert core(Path("image_001.tif")) == core(Path("1-mask.png")) == core(Path("IMG1 cp_masks.tif")) == (1,)
    assert core(Path("seg_cell_mask_3_label.png")) == ("cell", "mask", 3)


def test_other_names_are_no_pairs() -> None:
    """Both lists have something in common, but not with each other: sample 3 is not sample 4."""
    pairs = pair([Path("s4_1.png"), Path("s4_2.png")], [Path("s3_1.png"), Path("s3_2.png")])
    assert all(None in each for each in pairs)
    assert "s4_1.png, s4_2.png; without an image: s3_1.png, s3_2.png" in unpaired(pairs, Path("i"), Path("m"))
    assert pair([Path("x.png")], [Path("y.png")]) == [(Path("x.png"), Path("y.png"))]


def test_a_stack_in_several_files_is_one_stack(tmp_path: Path) -> None:
    for folder, volume in (("images", raw(depth=2)), ("masks", boxes(2).astype(np.uint8))):
        (tmp_path / folder).mkdir()
        planes = "".join(
            f'<TiffData FirstZ="{z}" PlaneCount="1"><UUID FileName="a_z{z}.ome.tif">urn:uuid:{z}</UUID></TiffData>'
            for z in range(2)
        )
        size = f'SizeX="{SIZE[1]}" SizeY="{SIZE[0]}" SizeZ="2" SizeC="1" SizeT="1"'
        pixels = f'<Pixels DimensionOrder="XYZCT" Type="uint8" {size}><Channel/>{planes}</Pixels>'
        for z in range(2):
            space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
            xml = f'<?xml version="1.0"?><OME xmlns="{space}" UUID="urn:uuid:{z}"><Image>{pixels}</Image></OME>'
            tifffile.imwrite(tmp_path / folder / f"a_z{z}.ome.tif", volume[z], description=xml, metadata=None)
    samples = read(tmp_path)
    assert len(samples) == 2
    np.testing.assert_array_equal(np.concatenate([sample.raw for sample in samples]), raw(depth=2))
    np.testing.assert_array_equal(np.concatenate([sample.mask == 1 for sample in samples]), boxes(2) > 0)


def test_each_image_has_the_voxel_size_that_it_states_and_what_the_user_says_wins(tmp_path):
    sizes = {"a": 10.0, "b": 20.0, "c": 10.0}
    for place, (name, nm) in enumerate(sizes.items()):
        (tmp_path / "images").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / f"images/{name}.tif", raw(place)[0], imagej=True, resolution=(1000 / nm, 1000 / nm),
                         metadata={"unit": "um", "spacing": 0.05})  # fmt: skip
        mask = np.zeros(SIZE, np.uint8)
        mask[: 5 + place, :7] = 255
        save(tmp_path / f"masks/{name}.png", mask)
    found = {sample.name: sample for sample in import_dataset("pairs", tmp_path)[0]}
    for place, (name, nm) in enumerate(sizes.items()):
        sample = found[f"{name}.tif"]
        assert sample.voxel_size_nm == pytest.approx((50, nm, nm))
        assert np.array_equal(sample.raw, raw(place))
        assert sample.mask is not None
        assert (sample.mask == 1).sum() == 7 * (5 + place)
    assert {sample.voxel_size_nm for sample in read(tmp_path)} == {NM}
    save(tmp_path / "images/b.tif", raw(1)[0])
    with pytest.raises(DataError, match="give it as z y x"):
        list(import_dataset("pairs", tmp_path)[0])


def void_stack() -> Pixels:
    """Sections of 0 and 1, of 0 and 255, and of 0 and 1."""
    labels = np.zeros((3, *SIZE), np.uint8)
    labels[::2, 4:12, 4:12], labels[1, :, 20:] = 1, 255
    return labels


def test_255_is_unknown_where_another_section_of_the_file_holds_1(tmp_path: Path) -> None:
    save(tmp_path / "vo_i.tif", raw(depth=3))
    save(tmp_path / "vo_l.tif", void_stack())
    for whole in (False, True):
        samples = read(tmp_path / "vo_i.tif", masks=str(tmp_path / "vo_l.tif"), as_volume=whole)
        np.testing.assert_array_equal(np.concatenate([sample.mask for sample in samples]), void_stack())
        np.testing.assert_array_equal(np.concatenate([sample.label for sample in samples]) > 0, void_stack() == 1)


def test_small_objects_do_not_make_foreground_of_what_is_unknown(tmp_path: Path) -> None:
    labels = np.where(void_stack() == 255, np.uint8(255), np.uint8(0))
    labels[0, 5, 5] = 1
    save(tmp_path / "a.tif", raw(depth=3))
    save(tmp_path / "a_mask.tif", labels)
    np.testing.assert_array_equal(np.concatenate([sample.mask for sample in read(tmp_path)]), labels)


def test_files_of_0_and_1_beside_files_of_0_and_255_are_masks_and_a_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truth = boxes()[0] > 0
    for name, top in (("a", 1), ("b", 255)):
        save(tmp_path / f"{name}.tif", raw()[0])
        save(tmp_path / f"{name}_mask.tif", truth.astype(np.uint8) * np.uint8(top))
    save(tmp_path / "c.tif", raw(depth=2))
    save(tmp_path / "c_mask.tif", np.stack([truth, truth]).astype(np.uint8) * np.uint8(255))
    for sample in read(tmp_path):
        np.testing.assert_array_equal(sample.mask, truth[np.newaxis])
    (line,) = [record.getMessage() for record in caplog.records if "some files hold" in record.getMessage()]
    assert line.endswith("if 255 is what is unknown, say --unknown 255")
    samples = read(tmp_path, unknown="255")
    np.testing.assert_array_equal(samples[1].mask, truth[np.newaxis] * np.uint8(255))


def test_a_stack_of_0_and_1_and_the_largest_number_is_asked_about(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", raw(depth=3))
    save(tmp_path / "a_mask.tif", np.where(void_stack() == 255, np.uint16(65535), void_stack().astype(np.uint16)))
    with pytest.raises(DataError, match=r"values 1 \(2 regions\), 65535 \(1 region\) may be instances or classes"):
        read(tmp_path)


def left_out(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]


def save_pair(images: Path, masks: Path) -> None:
    save(images, raw()[0])
    save(masks, (boxes()[0] > 0).astype(np.uint8))


def test_pairs_that_lie_deeper_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for folder in ("x", "y/z"):
        save_pair(tmp_path / folder / "images/a.tif", tmp_path / folder / "masks/a.tif")
    assert recognise(tmp_path) == "pairs"
    assert not left_out(caplog)
    assert len(read(tmp_path)) == 1
    assert left_out(caplog) == [
        f"{tmp_path}: only the images in {tmp_path / 'x/images'} are imported; left out: y/z; import them by themselves"
    ]


def test_pairs_beside_the_folders_and_images_within_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_pair(tmp_path / "images/a.tif", tmp_path / "masks/a.tif")
    for name in "bcd":
        save_pair(tmp_path / f"{name}.tif", tmp_path / f"{name}_mask.tif")
    save(tmp_path / "overview.tif", raw()[0])  # has no mask
    save(tmp_path / "images/deeper/e.tif", raw()[0])
    assert [sample.name for sample in read(tmp_path)] == ["a.tif"]
    (line,) = left_out(caplog)
    assert "left out: b.tif, c.tif, d.tif, ... (4 in all); import them by themselves" in line


def test_nothing_is_said_of_results_hidden_folders_and_folders_without_pairs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_pair(tmp_path / "images/a.tif", tmp_path / "masks/a.tif")
    for folder in (".hidden", "found", "found/deeper", "page"):
        save_pair(tmp_path / folder / "a.tif", tmp_path / folder / "a_mask.tif")
    for mark in ("found/predictions.jsonl", "page/index.html"):
        (tmp_path / mark).touch()
    save(tmp_path / "pictures/a.tif", raw()[0])
    read(tmp_path)
    save_pair(tmp_path / "a.tif", tmp_path / "a_mask.tif")
    (tmp_path / "predictions.jsonl").touch()  # a_mask.tif is what was found in a.tif
    read(tmp_path)
    assert not left_out(caplog)
