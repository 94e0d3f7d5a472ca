"""The second released model: the first one, adapted to unlabelled images of several tissues, and the mean of these.

`mitoseg adapt` makes a model for each set of images; the mean of their weights is the new model. Its threshold is
chosen on rendered images. Labels score, and nothing else. What it is worth on tissue that it has not seen is measured
by leaving each set out of the mean in turn. Finished steps are not repeated, and a stopped one goes on.

    python benchmarks/release_adapted.py epfl.h5 vnc.h5 muscle.h5 liver.h5 cem500k.h5 --val runs/release/val.h5
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import conditions
from mitoseg.inference.model import load_model
from pipeline import run_program
from release import LIMITS, average, score, score_rows, spread
from steps import Step, Steps, write_page, write_text

FOLDER = Path("runs/release-adapted")
NAME = "mito-2"
START = "mito-1"
STEPS, ROUNDS = 300, 2

SOURCES = {
    "epfl": "mouse hippocampus, FIB-SEM (EPFL CVLab)",
    "vnc": "nerve cord of a fly larva, ssTEM (Gerhard et al., figshare 856713)",
    "muscle": "mouse heart (CellSMB/EM-net)",
    "liver": "a liver tile (volume-em/empanada)",
    "cem500k": "five tiles of CEM500K (volume-em/cem-dataset)",
}
"""What imported files hold, by the stem of their name."""

TERMS = (
    "The unlabelled images have terms of their own, some of them for research only. mito-1 learned from "
    "rendered images alone."
)

Metrics = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Parse, run the steps, write the page and the packed model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE.h5", help="imported real images, three or more sets"
    )
    parser.add_argument("--val", type=Path, required=True, metavar="VAL.h5", help="rendered, for the threshold")
    parser.add_argument("--every", default="1", metavar="K", help="score only every Kth section across three axes")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where runs and reports are kept")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/release-adapted.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    if len(arguments.files) < 3:
        parser.error("got fewer than three sets of images; expected three or more, so that each can be left out")

    steps, folder, validation = Steps(arguments.folder), arguments.folder, Step((), arguments.val, arguments.val)
    adapted = {file.stem: adapt(steps, folder / f"adapted-{file.stem}", file) for file in arguments.files}
    model = average(steps, folder / "all", list(adapted.values()), validation)
    seen = score(steps, model, arguments.files, folder / "all" / "report", "1")
    unseen: dict[str, dict[str, Any]] = {}
    for file in arguments.files:
        place = folder / f"without-{file.stem}"
        left_out = average(steps, place, [step for name, step in adapted.items() if name != file.stem], validation)
        for views, metrics in score(steps, left_out, [file], place / "report", arguments.every).items():
            unseen.setdefault(views, {}).update(metrics)

    card = folder / "card.json"
    write_text(card, json.dumps(card_of(seen, unseen), indent=1) + "\n")
    packed = folder / f"{NAME}.safetensors"
    command = ("mitoseg", "models", "export", str(model.place), "-o", str(packed), "--name", NAME)
    steps.run(Step((*command, "--card", str(card)), packed, packed, after=(model,)))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(seen, unseen))
    print(f"\n{packed}, {arguments.output}")


def adapt(steps: Steps, run: Path, file: Path) -> Step:
    """Adapt the first released model to the images of one file; its labels are not opened."""
    command = ("mitoseg", "adapt", str(file), "--from", START, "-o", str(run))
    step = Step(
        (*command, "--steps", str(STEPS), "--rounds", str(ROUNDS)),
        run / "index.html",
        run,
        after=(Step((), file, file),),
        resume=("mitoseg", "adapt", "--resume", "-o", str(run)),
        partial=run / "adapting.json",
    )
    steps.run(step)
    return step


def card_of(seen: Mapping[str, Metrics], unseen: Mapping[str, Metrics]) -> dict[str, Any]:
    """What the packed file says of itself."""
    start = load_model(START).card
    scores = [
        {
            "images": name,
            "views": views,
            "iou": round(one["iou"]["mean"], 3),
            "std": round(one["iou"]["std"], 3),
            "note": note,
        }
        for found, note in ((seen, "these images were seen without labels"), (unseen, "without these images"))
        for views, known in found.items()
        for name, one in known.items()
    ]
    names = list(dict.fromkeys(name for known in seen.values() for name in known))
    return {
        "learned_from": [
            f"{START}: {'; '.join(start.learned_from)}",
            *(f"unlabelled images: {SOURCES.get(name, name)}" for name in names),
        ],
        "network": start.network,
        "seeds": [*start.seeds, 0],
        "limits": (*LIMITS, TERMS),
        "description": (
            "Finds mitochondria in micrographs of any tissue. It never saw a label that a person drew. It learned from "
            "rendered images, and taught itself on unlabelled images of five kinds of tissue."
        ),
        "steps": [*start.steps, *(ROUNDS * STEPS for _ in names)],
        "scores": scores,
        "command": "python benchmarks/release_adapted.py",
        "conditions": conditions(0),
        "licence": "MIT",
    }


def page(seen: Mapping[str, Metrics], unseen: Mapping[str, Metrics]) -> str:
    """The results as Markdown."""
    lines = [
        f"# `{NAME}`, the default model",
        "",
        f"[`{START}`](release.md) adapted to unlabelled images, once for each set below ([`mitoseg adapt`](adapt.md), "
        f"{ROUNDS} rounds of {STEPS} steps), and the mean of these models. The threshold was chosen on rendered "
        "images. No label of a person was learned from or tuned on. Written by `benchmarks/release_adapted.py`.",
        "",
        "IoU of the foreground, mean +- standard deviation over images with foreground:",
        "",
        *summary(seen, unseen),
        "",
        "## On tissue that it has not seen",
        "",
        "Each set was left out of the mean in turn, and then scored. This is what to expect of images of other tissue.",
        "",
        *score_rows(unseen),
        "",
        "## On tissue that it has seen without labels",
        "",
        "All sets are in the mean. The model in the package is this one.",
        "",
        *score_rows(seen),
        "",
        conditions(0),
        "",
    ]
    return "\n".join(lines)


def summary(seen: Mapping[str, Metrics], unseen: Mapping[str, Metrics]) -> list[str]:
    """A row for each set and its views: the first released model, this one, and the mean without the set."""
    before = {(one.images, one.views): one for one in load_model(START).card.scores}
    lines = [f"| | views | images | `{START}` | `{NAME}` | made without these images |", "|---" * 6 + "|"]
    for views, known in seen.items():
        for name, one in known.items():
            first, other = before.get((name, views)), unseen[views][name]
            start = spread({"mean": first.iou, "std": first.std or 0}, one["images"]) if first else "-"
            after = [spread(each["iou"], each["images"]) for each in (one, other)]
            lines.append(f"| {name} | {views} | {one['images']} | {start} | {' | '.join(after)} |")
    return lines


if __name__ == "__main__":
    run_program(main)
