"""From grey images of any voxel size to foreground probabilities on the same grid."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn

from mitodata import DataError, RunError, VoxelSize
from mitoseg.checkpoint import checkpoint_of, load_checkpoint
from mitoseg.config import FitConfig, parse_config
from mitoseg.decode import Decoding, foreground_map
from mitoseg.model import build_model, memory_format, pick_device
from mitoseg.preprocess import (
    measure_grey,
    mirror_to,
    normalise,
    resample,
    resample_volume,
    working_shape,
    working_volume,
)
from mitoseg.targets import activate, output_channels

OVERLAP = 0.25
"""Share by which neighbouring windows overlap; their predictions are blended with Gaussian weights."""

WINDOWS = 8
"""Windows that go through the network together."""


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with all that is needed to use it.

    Attributes:
        network: in evaluation mode, on its device.
        config: the settings it was trained with.
        threshold: probability from which on a pixel is foreground, chosen on the validation set.
        name: where it came from.
        decoding: how its maps become instances, chosen on the validation set.
    """

    network: nn.Module
    config: FitConfig
    threshold: float
    name: str = ""
    decoding: Decoding = field(default_factory=Decoding)


def load_model(run: Path | str, device: str = "auto") -> Model:
    """Load the averaged weights and the threshold of a run.

    Args:
        run: a run's folder (its `last.pt` is taken), or a checkpoint.
        device: "auto", "cpu" or "cuda".

    Raises:
        RunError: there is no run, or its checkpoint is damaged.
    """
    path = checkpoint_of(Path(run))
    target = pick_device(device)
    content = load_checkpoint(path, target)
    try:
        config = parse_config(content["config"], str(path))
        network = build_model(config).to(target)
        network.load_state_dict(content["weights"])
        threshold = float(content["threshold"])
        decoding = Decoding(**content.get("decoding", {"threshold": threshold}))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunError(f"{path}: weights do not fit the network of its settings; the file is damaged") from error
    return Model(network.eval(), config, threshold, str(run), decoding)


def predict_probability(
    model: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize, *, turns: bool = False
) -> NDArray[np.float32]:
    """Probability of foreground at every voxel: (Z, Y, X) float32 in [0, 1]; arguments and errors as `predict_maps`."""
    return foreground_map(predict_maps(model, raw, voxel_size_nm, turns=turns), model.config.target)


def predict_maps(
    model: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize, *, turns: bool = False
) -> NDArray[np.float32]:
    """All that the network says about every voxel: slice by slice, or with a 3D network in blocks.

    Args:
        model: from `load_model`.
        raw: (Z, Y, X) uint8.
        voxel_size_nm: (z, y, x) edge lengths in nm; decides how the image is brought to the network's grid.
        turns: predict all four quarter turns of the image and of its mirror image, and average: a little better, and
            eight times as slow.

    Returns:
        (C, Z, Y, X) float32 in [0, 1], on the grid of `raw`; the channels are those of `mitoseg.targets`.

    Raises:
        DataError: `raw` is no such array, or the voxel size is out of reach.
    """
    if raw.ndim != 3 or raw.dtype != np.uint8 or 0 in raw.shape:
        raise DataError(f"image: {raw.dtype} of shape {raw.shape}; expected non-empty uint8 of shape (Z, Y, X)")
    if model.config.dimensions == 3:
        return _predict_volume(model, raw, voxel_size_nm)
    shape = (raw.shape[1], raw.shape[2])
    size = working_shape(shape, voxel_size_nm, model.config.working_voxel_nm)
    device = next(model.network.parameters()).device
    maps = np.empty((output_channels(model.config.target), *raw.shape), np.float32)
    with torch.inference_mode():
        for z, section in enumerate(raw):
            image = torch.from_numpy(normalise(section, measure_grey(section)))[None, None].to(device)
            working = _predict_working(model, resample(image, size), turns)
            maps[:, z] = resample(working, shape)[0].clamp(0, 1).cpu().numpy()
    return maps


def _predict_volume(model: Model, raw: NDArray[np.uint8], voxel_size_nm: VoxelSize) -> NDArray[np.float32]:
    shape = (raw.shape[0], raw.shape[1], raw.shape[2])
    size = working_volume(shape, voxel_size_nm, model.config)
    device = next(model.network.parameters()).device
    image = torch.from_numpy(np.stack([normalise(section, measure_grey(section)) for section in raw])[None])
    with torch.inference_mode():
        working = _predict_once(model, resample_volume(image, size)[None].to(device))[0]
        return resample_volume(working, shape).clamp(0, 1).cpu().numpy()


def _predict_working(model: Model, image: Tensor, turns: bool) -> Tensor:
    """Maps (1, C, Y, X) of an image on the working grid."""
    if not turns:
        return _predict_once(model, image)
    views = []
    for mirrored in (False, True):
        for quarter in range(4):
            view = torch.rot90(image.flip(-1) if mirrored else image, quarter, (-2, -1))
            back = torch.rot90(_predict_once(model, view), -quarter, (-2, -1))
            views.append(back.flip(-1) if mirrored else back)
    return torch.stack(views).mean(0)


def _predict_once(model: Model, image: Tensor) -> Tensor:
    """Maps (1, C, ...) of an image (1, 1, ...) on the working grid."""
    shape, window = image.shape[2:], model.config.patch_shape
    # Images smaller than a window are mirrored at their edges, as in training.
    starts = [max(0, side - length) // 2 for side, length in zip(window, shape, strict=True)]
    image = mirror_to(image, tuple(map(max, shape, window)))
    blended = sliding_window_inference(
        image, window, WINDOWS, lambda windows: _activations(model, windows), overlap=OVERLAP, mode="gaussian"
    )
    if not isinstance(blended, Tensor):
        raise TypeError("sliding_window_inference gave more than one result")
    for axis, (start, length) in enumerate(zip(starts, shape, strict=True), 2):
        blended = blended.narrow(axis, start, length)
    return blended


def _activations(model: Model, windows: Tensor) -> Tensor:
    logits = model.network(windows.contiguous(memory_format=memory_format(model.config)))
    return activate(logits, model.config.target)
