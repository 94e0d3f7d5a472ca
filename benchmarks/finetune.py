"""How many labels is a synthetic model worth? Few sections of the first half of a set, scored on its second half.

For each number of sections: the model fine-tuned on them, and the same network fitted to them from scratch for as many
steps. Beside them: the model as it is. Real sets are dataset files (`mitogen import`). Run again after an
interruption, it goes on where it was; rows of other sets in the table are kept.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from machine import conditions
from mitodata import IGNORE
from mitodata.contrast import spread
from mitodata.errors import DataError
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from notation import fraction
from pipeline import fit_step, is_finished, run_program
from seeds import has_three_axes
from steps import Step, Steps, write_page

COUNTS = (1, 2, 5, 10)
"""Sections that are learned from."""

GAP = 3
"""Sections of a stack between the two halves that nobody sees."""


NUMBERS = {
    "iou": "IoU",
    "three_axes": "IoU, three axes",
    "precision": "precision",
    "recall": "recall",
    "expected": "expected",
}
"""What is measured, as columns."""


@dataclass(frozen=True)
class Split:
    """A set in two.

    Attributes:
        name: of the set.
        few: files of some sections of the first half, by their number.
        every: all sections of the first half.
        test: the second half, section by section.
        volume: all of it, of which only the second half is known, where voxels are about as long as wide; else None.
    """

    name: str
    few: dict[int, Path]
    every: Path
    test: Path
    volume: Path | None


def main() -> None:
    """Parse, run the steps, write page and chart."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", required=True, metavar="MODEL", help="what is fine-tuned: a run or a checkpoint")
    parser.add_argument("--data", action="append", required=True, metavar="NAME=FILE.h5", help="may be repeated")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="sections to learn from")
    parser.add_argument("--steps", type=int, default=1200, help="of all trainings of a fine-tuning together")
    parser.add_argument("--recipe", default="mito", help="rendered beside the labels")
    parser.add_argument("--every", default="1", metavar="K", help="score only every Kth section")
    parser.add_argument("--scratch", default="", help="sections from which the same network learns alone; 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/finetune"), help="where data and runs are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/finetune.md"), metavar="FILE.md")
    arguments = parser.parse_args()

    rows = read_rows(arguments.output.with_suffix(".csv"))
    for each in arguments.data:
        name, _, file = each.partition("=")
        split = split_set(name, Path(file), arguments.folder, numbers(f"{arguments.counts},{arguments.scratch}"))
        rows = [row for row in rows if row["set"] != name] + measure(split, arguments)
        write_results(rows, arguments)


