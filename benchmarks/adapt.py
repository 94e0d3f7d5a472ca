"""What adapting to unlabelled images brings: foreground IoU of a model before and after, on real tissue.

Labels are read here, after `mitoseg.adapt` has ended; it cannot see them.

    nice python benchmarks/adapt.py epfl.h5 vnc.h5 --from runs/first -o adapted --minutes 15
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import torch

from machine import conditions
from mitodata.hdf5.dataset import Dataset
from mitoseg.data.rendered import spare_cores
from mitoseg.evaluation import evaluate
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.orthoplanes import AXES, choose_axes
from mitoseg.transfer.adaptation.adapt import adapt
from mitoseg.transfer.adaptation.record import PAGE, Record, model_path, read_record


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    print(conditions(arguments.seed))
    print(f"{'set':16} {'axes':5} {'before':>7} {'after':>7} {'gain':>7}   threshold, share found, agreement")
    for file in arguments.files:
        run = arguments.output / f"{file.stem}-{arguments.seed}"
        record = adapted(file, run, arguments)
        start, after = load_model(model_path(run, 0)), load_model(run)
        for axes in axes_of(start, file):
            scores = [score(model, file, axes, arguments.every) for model in (start, after)]
            print(
                f"{file.stem:16} {axes:5} {scores[0]:7.3f} {scores[1]:7.3f} {scores[1] - scores[0]:+7.3f}", flush=True
            )
        for rounds, judgement in enumerate(record.judgements):
            kept = " (kept)" if rounds == record.kept else ""
            print(f"{'':16} {f'round {rounds}' if rounds else 'start'}: {judgement.text}{kept}")


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="labelled HDF5 files, such as mitogen import writes")
    parser.add_argument("--from", dest="start", type=Path, required=True, help="run or checkpoint to begin with")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the adapted runs")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="score only every so many sections")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def adapted(file: Path, run: Path, arguments: Namespace) -> Record:
    """Adapt to a file, or take up what is there."""
    record = read_record(run) if (run / PAGE).exists() else None
    if record is None:
        settings = {name: getattr(arguments, name) for name in ("minutes", "steps", "rounds", "seed")}
        record = adapt(file, run, arguments.start, report=print, workers=spare_cores(), **settings).record
    return record


def axes_of(model: Model, file: Path) -> list[str]:
    """Axes to score across: sections, and all three where the volume allows it."""
    with Dataset(file) as data:
        best = choose_axes(model, data.shape(0), data.voxel_size_nm(0))
    return ["z", AXES] if best == AXES else ["z"]


def score(model: Model, file: Path, axes: str, every: int) -> float:
    """Foreground IoU at the model's own threshold, mean over sections."""
    (result,) = evaluate(model, file, axes=axes, every=every)
    return result.measured["iou"].mean


if __name__ == "__main__":
    main()
