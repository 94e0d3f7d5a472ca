"""Shapes and exports of labelme; areas follow from the corners."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mitodata import DataError, Sample
from mitodata.importers import import_dataset, recognise

SIZE = (40, 50)


def read(path: Path, **options: Any) -> list[Sample]:
    return list(import_dataset("pairs", path, voxel_size_nm=(40, 5, 5), **options)[0])


def shape(label: str, points: list[list[float]], kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def square(label: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """10 x 10 px from the corner (x, y) on."""
    return shape(label, [[x, y], [x + 10, y], [x + 10, y + 10], [x, y + 10]], **more)


def write(folder: Path, shapes: list[dict[str, Any]], name: str = "a", **more: Any) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)).save(folder / f"{name}.png")
    table = {"version": "5.0", "shapes": shapes, "imageHeight": SIZE[0], "imageWidth": SIZE[1], **more}
    (folder / f"{name}.json").write_text(json.dumps(table))


def areas(sample: Sample) -> list[int]:
    """Pixels of each instance in the order of their numbers."""
    assert sample.label is not None
    return np.bincount(sample.label.ravel())[1:].tolist()


def test_shapes_become_instances(tmp_path: Path) -> None:
    bits = np.zeros((4, 6), np.uint8)
    bits[1:3, 2:5] = 255
    stream = io.BytesIO()
    Image.fromarray(bits).save(stream, "PNG")
    write(
        tmp_path,
        [
            square("mito", 2, 3),
            shape("mito", [[30, 5], [20, 15]], "rectangle"),
            shape("mito", [[40, 10], [40, 13]], "circle"),
            shape("mito", [[10, 30], [15, 33]], "mask", mask=base64.b64encode(stream.getvalue()).decode()),
            square("mito", 30, 25, group_id=7),
            shape("mito", [[43, 25], [45, 25], [45, 27], [43, 27]], group_id=7),
        ],
    )
    assert recognise(tmp_path) == "pairs"
    (sample,) = read(tmp_path)
    assert areas(sample) == [100, 100, 32, 6, 104]  # 32 middles of pixels lie within 3 px of a corner of pixels
    assert sample.label is not None
    assert np.argwhere(sample.label[0] == 1).min(axis=0).tolist() == [3, 2]
    assert np.argwhere(sample.label[0] == 4).tolist() == [[31, 12], [31, 13], [31, 14], [32, 12], [32, 13], [32, 14]]
    assert import_dataset("pairs", tmp_path, voxel_size_nm=(40, 5, 5))[1].instances == "given by the source"


def test_where_shapes_overlap_the_later_is_seen(tmp_path: Path) -> None:
    write(tmp_path, [square("mito", 0, 0), square("mito", 5, 5)])
    assert areas(read(tmp_path)[0]) == [75, 100]


def test_labels_are_chosen_by_name(tmp_path: Path) -> None:
    write(tmp_path / "images", [square("mito", 0, 0), square("nucleus", 20, 20), square("mito", 12, 0)])
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images/a.json").rename(tmp_path / "annotations/a.json")
    with pytest.raises(
        DataError, match=r"a\.json: labels mito \(2\), nucleus \(1\); expected the choice --mask-values"
    ):
        read(tmp_path)
    assert areas(read(tmp_path, mask_values="mito")[0]) == [100, 100]
    assert areas(read(tmp_path, mask_values="any")[0]) == [100, 100, 100]
    with pytest.raises(DataError, match=r"has no label golgi; found mito \(2\), nucleus \(1\)"):
        read(tmp_path, mask_values="golgi")
    with pytest.raises(DataError, match="expected --mask-values any, or such a label, and no --unknown"):
        read(tmp_path, mask_values="1")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is no JSON, or damaged"),
        ("[]", "expected the JSON of labelme, with shapes, imageHeight and imageWidth"),
        ('{"shapes": []}', "expected the JSON of labelme.*KeyError"),
        ('{"images": [], "annotations": []}', "got that of COCO"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    write(tmp_path, [])
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=rf"a\.json: .*{problem}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ([shape("mito", [[1, 1], [5, 5]], "line")], r"shape 0 \(mito\) is a line of 2 points; expected a polygon"),
        ([shape("mito", [[1, 1], [5, 5]])], "is a polygon of 2 points"),
        ([square("mito", 0, 0), square("mito", 90, 90)], r"shape 1 \(mito\) covers no pixel of the image; remove it"),
        ([shape("mito", [[0, 0], [3, 3]], "mask", mask="no image")], "expected the JSON of labelme|not an image"),
    ],
)
def test_shapes_without_an_area_are_refused(tmp_path: Path, shapes: list[dict[str, Any]], problem: str) -> None:
    write(tmp_path, shapes)
    with pytest.raises(DataError, match=problem):
        read(tmp_path)


def test_shapes_of_another_size_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [square("mito", 0, 0)], imageHeight=80)
    with pytest.raises(DataError, match=r"its label image is \(80, 50\) \(y, x\), the image \(40, 50\)"):
        read(tmp_path)


def export(folder: Path, name: str, numbers: np.ndarray, names: list[str]) -> None:
    """As labelme_json_to_dataset does: the numbers are those of each image alone."""
    path = folder / f"{name}_json"
    path.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8)).save(path / "img.png")
    image = Image.fromarray(numbers.astype(np.uint8), "L")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(path / "label.png")
    (path / "label_names.txt").write_text("\n".join(["_background_", *names]) + "\n")


def test_exported_labels_count_by_name(tmp_path: Path) -> None:
    first, second = np.zeros(SIZE), np.zeros(SIZE)
    first[2:12, 3:13], first[20:30, 3:13], second[2:12, 3:13] = 1, 2, 1
    export(tmp_path, "x", first, ["nucleus", "mito"])
    export(tmp_path, "y", second, ["mito"])
    assert recognise(tmp_path) == "pairs"
    with pytest.raises(DataError, match=r"labels mito \(2\), nucleus \(1\)"):
        read(tmp_path)
    samples = read(tmp_path, mask_values="mito")
    assert [sample.name for sample in samples] == ["x", "y"]
    for sample, top in zip(samples, (20, 2), strict=True):
        assert sample.label is not None
        assert np.argwhere(sample.label[0]).min(axis=0).tolist() == [top, 3]
        assert areas(sample) == [100]
    assert areas(read(tmp_path, mask_values="instances")[0]) == [100, 100]


def test_objects_of_a_volume_of_shapes_are_what_touches_in_3d(tmp_path: Path) -> None:
    corners = [(2, 3), (20, 3), (2, 25)]
    for z, order in enumerate(([0, 1, 2], [2, 0, 1], [1, 2, 0])):
        write(tmp_path, [square("mito", *corners[place]) for place in order], name=f"a{z}")
    (whole,) = read(tmp_path, as_volume=True)
    assert areas(whole) == [300, 300, 300]
    assert whole.label is not None
    for x, y in corners:
        assert len(np.unique(whole.label[:, y : y + 10, x : x + 10])) == 1
    provenance = import_dataset("pairs", tmp_path, voxel_size_nm=(40, 5, 5), as_volume=True)[1]
    assert provenance.instances == "connected components in 3D (26 neighbours) of the mask"
    assert [areas(sample) for sample in read(tmp_path)] == [[100, 100, 100]] * 3


def test_groups_of_shapes_are_not_followed_through_a_volume(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for z in range(2):
        write(tmp_path, [square("mito", 2, 3, group_id=4), square("mito", 30, 3, group_id=4)], name=f"a{z}")
    read(tmp_path)
    said = "groups of shapes end with their file"
    assert not [record for record in caplog.records if said in record.getMessage()]
    assert areas(read(tmp_path, as_volume=True)[0]) == [200, 200]
    assert len([record for record in caplog.records if said in record.getMessage()]) == 1


def test_objects_of_a_volume_of_exports_are_what_touches_in_3d(tmp_path: Path) -> None:
    for name, numbers in (("x", (1, 2)), ("y", (2, 1))):
        image = np.zeros(SIZE)
        image[2:12, 3:13], image[20:30, 3:13] = numbers
        export(tmp_path, name, image, ["a", "b"])
    (whole,) = read(tmp_path, as_volume=True, mask_values="instances")
    assert areas(whole) == [200, 200]
    assert whole.label is not None
    assert np.unique(whole.label[:, 2:12, 3:13]).tolist() == [1]
