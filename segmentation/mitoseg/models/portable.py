"""Models in the forms that other programs read, ONNX and TorchScript: made from one trace, and compared with torch.

What goes in is an image that is normalised and on the network's grid; what comes out are maps in [0, 1].
"""

import io
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import torch
from torch import Tensor, nn

from mitodata import RunError, WriteError
from mitodata.files import write_atomic
from mitoseg.config.settings import FitConfig
from mitoseg.models.card import Card
from mitoseg.models.onnx_file import SUFFIX, is_onnx, pack_onnx
from mitoseg.models.weights_file import Packed
from mitoseg.networks.extras import need
from mitoseg.networks.normalisation import CLIP, LEAST_WIDTH, WIDTHS
from mitoseg.networks.onnx_network import INPUT, OUTPUT, OnnxNetwork
from mitoseg.networks.targets import to_maps
from mitoseg.networks.unet import FEATURES, REDUCTION, sides_3d

TOLERANCE = 1e-4
"""Largest difference of maps in [0, 1] between torch and what was made from it."""

OPSET = 17
"""Version of ONNX's operators: the first that has all of ours, for the sake of older programs."""

NORMALISATION = (
    f"of each section: subtract the median, divide by (95th percentile - 5th percentile) / {WIDTHS}, at least "
    f"{LEAST_WIDTH:g}, clip to {-CLIP:g} ... {CLIP:g}; constant rims do not count"
)


@dataclass(frozen=True, eq=False)
class Portable:
    """A model that is to be written.

    Attributes:
        network: in evaluation mode, on the processor.
        config: its settings.
        decoding: how its maps are read, plain values.
        card: what is known of it, with its name.
    """

    network: nn.Module
    config: FitConfig
    decoding: Mapping[str, Any]
    card: Card

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the spatial axes."""
        return ("depth", "height", "width")[-self.config.dimensions :]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the maps."""
        return ("foreground", "boundary", "distance") if self.config.target == "instance" else ("foreground",)

    @property
    def units(self) -> tuple[int, ...] | None:
        """What the sides of images must be multiples of; None where only patches are known to fit."""
        if self.config.network not in FEATURES:
            return None
        return (REDUCTION, REDUCTION) if self.config.dimensions == 2 else sides_3d(self.config)

    @property
    def patch(self) -> tuple[int, ...]:
        """Sides of a patch of training."""
        return tuple(self.config.patch_shape[-self.config.dimensions :])

    def texts(self) -> dict[str, str]:
        """What other programs must know to use the network, by name."""
        config, decoding = self.config, self.decoding
        known = {
            "name": self.card.name,
            "description": self.card.description,
            "licence": self.card.licence,
            "axes": f"batch, channel, {', '.join(self.axes)}",
            "channels": ", ".join(self.channels),
            "target": config.target,
            "pixel_size_nm": f"{config.working_voxel_nm:g}",
            "multiples_px": ", ".join(map(str, self.units or self.patch)),
            "normalisation": NORMALISATION,
            "threshold": f"{decoding['threshold']:g}",
            "peak": f"{decoding['peak']:g}",
        }
        if config.dimensions == 3:
            known["slice_distance_nm"] = f"{config.working_slice_nm or config.working_voxel_nm:g}"
        return {name: text for name, text in known.items() if text}


