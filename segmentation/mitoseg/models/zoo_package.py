"""A model as a package of the BioImage Model Zoo (bioimage.io, specification 0.5), tested as the zoo tests it."""

import inspect
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from packaging.version import Version
from PIL import Image
from skimage.filters import apply_hysteresis_threshold

from mitodata import RunError
from mitodata.files import write_atomic
from mitoseg.models.hub_card import AUTHORS, TITLE, hub_text
from mitoseg.models.portable import OPSET, MapNetwork, Portable, make_onnx, make_torchscript, scratch_folder
from mitoseg.networks import stem_unet
from mitoseg.networks.extras import need
from mitoseg.networks.normalisation import CLIP, WIDTHS
from mitoseg.networks.unet import arguments_2d

EXAMPLE_PX = 256
"""Least side of the image in a package, for 2D networks."""

EPSILON = 1e-6
"""What the zoo adds to a standard deviation."""

IN_THE_ZOO = f"""
## In the programs of the zoo

Bring images to the pixel size of the input axes first. Programs of the zoo subtract the mean of a section and divide by
its standard deviation, `mitoseg predict` takes the median and the distance from the 5th to the 95th percentile over
{WIDTHS}: probabilities differ a little. The output is a probability; the thresholds that make masks of it are in the
configuration, under `mitoseg`.
"""

TOO_NEW, REPAIRED = Version("2.14"), Version("0.5.14")
"""From this version of pydantic on, versions of bioimageio.spec before the other fail to write any package."""

ENVIRONMENT = """channels:
  - conda-forge
dependencies:
  - python>=3.11
  - pytorch>=2.4
  - monai>=1.4
"""
"""What the architecture beside a state dict needs, for conda."""

RED = np.array([230, 60, 40], np.float32)

CITED = (
    {
        "text": "Ronneberger, Fischer and Brox: U-Net: convolutional networks for biomedical image segmentation, 2015",
        "doi": "10.1007/978-3-319-24574-4_28",
    },
    {
        "text": "Cardoso et al.: MONAI: an open-source framework for deep learning in healthcare, 2022",
        "doi": "10.48550/arXiv.2211.02701",
    },
)
"""What the networks are made of. The zoo lists nothing without a DOI or an address, so our own entry, which has
neither, stands in the package's README."""


def check_extra() -> None:
    """See whether what makes and tests packages is installed and works, before the work is done.

    Raises:
        RunError: it is not, or it does not.
    """
    for library in ("onnx", "onnxruntime", "bioimageio.core"):
        need(library, "mitoseg export to bioimage.io")
    pydantic, spec = version("pydantic"), version("bioimageio.spec")
    if Version(pydantic) >= TOO_NEW and Version(spec) < REPAIRED:
        raise RunError(
            f"mitoseg export to bioimage.io: bioimageio.spec {spec} does not work with pydantic {pydantic}; install an "
            f"older one: pip install 'pydantic<{TOO_NEW}'"
        )


def example_shape(model: Portable) -> tuple[int, int, int]:
    """Shape (z, y, x) of an image that the network of a package can see."""
    sides = list(model.patch)
    if model.units and model.config.dimensions == 2:
        sides = [
            side + max(0, ceil((EXAMPLE_PX - side) / unit)) * unit
            for side, unit in zip(sides, model.units, strict=True)
        ]
    z, y, x = (1, *sides)[-3:]
    return z, y, x


