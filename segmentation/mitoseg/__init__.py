"""Segmentation of mitochondria and cells: MONAI U-Nets, trained on synthetic tissue, measured on real tissue.

The front door; each name is imported when it is first used:

    import mitoseg

    mitoseg.fit("train.h5", "runs/first", minutes=13)
    model = mitoseg.load_model("runs/first")
    paths = mitoseg.segment(model, "stack.tif", "masks", voxel_size_nm=(5, 5, 5), outputs="mask,instances")
    (result,) = mitoseg.evaluate(model, "labelled.h5")
    print(result.measured["iou"].mean)
    image, mask = mitoseg.SampleDataset("train.h5")[0]                     # a torch Dataset
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mitoseg.data.torch_dataset import SampleDataset
    from mitoseg.evaluation.scoring import evaluate
    from mitoseg.inference.model import Model, load_model
    from mitoseg.inference.segment import segment
    from mitoseg.training.fit import fit
    from mitoseg.transfer.adaptation.adapt import adapt
    from mitoseg.transfer.finetuning.finetune import finetune

__all__ = ["Model", "SampleDataset", "adapt", "evaluate", "finetune", "fit", "load_model", "segment"]

_HOMES = {
    "Model": "mitoseg.inference.model",
    "SampleDataset": "mitoseg.data.torch_dataset",
    "adapt": "mitoseg.transfer.adaptation.adapt",
    "evaluate": "mitoseg.evaluation.scoring",
    "finetune": "mitoseg.transfer.finetuning.finetune",
    "fit": "mitoseg.training.fit",
    "load_model": "mitoseg.inference.model",
    "segment": "mitoseg.inference.segment",
}


def __getattr__(name: str) -> Any:
    """Import a name of the front door when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mitoseg' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