class MapNetwork(nn.Module):
    """A network with what turns its output into maps."""

    def __init__(self, network: nn.Module, config: FitConfig) -> None:
        super().__init__()
        self.network = network
        self._target, self._outer_membrane = config.target, config.outer_membrane

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, ...) float32 to maps (B, C, ...) float32 in [0, 1]."""
        return to_maps(self.network(image), self._target, outer_membrane=self._outer_membrane)


def check_new(path: Path, overwrite: bool = False) -> None:
    """Refuse a path at which something lies, or that cannot be a file; before the work is done.

    Raises:
        RunError: something lies there, or the folder is missing.
    """
    if path.is_dir() or not path.name:
        raise RunError(f"{str(path)!r}: is a folder; expected the name of a file")
    if path.exists() and not overwrite:
        raise RunError(f"{path}: exists; choose another name, or replace it with --overwrite")
    if not path.parent.is_dir():
        raise RunError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")


def write_onnx(path: Path, model: Portable) -> float:
    """Write an ONNX file, once onnxruntime has given the same maps as torch.

    Returns:
        The largest difference.

    Raises:
        RunError: a library is missing, the network cannot be written as ONNX, or the maps differ.
        DataError: it cannot be written.
    """
    if not is_onnx(path):
        raise RunError(f"{path}: expected a name that ends in {SUFFIX}, by which mitoseg predict knows such a file")
    content, difference = make_onnx(model)
    write_atomic(path, content)
    return difference


def write_torchscript(path: Path, model: Portable) -> float:
    """Write a TorchScript file, once it has given the same maps as torch; other than that as `write_onnx`."""
    content, difference = make_torchscript(model)
    write_atomic(path, content)
    return difference


def make_onnx(model: Portable) -> tuple[bytes, float]:
    """Make the content of an ONNX file; how far its maps are from torch's.

    Raises:
        RunError: as `write_onnx`.
    """
    onnx = need("onnx", "mitoseg export to ONNX")
    need("onnxruntime", "mitoseg export to ONNX")
    traced, example = _trace(model)
    spatial = dict(enumerate(model.axes, start=2)) if model.units else {}
    free = {0: "batch", **spatial}
    with scratch_folder() as folder, _refused(model, "ONNX"):
        file = folder / "graph.onnx"
        torch.onnx.export(
            traced,
            (example,),
            file,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: free},
            opset_version=OPSET,
            dynamo=False,
        )
        graph = onnx.load(file)
        onnx.checker.check_model(graph)
        packed = Packed(model.config.model_dump(), model.decoding, {}, model.card)
        content = pack_onnx(_plain(graph), packed, model.texts())
        network = OnnxNetwork(content)
    return content, check_alike(network, model, "ONNX")


def make_torchscript(model: Portable) -> tuple[bytes, float]:
    """Make the content of a TorchScript file; how far its maps are from torch's.

    Raises:
        RunError: as `write_onnx`.
    """
    traced, _ = _trace(model)
    about = {"config": model.config.model_dump(), "decoding": dict(model.decoding), "card": model.card.model_dump()}
    buffer = io.BytesIO()
    with _refused(model, "TorchScript"):
        extra = {"settings.json": json.dumps(about, sort_keys=True), "texts.json": json.dumps(model.texts())}
        torch.jit.save(traced, buffer, _extra_files=extra)
        buffer.seek(0)
        loaded = torch.jit.load(buffer, map_location="cpu")
    return buffer.getvalue(), check_alike(loaded, model, "TorchScript")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for files on their way, which goes with them.

    Raises:
        WriteError: there is no room in it.
    """
    try:
        with TemporaryDirectory(prefix="mitoseg-") as folder:
            yield Path(folder)
    except OSError as error:
        raise WriteError(
            f"{gettempdir()}: cannot be written: {error.strerror or error}; make room there, or set TMPDIR"
        ) from error


@torch.inference_mode()
def check_alike(made: Callable[[Tensor], Tensor], model: Portable, what: str) -> float:
    """Compare what was made of a network with the network, on noise of several shapes.

    Returns:
        The largest difference of maps in [0, 1].

    Raises:
        RunError: it is larger than `TOLERANCE`, or a shape is refused.
    """
    reference, generator = MapNetwork(model.network, model.config).eval(), torch.Generator().manual_seed(0)
    largest = 0.0
    for shape in _shapes(model):
        image = torch.randn(shape, generator=generator)
        with _refused(model, what):
            found = made(image)
        expected = reference(image)
        difference = float((found - expected).abs().max()) if found.shape == expected.shape else float("nan")
        if not difference <= TOLERANCE:
            raise RunError(
                f"{model.card.name or 'model'}: as {what} it gives other maps than torch, for images of {shape}: they "
                f"differ by {difference:.2g}, expected at most {TOLERANCE:g}; nothing was written"
            )
        largest = max(largest, difference)
    return largest


def _shapes(model: Portable) -> Iterator[tuple[int, ...]]:
    """Shapes of images on which a network is compared."""
    yield (2, 1, *model.patch)
    if model.units:
        # Another number of images, and sides that are neither alike nor those of a patch.
        yield (1, 1, *(unit * (2 + axis) for axis, unit in enumerate(model.units)))
    else:
        yield (1, 1, *model.patch)


def _trace(model: Portable) -> tuple[torch.jit.ScriptModule, Tensor]:
    """Record what a network does with an image; also that image."""
    sides = tuple(unit * 2 for unit in model.units) if model.units else model.patch
    example = torch.zeros(2, 1, *sides)
    with _refused(model, "a trace"), torch.no_grad():
        traced = torch.jit.trace(MapNetwork(model.network, model.config).eval(), example, check_trace=False)
    assert isinstance(traced, torch.jit.ScriptModule)
    return traced, example


@contextmanager
def _refused(model: Portable, what: str) -> Iterator[None]:
    """Say in one line that a network cannot be written as something.

    Torch warns that its exporters will go, and that what Python decides is recorded once: the comparison shows whether
    that matters.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RunError, OSError):
        raise
    except Exception as error:  # whatever an exporter says of a network of MONAI
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(f"network {model.config.network}: cannot be written as {what}: {said}") from error


def _plain(graph: Any) -> bytes:
    """An ONNX graph without notes on the code that it came from, which name folders of this machine."""
    graph.ClearField("metadata_props")
    graph.doc_string = graph.graph.doc_string = ""
    graph.graph.name = "mitoseg"
    for node in graph.graph.node:
        node.doc_string = ""
        node.ClearField("metadata_props")
    return bytes(graph.SerializeToString(deterministic=True))
