"""Sample data: tissue rendered when it is asked for, with its labels."""

from mitodata import Sample
from mitogen import load_recipe, render
from mitoseg_napari.pictures import OURS
from mitoseg_napari.reader import LayerData

SECTION_PX = 768
BLOCK_PX = 192


def brain_section() -> list[LayerData]:
    """A section of brain."""
    return _layers("rendered brain", render(load_recipe("brain"), 0, 3, (1, SECTION_PX, SECTION_PX)))


def heart_section() -> list[LayerData]:
    """A section of heart muscle, full of mitochondria."""
    return _layers("rendered heart", render(load_recipe("heart"), 0, 1, (1, SECTION_PX, SECTION_PX)))


def brain_block() -> list[LayerData]:
    """A block of brain with cubic voxels, as an ion beam mills it."""
    return _layers("rendered block", render(load_recipe("em3d"), 0, 0, (BLOCK_PX // 2, BLOCK_PX, BLOCK_PX)))


def _layers(name: str, sample: Sample) -> list[LayerData]:
    """Image and labels of a sample."""
    flat = sample.is_2d
    scale = sample.voxel_size_nm[1:] if flat else sample.voxel_size_nm
    keywords = {"scale": scale, "units": ("nm",) * len(scale)}
    note = {"thickness_nm": sample.params.get("section.thickness_nm", sample.voxel_size_nm[0]), "apart": False}
    raw = sample.raw[0] if flat else sample.raw
    layers: list[LayerData] = [
        (
            raw,
            {"name": name, "contrast_limits": (0, 255), "metadata": {OURS: {**note, "array": "raw"}}, **keywords},
            "image",
        )
    ]
    if sample.label is not None:
        label = sample.label[0] if flat else sample.label
        own = {"name": f"{name} mitochondria", "opacity": 0.5, "metadata": {OURS: {**note, "array": "label"}}}
        layers.append((label, {**own, **keywords}, "labels"))
    return layers
