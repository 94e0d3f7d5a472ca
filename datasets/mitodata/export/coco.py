"""A dataset file as images and COCO's JSON of instances.

Format: https://cocodataset.org/#format-data. Masks are run-length encoded, because polygons know no holes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitodata.export.sections import NAME, NamedSection, new_folder, open_labelled, png, sections_of
from mitodata.hdf5.layout import Provenance, software

IMAGES, ANNOTATIONS = "images", "annotations.json"
"""What the folder holds."""

_OURS = rf"annotations\.json|images/{NAME}\.png"

CATEGORY = "mitochondrion"


def export_coco(path: Path, output: Path, category: str = CATEGORY, *, overwrite: bool = False) -> list[Path]:
    """Write every section as a PNG, and all instances into one JSON.

    An instance of a volume has an annotation in each section that it is in; their `instance` is the same. Where no
    truth is known, an annotation with `iscrowd` 1 says so, which COCO's evaluation leaves out.

    Args:
        path: a labelled dataset file.
        output: the folder to write.
        category: what the instances are called.
        overwrite: replace a folder that was written before.

    Returns:
        The JSON.

    Raises:
        DataError: the file is damaged or not labelled, or the folder exists already or cannot be written.
    """
    with open_labelled(path) as dataset, new_folder(output, _OURS, overwrite) as draft:
        (draft / IMAGES).mkdir()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, section in enumerate(sections_of(dataset), start=1):
            (draft / IMAGES / f"{section.name}.png").write_bytes(png(section.raw))
            images.append(_image(number, section))
            for annotation in _annotations(section):
                annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1, **annotation})
        content = {
            **_origin(dataset.provenance),
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": category, "supercategory": ""}],
        }
        (draft / ANNOTATIONS).write_text(json.dumps(content), encoding="utf-8")
    return [output / ANNOTATIONS]


def encode_runs(inside: NDArray[np.bool_]) -> list[int]:
    """Encode a mask (Y, X) as COCO does: lengths of runs down the columns, of 0 and 1 in turn, 0 first."""
    flat = inside.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    lengths: list[int] = np.diff(edges, prepend=0, append=flat.size).tolist()
    return lengths


def _origin(provenance: Provenance) -> dict[str, Any]:
    info = {"description": provenance.source, "contributor": provenance.software or software(), "version": "1.0"}
    licences = [{"id": 1, "name": provenance.licence, "url": ""}] if provenance.licence else []
    return {"info": info | ({"citation": provenance.citation} if provenance.citation else {}), "licenses": licences}


def _image(number: int, section: NamedSection) -> dict[str, Any]:
    height, width = section.raw.shape
    return {
        "id": number,
        "file_name": f"{IMAGES}/{section.name}.png",
        "width": width,
        "height": height,
        "sample": section.image,
        "z": section.z,
        "voxel_size_nm": list(section.voxel_size_nm),
    }


def _annotations(section: NamedSection) -> Iterator[dict[str, Any]]:
    """The instances of a section, and last where no truth is known."""
    known = np.where(section.unknown, 0, section.label)
    numbers, compact = np.unique(known, return_inverse=True)
    boxes = ndimage.find_objects(compact.reshape(known.shape) + 1)  # 0 would not be counted
    for number, box in zip(numbers, boxes, strict=True):
        if number:
            yield _annotation(known == number, box, crowd=False) | {"instance": int(number)}
    if section.unknown.any():
        (box,) = ndimage.find_objects(section.unknown.astype(np.uint8))
        yield _annotation(section.unknown, box, crowd=True)


def _annotation(inside: NDArray[np.bool_], box: tuple[slice, ...], *, crowd: bool) -> dict[str, Any]:
    y, x = box
    return {
        "segmentation": {"size": list(inside.shape), "counts": encode_runs(inside)},
        "area": int(np.count_nonzero(inside[box])),
        "bbox": [x.start, y.start, x.stop - x.start, y.stop - y.start],
        "iscrowd": int(crowd),
    }