def write_package(path: Path, model: Portable, image: NDArray[np.uint8]) -> float:
    """Write a package, once it has passed the zoo's own test with each of its weights.

    Args:
        path: the new file, a zip.
        model: what is written.
        image: (Z, Y, X) uint8 on the working grid, of the shape `example_shape`: test, and cover.

    Returns:
        The largest difference of its weights from torch.

    Raises:
        RunError: a library is missing, the weights give other maps than torch, or the zoo's test fails.
        DataError: it cannot be written.
    """
    check_extra()
    onnx, onnx_difference = make_onnx(model)
    script, script_difference = make_torchscript(model)
    seen = image[None, None] if model.config.dimensions == 3 else image[None]
    maps = _maps(model, seen)
    with scratch_folder() as root:
        (root / "weights.onnx").write_bytes(onnx)
        (root / "weights.pt").write_bytes(script)
        if has_state_dict(model):
            weights = MapNetwork(model.network, model.config).state_dict()
            torch.save({name: weight.contiguous() for name, weight in weights.items()}, root / "state_dict.pt")
            (root / "stem_unet.py").write_text(inspect.getsource(stem_unet), encoding="utf-8")
            (root / "environment.yaml").write_text(ENVIRONMENT, encoding="utf-8")
        (root / "README.md").write_text(hub_text(model.card, model.config) + IN_THE_ZOO, encoding="utf-8")
        (root / "cover.png").write_bytes(_cover(image, maps, model.decoding))
        np.save(root / "test_input.npy", seen)
        np.save(root / "test_output.npy", maps)
        content = _packed(root, describe(model))
    write_atomic(path, content)
    return max(onnx_difference, script_difference)


def has_state_dict(model: Portable) -> bool:
    """Whether a package holds a state dict: of our 2D U-Net, which is made by one file without the rest of ours."""
    config = model.config
    return model.units is not None and config.dimensions == 2 and config.target != "compartments"


def describe(model: Portable) -> dict[str, Any]:
    """Say what the zoo wants to know of a model, as the package's YAML does."""
    card, config = model.card, model.config
    space = [*zip(("z", "y", "x")[-config.dimensions :], model.patch, model.units or model.patch, strict=True)]
    kind = f"{config.dimensions}D U-Net" if model.units else config.network
    named = re.sub(r"[^A-Za-z0-9_+\-() ]", "_", card.name)
    tags = ["mitochondria", "electron-microscopy", "segmentation", "semantic-segmentation", "pytorch"]
    return {
        "type": "model",
        "name": named if len(named) >= 5 else f"mitochondria {named}",
        "description": card.description or "Finds mitochondria in electron micrographs.",
        "authors": [{"name": name} for name in AUTHORS],
        "cite": [*CITED],
        "license": card.licence or None,
        "documentation": {"source": "README.md"},
        "covers": [{"source": "cover.png"}],
        "tags": [*tags, f"{config.dimensions}d", f"unet{config.dimensions}d"],
        "inputs": [_input(model, space)],
        "outputs": [_output(model, space)],
        "weights": _weights(model),
        "config": {
            "bioimageio": {
                "architecture_type": kind[:32],
                "modality": "electron microscopy",
                "target_structure": ["mitochondria"],
            },
            "mitoseg": {**model.texts(), "cite": f"{'; '.join(AUTHORS)}. {TITLE}."},
        },
    }


def _weights(model: Portable) -> dict[str, Any]:
    """The formats of a package: of the first one the others were made."""
    torch_version = torch.__version__.partition("+")[0]
    script = {"source": "weights.pt", "pytorch_version": torch_version}
    onnx = {"source": "weights.onnx", "opset_version": OPSET}
    if not has_state_dict(model):
        return {"torchscript": script, "onnx": {**onnx, "parent": "torchscript"}}
    architecture = {
        "source": "stem_unet.py",
        "callable": stem_unet.MapUNet.__name__,
        "kwargs": arguments_2d(model.config),
    }
    first = {
        "source": "state_dict.pt",
        "architecture": architecture,
        "pytorch_version": torch_version,
        "dependencies": {"source": "environment.yaml"},
    }
    parent = {"parent": "pytorch_state_dict"}
    return {"pytorch_state_dict": first, "torchscript": {**script, **parent}, "onnx": {**onnx, **parent}}


