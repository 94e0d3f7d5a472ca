"""A model as one file: weights in half precision (safetensors), and all that is needed to use and to know them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mitodata import DataError, RunError
from mitodata.files import check_replaceable, write_atomic
from mitoseg.models.card import Card, parse_card
from mitoseg.networks.checkpoint import read_bytes

FORMAT = "mitoseg model"
VERSION = 1

SUFFIX = ".safetensors"

_KEY = "mitoseg"
"""Where all of ours lies in the metadata: safetensors writes several keys in no fixed order."""

_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header, little-endian; the header is JSON."""


@dataclass(frozen=True, eq=False)
class Packed:
    """What such a file holds.

    Attributes:
        config: settings of the network, plain values.
        decoding: how its maps are read, plain values.
        weights: tensors by name; half precision, or as they were where that is too narrow.
        card: what is known of the model.
    """

    config: Mapping[str, Any]
    decoding: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    card: Card

    @property
    def about(self) -> dict[str, Any]:
        """All but the weights, as JSON has it: tuples are lists."""
        about = {"config": dict(self.config), "decoding": dict(self.decoding), "card": self.card.model_dump()}
        return dict(json.loads(json.dumps(about)))


def is_weights_file(path: Path) -> bool:
    """Whether a file begins as safetensors files do; not if it cannot be read."""
    try:
        with path.open("rb") as file:
            return _is_safetensors(file.read(_LENGTH_BYTES + 1))
    except OSError:
        return False


def check_place(path: Path, sources: Iterable[Path | str] = ()) -> None:
    """Refuse a path at which something else than a model lies, or a model that is read, or whose name is that of ONNX.

    Args:
        path: of the new model.
        sources: the models that it is made of.

    Raises:
        DataError: as `check_replaceable`; or one of the sources would be lost, or nobody could read the result.
    """
    if path.resolve() in {Path(source).resolve() for source in sources}:
        raise DataError(f"{path}: is a model that is read, which would be lost; choose another name")
    if path.suffix.lower() == ".onnx":  # what such a name holds is read as ONNX
        raise DataError(f"{path}: safetensors are written, not ONNX; expected NAME.safetensors (or `mitoseg export`)")
    check_replaceable(path, _is_safetensors, "a model")


def save_weights(path: Path, packed: Packed) -> int:
    """Write a model, atomically.

    Returns:
        The size of the file in bytes.

    Raises:
        DataError: something else than a model lies there, or it cannot be written.
    """
    check_place(path)
    content = pack_weights(packed)
    write_atomic(path, content)
    return len(content)


def pack_weights(packed: Packed) -> bytes:
    """Content of a file that holds a model; the same model gives the same bytes."""
    weights = {name: _halved(weight) for name, weight in packed.weights.items()}
    about = packed.about
    head = {"format": FORMAT, "version": VERSION, "about": about, "sha256": _checksum(about, weights)}
    return save(weights, metadata={_KEY: json.dumps(head, sort_keys=True)})


def load_weights(path: Path, check: Callable[[bytes], None] | None = None) -> Packed:
    """Read what `save_weights` wrote.

    Args:
        path: the file.
        check: looks at all bytes first, and raises where they are not what was released.

    Raises:
        RunError: the file is missing, cannot be read, is damaged, is of another version, or is something else.
    """
    content = read_bytes(path, "a model, made by mitoseg models export")
    if check is not None:
        check(content)
    damaged = f"{path}: damaged; copy it again, or install the package again if it came with it"
    try:
        weights = load(content)
        head = _read_head(content)
    except (SafetensorError, ValueError) as error:
        raise RunError(damaged) from error
    if head.get("format") != FORMAT:
        raise RunError(f"{path}: a safetensors file, but no model of mitoseg; expected what mitoseg models export made")
    if head.get("version") != VERSION:
        raise RunError(
            f"{path}: a model of version {head.get('version')}; this program reads version {VERSION}: install the "
            "version of mitogen-em that made it"
        )
    about = head.get("about")
    if not isinstance(about, dict) or head.get("sha256") != _checksum(about, weights):
        raise RunError(damaged)
    return Packed(about["config"], about["decoding"], weights, parse_card(about["card"], str(path)))


def _is_safetensors(content: bytes) -> bool:
    """Whether this is the beginning of a safetensors file: the length of a header, and its first brace."""
    return content[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"


def _read_head(content: bytes) -> dict[str, Any]:
    """What is ours in the metadata; empty where nothing is.

    Raises:
        ValueError: the header is no JSON.
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    head = json.loads(header.get("__metadata__", {}).get(_KEY, "{}"))
    return head if isinstance(head, dict) else {}


def _halved(weight: Tensor) -> Tensor:
    """A weight in half precision, if it is a real number and within range."""
    plain = weight.detach().cpu().contiguous()
    halved = plain.half() if plain.is_floating_point() else plain
    return halved if halved.isfinite().all() else plain


def _checksum(about: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of all that a file holds."""
    digest = sha256(json.dumps(about, sort_keys=True).encode())
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