def numbers(text: str) -> list[int]:
    """The numbers in a list with commas."""
    return [int(one) for one in text.split(",") if one]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """What was measured before, of other sets; none if there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = ("set", "kind")
    return [
        {k: v if k in texts else float(v) for k, v in row.items() if v} | {"sections": int(row["sections"])}
        for row in rows
    ]


def split_set(name: str, file: Path, folder: Path, counts: Sequence[int]) -> Split:
    """Write the sections to learn from and to score on into files of their own.

    Raises:
        DataError: the file holds no sections to split.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Dataset(file) as data:
        places = [(sample, z) for sample in range(len(data)) for z in range(data.shape(sample)[0])]
    first, test = places[: len(places) // 2], places[len(places) // 2 :]
    if len(first) < 1 or len(test) <= GAP:
        raise DataError(f"{file}: holds {len(places)} sections; expected at least {2 * GAP + 2}")
    test = test[GAP if len(places) > 8 else 0 :]  # single images are not neighbours
    few = {}
    for count in sorted({min(count, len(first)) for count in counts if count}):
        few[count] = write_sections(
            file, [first[number] for number in spread(len(first), count)], folder / f"{name}-{count}.h5"
        )
    every = write_sections(file, first, folder / f"{name}-all.h5")
    volume = write_volume(file, test[0][1], folder / f"{name}-volume.h5") if has_three_axes(file) else None
    return Split(name, few, every, write_sections(file, test, folder / f"{name}-test.h5"), volume)


def write_sections(file: Path, places: Sequence[tuple[int, int]], target: Path) -> Path:
    """Write single sections (sample, z) of a dataset file into another one, unless it is there."""
    if not target.exists():
        with Dataset(file) as data:
            sections = (
                replace(data.read(sample, (slice(z, z + 1), slice(None), slice(None))), params={}, name=f"{sample} {z}")
                for sample, z in places
            )
            write_dataset(target, sections, Provenance(source=f"sections of {file.name}"))
    return target


def write_volume(file: Path, first: int, target: Path) -> Path:
    """Write a volume into another file, unless it is there; nothing is known of sections before `first`."""
    if not target.exists():
        with Dataset(file) as data:
            whole = data.read(0)
        assert whole.mask is not None
        mask = whole.mask.copy()
        mask[:first] = IGNORE
        write_dataset(target, [replace(whole, mask=mask, params={})], Provenance(source=f"second half of {file.name}"))
    return target


def measure(split: Split, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Fine-tune, fit and score; a row each."""
    steps, folder = Steps(arguments.folder), arguments.folder / split.name
    folder.mkdir(exist_ok=True)
    rows = []

    def scored(kind: str, count: int, model: str, after: tuple[Step, ...] = ()) -> None:
        row: dict[str, Any] = {"set": split.name, "kind": kind, "sections": count}
        for views, file, axes in (("iou", split.test, "z"), ("three_axes", split.volume, "auto")):
            if file is not None:
                report = folder / f"report-{kind.replace(' ', '-')}-{count}-{axes}"
                command = ("mitoseg", "evaluate", model, str(file), "-o", str(report), "--axes", axes)
                steps.run(Step((*command, "--every", arguments.every), report / "metrics.json", report, after=after))
                metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))[file.stem]
                row[views] = metrics["iou"]["mean"]
                if axes == "z":
                    row |= {name: metrics[name]["mean"] for name in ("precision", "recall")}
        rows.append(row)

    scored("as it is", 0, arguments.model)
    for count, file in chosen(split, arguments.counts):
        tuned = finetune_step(folder / f"tuned-{count}", file, arguments)
        steps.run(tuned)
        scored("fine-tuned", count, str(tuned.place), (tuned,))
        rows[-1] |= {"expected": expected(tuned.place)}
    for count, file in chosen(split, arguments.scratch):
        fitted = scratch_step(folder / f"scratch-{count}", file, arguments)
        steps.run(fitted)
        scored("from scratch", count, str(fitted.place), (fitted,))
    return rows


def chosen(split: Split, counts: str) -> list[tuple[int, Path]]:
    """Files of so many sections of the first half; 0 stands for all."""
    whole = all_of(split)
    wanted = sorted({min(count or whole, whole) for count in numbers(counts)})
    return [(count, split.few.get(count, split.every)) for count in wanted]


def all_of(split: Split) -> int:
    """How many sections the first half has."""
    with Dataset(split.every) as data:
        return len(data)


def finetune_step(run: Path, file: Path, arguments: argparse.Namespace) -> Step:
    """Fine-tune on the sections of a file."""
    command: tuple[str, ...] = ("mitoseg", "finetune", str(file), "--from", arguments.model, "-o", str(run))
    command = (*command, "--steps", str(arguments.steps), "--seed", str(arguments.seed), "--recipe", arguments.recipe)
    resume = ("mitoseg", "finetune", "--resume", "-o", str(run))
    return Step(command, run / "last.pt", run, resume=resume, partial=run / "config.json", finished=is_finished)


def scratch_step(run: Path, file: Path, arguments: argparse.Namespace) -> Step:
    """Fit the same size of network to them alone; a copy of them is what the threshold is chosen on."""
    copy = file.with_name(f"{file.stem}-again.h5")
    if not copy.exists():
        copy.write_bytes(file.read_bytes())
    command = ("mitoseg", "fit", str(file), "--val", str(copy), "-o", str(run), "--seed", str(arguments.seed))
    changes = ("--set", "target=semantic", "--set", f"steps={arguments.steps}", "--set", "validations=1")
    return fit_step(run, (*command, *changes), ())


def expected(run: Path) -> float:
    """The IoU that a fine-tuning found on regions that it left out."""
    content = json.loads((run / "finetune.json").read_text(encoding="utf-8"))
    return float(next(each["iou"] for each in content["stages"] if each["stage"] == content["kept"]))


def write_results(rows: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Write the table as a page and as CSV, and the chart."""
    output: Path = arguments.output
    output.parent.mkdir(parents=True, exist_ok=True)
    names = ["set", "kind", "sections", *NUMBERS]
    with output.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw_chart(rows, output.with_suffix(".png"))
    lines = [
        "# How many labels is a synthetic model worth?",
        "",
        f"Learned from some sections of the first half of each set; scored on every {arguments.every}. section of its",
        "second half, each by itself, and of cubic voxels across three axes as well, as `predict` does: mean over",
        f"sections of foreground IoU. Fine-tuning takes {arguments.steps} steps in all, trainings for choosing",
        "included; from scratch, one training of as many.",
        "Expected is what fine-tuning found on regions that it left out. Written by `benchmarks/finetune.py`.",
        "",
        f"![foreground IoU by labelled sections]({output.with_suffix('.png').name})",
        "",
        f"| set | model | labelled sections | {' | '.join(NUMBERS.values())} |",
        "|---" * (3 + len(NUMBERS)) + "|",
        *(table_row(row) for row in rows),
        "",
        conditions(arguments.seed),
        "",
    ]
    write_page(output, "\n".join(lines))


def table_row(row: dict[str, Any]) -> str:
    """One line of the table."""
    numbers = ["" if row.get(name) is None else fraction(row[name]) for name in NUMBERS]
    return f"| {row['set']} | {row['kind']} | {row['sections']} | {' | '.join(numbers)} |"


def draw_chart(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw IoU by labelled sections: a panel a set."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    figure = Figure(figsize=(3.4 * len(sets), 3.2), layout="constrained")
    reached = [row[name] for row in rows for name in ("iou", "three_axes") if name in row]
    limits = min(0.6, *(each - 0.03 for each in reached)), max(0.9, *(each + 0.03 for each in reached))
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(sets), sharey=True)), sets, strict=True):
        for kind, colour in (("fine-tuned", "C0"), ("from scratch", "C1")):
            kinds = (kind, "as it is") if kind == "fine-tuned" else (kind,)
            for measure_name, line in (("iou", "o-"), ("three_axes", "^--")):
                known = [row for row in rows if row["set"] == name and row["kind"] in kinds and measure_name in row]
                points = [(row["sections"], row[measure_name]) for row in known]
                if points:
                    label = kind if measure_name == "iou" else f"{kind}, three axes"
                    axes.plot(*zip(*points, strict=True), f"{colour}{line}", label=label)
        axes.set_xscale("symlog", linthresh=1)
        counts = sorted({row["sections"] for row in rows if row["set"] == name})
        axes.set_xticks(counts, [f"{count}" for count in counts])
        axes.minorticks_off()
        axes.set(title=name, xlabel="labelled sections", ylim=limits)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="lower right")
    figure.supylabel("foreground IoU", fontsize="medium")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    run_program(main)
