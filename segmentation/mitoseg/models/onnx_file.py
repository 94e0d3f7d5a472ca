"""A model as an ONNX file: a graph from normalised images to maps, and behind it all that is needed to use it."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from mitodata import RunError
from mitoseg.models.card import parse_card
from mitoseg.models.weights_file import Packed
from mitoseg.networks.checkpoint import read_bytes
from mitoseg.networks.extras import need
from mitoseg.networks.onnx_network import OnnxNetwork

FORMAT = "mitoseg ONNX model"
VERSION = 1

SUFFIX = ".onnx"
"""By which such a file is known: ONNX has no first bytes of its own."""

CHANGED = "damaged, or changed since it was made; copy it again, or export it again: mitoseg export"

_KEY = "mitoseg"
"""Where all that we read lies in the metadata, at the end of the file; the other texts there are for people and other
programs."""


def is_onnx(path: Path) -> bool:
    """Whether a path names an ONNX file."""
    return path.suffix.lower() == SUFFIX


def pack_onnx(graph: bytes, packed: Packed, texts: Mapping[str, str]) -> bytes:
    """Content of an ONNX file; the same model gives the same bytes.

    Protocol buffers that follow one another are one: the metadata is written behind the graph, so that its checksum
    can be that of the bytes before it.

    Args:
        graph: an ONNX file without metadata.
        packed: settings, thresholds and card; its weights are not looked at.
        texts: what other programs should know, by name.
    """
    onnx = need("onnx", "an ONNX file")
    about = packed.about
    head = {"format": FORMAT, "version": VERSION, "about": about, "graph_bytes": len(graph)}
    head["sha256"] = _checksum(about, graph)
    behind = onnx.ModelProto()
    onnx.helper.set_model_props(behind, {**texts, _KEY: json.dumps(head, sort_keys=True)})
    return graph + bytes(behind.SerializeToString(deterministic=True))


def load_onnx(path: Path) -> tuple[Packed, OnnxNetwork]:
    """Read what `pack_onnx` made.

    Returns:
        Settings, thresholds and card, without weights; and the network.

    Raises:
        RunError: the file is missing, cannot be read, is damaged or was changed, is of another version, or is something
            else; or onnxruntime is missing.
    """
    content = read_bytes(path, "a model, made by mitoseg export")
    try:
        network = OnnxNetwork(content)
        text = network.metadata.get(_KEY, "{}")
        head = json.loads(text)
    except RunError:
        raise
    except Exception as error:  # onnxruntime has many of its own, and no base
        raise RunError(f"{path}: damaged, or no ONNX file; copy it again, or export it again") from error
    packed = _unpack(path, content, head)
    if not content.endswith(text.encode()):  # protocol buffers may go on, and what follows wins
        raise RunError(f"{path}: {CHANGED}")
    return packed, network


def _unpack(path: Path, content: bytes, head: object) -> Packed:
    """Check what is ours in the metadata.

    Raises:
        RunError: as `load_onnx`.
    """
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise RunError(f"{path}: an ONNX file, but no model of mitoseg; expected what mitoseg export made")
    if head.get("version") != VERSION:
        raise RunError(
            f"{path}: an ONNX model of version {head.get('version')}; this program reads version {VERSION}: export the "
            "model again"
        )
    about, size = head.get("about"), head.get("graph_bytes")
    whole = isinstance(about, dict) and isinstance(size, int)
    if not whole or head.get("sha256") != _checksum(about, content[:size]):
        raise RunError(f"{path}: {CHANGED}")
    assert isinstance(about, dict)
    return Packed(about["config"], about["decoding"], {}, parse_card(about["card"], str(path)))


def _checksum(about: Any, graph: bytes) -> str:
    """SHA-256 of all that counts in a file."""
    return sha256(json.dumps(about, sort_keys=True).encode() + graph).hexdigest()
