"""Normalisation statistics adapted to real tissue without its labels, beside networks that need no adapting.

Batch norm keeps averages of the synthetic images; *adapted*, they are replaced by those of the unlabelled real sections
(AdaBN, Li et al., Pattern Recognition 2018). Instance norm, the default, takes the statistics of each image. The same
synthetic images, network, steps and seed; the threshold is the one that synthetic validation images chose.
"""

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from machine import conditions
from mitodata import DataError, RunError
from mitodata.hdf5.unlabelled import Unlabelled
from mitoseg.inference.model import load_model
from mitoseg.inference.predictor import predict_maps
from mitoseg.networks.checkpoint import load_checkpoint, save_checkpoint
from notation import mean_and_std
from pipeline import evaluate, fit_step, import_real, render, run_program
from s0_figures import read_metrics
from steps import Step, Steps, write_page

METRICS = {"iou": "IoU", "precision": "precision", "recall": "recall", "calibration_error": "calibration error"}


def main() -> None:
    """Parse, fit both networks, adapt one, score, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, action="append", required=True, metavar="FOLDER", help="may be repeated")
    parser.add_argument("--images", type=int, default=800, metavar="N", help="training images")
    parser.add_argument("--steps", type=int, default=800, metavar="N", help="of each fit")
    parser.add_argument("--network", default="small")
    parser.add_argument("--every", type=int, default=8, metavar="K", help="adapt to and score only every Kth section")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/norm-adaptation"), help="where data and runs are kept"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/norm-adaptation.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    if arguments.every < 1:
        raise DataError(f"--every {arguments.every}: expected a positive number of sections")
    rows = run(arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(rows, arguments))
    print(arguments.output)


def run(arguments: argparse.Namespace) -> dict[str, Mapping[str, Any]]:
    """Metrics of every row: dataset -> metric -> summary."""
    place: Path = arguments.folder
    steps = Steps(place)
    train = render(place / "train.h5", arguments.images, 2 * arguments.seed, compartments=True)
    validation = render(place / "validation.h5", 100, 2 * arguments.seed + 1)
    real = [import_real(source, place) for source in arguments.real]
    fits = {norm: fit_norm(norm, train, validation, arguments) for norm in ("instance", "batch")}
    for step in (train, validation, *real, *fits.values()):
        steps.run(step)

    def score(name: str, fitted: Step, data: list[Step]) -> Mapping[str, Any]:
        report = place / f"report-{name}"
        steps.run(evaluate(report, fitted, data, str(arguments.every), axes="z"))
        return read_metrics(report)

    rows = {f"{norm} norm": score(norm, fitted, [validation, *real]) for norm, fitted in fits.items()}
    adapted: dict[str, Any] = {}
    for data in real:
        name = f"batch-on-{data.result.stem}"
        copy = replace(fits["batch"], place=place / name, result=place / name / "last.pt")
        adapt(fits["batch"].place, data.result, copy.place, arguments.every)
        adapted.update(score(name, copy, [data]))
    return {**rows, "batch norm, adapted to the sections": adapted}


def fit_norm(norm: str, train: Step, validation: Step, arguments: argparse.Namespace) -> Step:
    """Fit a network that normalises in this way."""
    place = arguments.folder / norm
    settings = (f"norm={norm}", f"network={arguments.network}", f"steps={arguments.steps}")
    changes = (word for setting in settings for word in ("--set", setting))
    command = ("mitoseg", "fit", str(train.result), "--val", str(validation.result), "-o", str(place), *changes)
    return fit_step(place, (*command, "--seed", str(arguments.seed)), (train, validation))


def adapt(run: Path, data: Path, target: Path, every: int = 1) -> None:
    """Copy a run to `target`, its batch statistics replaced by those of every `every`th section of `data`.

    Every window counts the same; labels are not opened.

    Raises:
        RunError: the network keeps no batch statistics.
    """
    model = load_model(run)
    layers = [layer for layer in model.network.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        raise RunError(f"{run}: its network keeps no batch statistics; expected one fitted with --set norm=batch")
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all that goes through
        layer.train()
    with Unlabelled(data) as samples:
        for number in range(len(samples)):
            for z in range(0, samples.shape(number)[0], every):
                section = samples.read(number, (slice(z, z + 1), slice(None), slice(None)))
                predict_maps(model, section.raw, section.voxel_size_nm)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run, target)
    content = load_checkpoint(run / "last.pt")
    weights = {name: weight.detach().cpu().clone() for name, weight in model.network.state_dict().items()}
    if not all(torch.isfinite(weight).all() for weight in weights.values()):
        raise RunError(f"{data}: statistics that are no numbers came of it; look at the images")
    save_checkpoint(target / "last.pt", {**content, "weights": weights})


def page(rows: Mapping[str, Mapping[str, Any]], arguments: argparse.Namespace) -> str:
    """The results as Markdown."""
    names = list(dict.fromkeys(name for known in rows.values() for name in known))
    lines = [
        "# Normalisation statistics adapted to real tissue",
        "",
        f"Network {arguments.network}, {arguments.steps} steps on {arguments.images} synthetic images of `mito`; every "
        f"{arguments.every}th section, by itself.",
        "*Adapted*: the averages that batch norm keeps are those of these sections, without their labels. Mean +-",
        "standard deviation over images, of mitochondria; threshold chosen on synthetic images.",
        "Written by `benchmarks/norm_adaptation.py`.",
        "",
        f"| | tissue | {' | '.join(METRICS.values())} |",
        "|---" * (2 + len(METRICS)) + "|",
    ]
    for name in names:
        for row, known in rows.items():
            if name in known:
                scores = (known[name][metric] for metric in METRICS)
                cells = (mean_and_std(one["mean"], one["std"], zero=True) for one in scores)
                lines.append(f"| {row} | {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", conditions(arguments.seed), ""])


if __name__ == "__main__":
    run_program(main)
