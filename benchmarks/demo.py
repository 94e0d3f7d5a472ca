"""From nothing to a score on real tissue, in plain commands: what `make demo` runs.

Renders training, validation and shifted images, fits the default network to the first, and scores it on the others
and on real images. Steps that are finished are not repeated.
"""

import argparse
from pathlib import Path

from pipeline import evaluate, fit, import_real, preview, render, run_program
from steps import Steps

FOLDER = Path("runs/demo")


def main() -> None:
    """Parse, chain the steps, run them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="labelled real images to score as well")
    parser.add_argument("--voxel-size", nargs=3, default=(), metavar=("Z", "Y", "X"), help="of the real images, in nm")
    parser.add_argument("--n-train", type=int, default=1000, metavar="N", help="training images")
    parser.add_argument("--n-val", type=int, default=200, metavar="N", help="images of each synthetic test set")
    parser.add_argument("--minutes", default="13", help="wall time of the fit")
    arguments = parser.parse_args()

    real = [import_real(arguments.real, FOLDER, arguments.voxel_size)] if arguments.real else []
    train = render(FOLDER / "train.h5", arguments.n_train, seed=0, compartments=True)
    validation = render(FOLDER / "validation.h5", arguments.n_val, seed=1)
    shifted = render(FOLDER / "shifted.h5", arguments.n_val, seed=2, preset="mito-shifted")
    fitted = fit(FOLDER / "unet", [train], validation, arguments.minutes)
    report = evaluate(FOLDER / "report", fitted, [validation, shifted, *real])
    steps = Steps(FOLDER)
    pictures = preview(train)
    for step in (*real, train, pictures, validation, shifted, fitted, report):  # real first: it may be wrong
        steps.run(step)
    print(f"\nmean +- std over images; the page with pictures is {report.place / 'index.html'},")
    print(f"and {pictures.result} shows what the network was trained on")


if __name__ == "__main__":
    run_program(main)