def _input(model: Portable, space: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    """The image that a network of the zoo is given: grey levels, with their mean and spread made 0 and 1."""
    axes = [
        {
            "type": "space",
            "id": name,
            "size": {"min": side, "step": unit} if model.units else side,
            **_grid(model, name),
        }
        for name, side, unit in space
    ]
    return {
        "id": "image",
        "description": "Electron micrograph, membranes dark.",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": ["grey"]}, *axes],
        "data": {"type": "uint8"},
        "test_tensor": {"source": "test_input.npy"},
        "preprocessing": [
            {"id": "zero_mean_unit_variance", "kwargs": {"axes": ["channel", "y", "x"], "eps": EPSILON}},
            {"id": "clip", "kwargs": {"min": -CLIP, "max": CLIP}},
            {"id": "ensure_dtype", "kwargs": {"dtype": "float32"}},  # else the zoo goes back to that of the image
        ],
    }


def _output(model: Portable, space: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    """The maps that it gives; a quarter of the smallest image, at most one step, is rim where tiles overlap."""
    axes = [
        {
            "type": "space",
            "id": name,
            "size": {"tensor_id": "image", "axis_id": name},
            "halo": min(unit, side // 4),
            **_grid(model, name),
        }
        for name, side, unit in space
    ]
    return {
        "id": "maps",
        "description": "Probability of mitochondria first, in 0 ... 1.",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": [*model.channels]}, *axes],
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "test_tensor": {"source": "test_output.npy"},
    }


def _grid(model: Portable, axis: str) -> dict[str, Any]:
    """Unit and length of a voxel along an axis."""
    config = model.config
    edge = (config.working_slice_nm or config.working_voxel_nm) if axis == "z" else config.working_voxel_nm
    return {"unit": "nanometer", "scale": float(edge)}


@torch.inference_mode()
def _maps(model: Portable, seen: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What torch says of an image (1, 1, ..., Y, X) uint8 that is normalised as the zoo does it."""
    grey = seen.astype(np.float64)
    mean, spread = (of(grey, axis=(-2, -1), keepdims=True) for of in (np.mean, np.std))
    normal = ((grey - mean) / (spread + EPSILON)).clip(-CLIP, CLIP).astype(np.float32)
    maps = MapNetwork(model.network, model.config).eval()(torch.from_numpy(normal))
    return np.asarray(maps.numpy(), np.float32)


def _cover(image: NDArray[np.uint8], maps: NDArray[np.float32], decoding: Mapping[str, Any]) -> bytes:
    """The middle section beside itself with its mask, as a PNG twice as wide as high."""
    section = np.repeat(image[len(image) // 2][..., None], 3, axis=-1).astype(np.float32)
    found = maps[0, 0].reshape(image.shape)[len(image) // 2]
    low = float(decoding["threshold"])
    mask = apply_hysteresis_threshold(found, low, max(low, float(decoding["peak"])))
    side = min(section.shape[:2])
    tinted = np.where(mask[..., None], 0.6 * section + 0.4 * RED, section)
    both = np.concatenate([section[:side, :side], tinted[:side, :side]], axis=1)
    buffer = BytesIO()
    Image.fromarray(both.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _packed(root: Path, tree: dict[str, Any]) -> bytes:
    """Make the zip of what lies in a folder, and test it.

    Raises:
        RunError: the zoo refuses it.
    """
    spec, core = need("bioimageio.spec", "mitoseg export"), need("bioimageio.core", "mitoseg export")
    for name in ("bioimageio.spec", "bioimageio.core"):
        need("loguru", "mitoseg export").logger.disable(name)
    newest = need("bioimageio.spec.model.v0_5", "mitoseg export").ModelDescr.implemented_format_version
    tree = {**tree, "format_version": newest}
    described = spec.build_description(tree, context=spec.ValidationContext(root=root, file_name="bioimageio.yaml"))
    if isinstance(described, spec.InvalidDescr):
        raise RunError(f"the zoo refuses the package: {_problem(described.validation_summary)}; nothing was written")
    file = root / "package.zip"
    spec.save_bioimageio_package(described, output_path=file)
    summary = core.test_model(file)
    if summary.status != "passed":
        raise RunError(f"the package fails the zoo's test: {_problem(summary)}; nothing was written")
    return file.read_bytes()


def _problem(summary: Any) -> str:
    """The first error of a summary of the zoo, in one line."""
    errors = [error for detail in summary.details for error in detail.errors]
    if not errors:
        return f"status {summary.status}"
    place = ".".join(map(str, errors[0].loc))
    return f"{place}: {errors[0].msg.splitlines()[0]}"
