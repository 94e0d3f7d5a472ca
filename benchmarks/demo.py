"""From nothing to a score on real tissue, in plain commands: what `make demo` runs.

Renders training, validation and shifted images, and fits a small network to the first for a few minutes. Scores
it, and the released model if there is one, on the others and on real images. On real images the model then adapts to
what it sees, without labels, and is scored again. Steps that are finished are not repeated.
"""

import argparse
from dataclasses import dataclass
from html import escape
from os.path import relpath
from pathlib import Path

import mitoseg
from mitoseg.models.registry import releases
from notation import mean_and_std
from pipeline import evaluate, fit, fit_step, import_real, preview, render, run_program
from s0_figures import read_metrics
from steps import Step, Steps, clock, write_text

FOLDER = Path("runs/demo")


@dataclass(frozen=True)
class Scored:
    """A model of the demo.

    Attributes:
        title: what the page calls it.
        model: the step that makes it, or the released model.
        report: its evaluation.
    """

    title: str
    model: Step
    report: Step


def main() -> None:
    """Parse, chain the steps, run them, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="labelled real images to score as well")
    parser.add_argument("--voxel-size", nargs=3, default=(), metavar=("Z", "Y", "X"), help="of the real images, in nm")
    parser.add_argument("--n-train", type=int, default=1000, metavar="N", help="training images")
    parser.add_argument("--n-val", type=int, default=100, metavar="N", help="images of each synthetic test set")
    parser.add_argument("--minutes", default="5", help="wall time of the fit")
    parser.add_argument("--adapt-minutes", default="3", help="wall time of the adaptation to the real images")
    arguments = parser.parse_args()

    real = [import_real(arguments.real, FOLDER, arguments.voxel_size)] if arguments.real else []
    train = render(FOLDER / "train.h5", arguments.n_train, seed=0, compartments=True)
    validation = render(FOLDER / "validation.h5", arguments.n_val, seed=1)
    shifted = render(FOLDER / "shifted.h5", arguments.n_val, seed=2, preset="mito-shifted")
    sets = [validation, shifted, *real]
    # In few minutes a small network learns more than the default one.
    fitted = fit(FOLDER / "unet", [train], validation, arguments.minutes, network="small")
    scored = [Scored(f"fitted here, {arguments.minutes} min", fitted, evaluate(FOLDER / "report", fitted, sets))]
    if releases():
        newest = releases()[-1]
        released = Step((), newest.path, Path(newest.name))
        scored.insert(0, Scored(newest.name, released, evaluate(FOLDER / "report-released", released, sets)))
    steps, pictures = Steps(FOLDER), preview(train)
    # Real images first: they may be wrong.
    for step in (*real, train, pictures, validation, shifted, fitted, *(each.report for each in scored)):
        steps.run(step)
    if real and "adapt" in mitoseg.__all__:
        scored.append(adapt(scored[0], real[0], arguments.adapt_minutes))
        steps.run(scored[-1].model)
        steps.run(scored[-1].report)
    page = FOLDER / "index.html"
    write_text(page, draw_page(scored, pictures.result, clock(steps.seconds)))
    print(f"\nmean +- std over images; everything on one page: {page}")


def adapt(before: Scored, real: Step, minutes: str) -> Scored:
    """Let a model adapt to real images, whose labels it cannot see, and score it on them again."""
    run = FOLDER / "adapted"
    command = ("mitoseg", "adapt", str(real.result), "--from", str(before.model.place), "-o", str(run))
    step = fit_step(run, (*command, "--minutes", minutes), (before.model, real), program="adapt")
    return Scored(f"{before.title}, adapted for {minutes} min", step, evaluate(FOLDER / "report-adapted", step, [real]))


def draw_page(scored: list[Scored], pictures: Path, time: str) -> str:
    """The page: scores of all models on all sets, what they learned from, and a median image of each set."""
    metrics = [read_metrics(each.report.place) for each in scored]
    names = list(dict.fromkeys(name for found in metrics for name in found))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><td><a href='{_link(each.report.place / 'index.html')}'>{escape(each.title)}</a></td>"
        + "".join(f"<td>{_score(found, name)}</td>" for name in names)
        + "</tr>"
        for each, found in zip(scored, metrics, strict=True)
    )
    figures = "".join(
        f"<h2>{escape(name)}</h2>"
        + "".join(
            f"<figure><figcaption>{escape(each.title)}</figcaption><img src='{_link(picture)}'></figure>"
            for each in scored
            if (picture := each.report.place / "figures" / f"{name}-map.png").exists()
        )
        for name in names
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>MitoGen and MitoSeg: the demo</title>"
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:1200px;margin:auto;padding:1rem}"
        "td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}td:first-child{text-align:left}"
        "img{max-width:100%}figure{margin:.6rem 0}</style>"
        "<h1>From rendered images to real tissue</h1>"
        f"<p>Foreground IoU, mean +- standard deviation over images. The last call took {time}.</p>"
        f"<table><tr><th></th>{head}</tr>{rows}</table>"
        "<p>Each name links to its full evaluation. Pictures show the median image of each set.</p>"
        f"{figures}<h2>What the network learned from</h2><img src='{_link(pictures)}'></html>\n"
    )


def _score(metrics: dict[str, dict[str, dict[str, float]]], name: str) -> str:
    if name not in metrics:
        return ""
    iou = metrics[name]["iou"]
    return mean_and_std(iou["mean"], iou["std"], zero=True)


def _link(path: Path) -> str:
    return escape(relpath(path, FOLDER))


if __name__ == "__main__":
    run_program(main)
