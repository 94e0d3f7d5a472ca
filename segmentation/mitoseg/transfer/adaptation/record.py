"""The folder of an adaptation: what is written in it, so that it can go on after any interruption."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from mitodata import RunError
from mitodata.files import write_atomic
from mitoseg.inference.model import Model, load_model
from mitoseg.networks.checkpoint import save_checkpoint
from mitoseg.transfer.adaptation.guard import Judgement
from mitoseg.transfer.adaptation.plan import AdaptPlan

RECORD = "adapting.json"
BLOCKS = "blocks.h5"
STATE = "state.pt"
PAGE = "index.html"

FILES = (RECORD, BLOCKS, STATE, "start.pt", "round-*.pt", "pseudo-labels-*.h5", "sections-*.npz")
"""What lies in the folder beside the model, as patterns."""


@dataclass(frozen=True)
class Record:
    """What has been done.

    Attributes:
        plan: what is to be done.
        start: name of the model that it began with.
        recipe: TOML that the rendered half is drawn from; empty until that is chosen.
        distances: of the kinds of the recipe from the images, nearest first.
        shares: of each kind in the rendered half.
        seconds: wall time used.
        judgements: of the model at the start and after each round.
        steps: training steps of each round that has ended.
        kept: rounds that the model which is kept has been through.
        ended: why the guard ended it; empty if it did not.
        done: whether nothing is left to do.
    """

    plan: AdaptPlan
    start: str
    recipe: str = ""
    distances: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    judgements: tuple[Judgement, ...] = ()
    steps: tuple[int, ...] = ()
    kept: int = 0
    ended: str = ""
    done: bool = False

    def judged(self, judgement: Judgement) -> "Record":
        """With one judgement more."""
        return replace(self, judgements=(*self.judgements, judgement))

    def write(self, run: Path) -> None:
        """Write it into the folder of the run.

        Raises:
            DataError: it cannot be written.
        """
        content = {**asdict(self), "plan": self.plan.to_json()}
        write_atomic(run / RECORD, (json.dumps(content, indent=2) + "\n").encode())


def read_record(run: Path) -> Record:
    """Read what has been done in a folder.

    Raises:
        RunError: nothing has, or it cannot be read.
    """
    path = run / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        plan = AdaptPlan.from_json(content.pop("plan"))
        judgements = tuple(Judgement(**each) for each in content.pop("judgements"))
        return Record(plan, judgements=judgements, steps=tuple(content.pop("steps")), **content)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not found; expected the folder of an adaptation to go on with") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}: cannot be read; expected what mitoseg adapt wrote; start again elsewhere") from error


def model_path(run: Path, rounds: int) -> Path:
    """Where the model lies that has been through so many rounds."""
    return run / (f"round-{rounds}.pt" if rounds else "start.pt")


def marks_path(run: Path, rounds: int) -> Path:
    """Where the pseudo-labels lie that a model made which has been through so many rounds."""
    return run / f"pseudo-labels-{rounds + 1}.h5"


def looks_path(run: Path, rounds: int) -> Path:
    """Where the probabilities of some sections lie, for the page."""
    return run / f"sections-{rounds}.npz"


def write_model(path: Path, model: Model, steps: int = 0, *, finished: bool = True) -> None:
    """Write a model as a checkpoint that `load_model` reads.

    Raises:
        DataError: it cannot be written.
    """
    content = model.checkpoint(steps, finished=finished)
    weights = {name: weight.cpu() for name, weight in content["weights"].items()}
    save_checkpoint(path, {**content, "weights": weights})


def read_model(run: Path, rounds: int, device: torch.device) -> Model:
    """Read a model of the run back.

    Raises:
        RunError: it is missing or damaged.
    """
    return load_model(model_path(run, rounds), device.type)
