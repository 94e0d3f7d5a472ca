"""A network that onnxruntime computes, from the bytes of an ONNX file."""

from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from mitoseg.networks.extras import need

INPUT, OUTPUT = "image", "maps"
"""Names of what goes into the network of an ONNX file, and of what comes out."""

SILENT = 4
"""Level of onnxruntime's log that prints nothing: what goes wrong is raised as well."""


class OnnxNetwork(nn.Module):
    """A network without weights that torch could change: it gives maps as `to_maps` does, not logits."""

    def __init__(self, content: bytes) -> None:
        """Make onnxruntime ready, on the processor, with as many threads as torch takes.

        Args:
            content: an ONNX file.

        Raises:
            RunError: onnxruntime is missing.
            Exception: of onnxruntime, if this is no ONNX file.
        """
        super().__init__()
        runtime = need("onnxruntime", "an ONNX file")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = SILENT
        self._session: Any = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        # By which the model is known: there are no weights to tell it by.
        self.register_buffer("digest", torch.frombuffer(bytearray(sha256(content).digest()), dtype=torch.uint8))

    @property
    def metadata(self) -> dict[str, str]:
        """Texts that lie in the file, by name."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 1, ...) float32, normalised, to maps (B, C, ...) float32 in [0, 1]."""
        (maps,) = self._session.run([OUTPUT], {INPUT: image.contiguous().numpy()})
        return torch.from_numpy(maps)
