"""Make the gallery and the sample report of the documentation site: `python website/examples.py FOLDER`.

A small network learns 40 images of the clean preset `s0` for a few seconds. Its report shows the domain gap in small:
good on images of the same look, poor on the wider preset `mito`.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).absolute().parent
KNOBS = (
    "cristae.contrast",
    "cristae.spacing_nm",
    "cristae.tubular_share",
    "mitochondria.aspect",
    "mitochondria.radius_nm",
    "mitochondria.matrix_darkness",
    "cells.membrane_nm",
    "section.thickness_nm",
    "imaging.noise",
    "imaging.blur_px",
)


def main() -> None:
    """Make both examples in the folder that is given, in place of earlier ones."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:  # two processes side by side, each of one thread
        for done in [pool.submit(make_gallery, folder / "gallery"), pool.submit(make_report, folder)]:
            done.result()


def make_gallery(folder: Path) -> None:
    """Draw the strips of a few knobs."""
    knobs = [word for knob in KNOBS for word in ("--knobs", knob)]
    run(folder.parent, "mitogen", "gallery", *knobs, "--size", "128", "--workers", "1", "-o", folder.name)


def make_report(folder: Path) -> None:
    """Render, fit and evaluate."""
    work = folder / "work"  # commands run in it: the report names the run as they do
    work.mkdir()
    for name, preset, images, seed in (("train", "s0", 40, 0), ("s0", "s0", 8, 1), ("mito", "mito", 8, 2)):
        command = ("mitogen", "render", "--preset", preset, "--n", str(images), "--seed", str(seed), "--size", "192")
        run(work, *command, "--workers", "1", "-o", f"{name}.h5")
    fit = ("mitoseg", "fit", "train.h5", "--val", "s0.h5", "-o", "unet")
    run(work, *fit, "--set", "network=tiny", "--set", "steps=60", "--set", "validations=2")
    run(work, "mitoseg", "evaluate", "unet", "s0.h5", "mito.h5", "-o", "report")
    (folder / "report").mkdir()
    shutil.move(work / "report" / "index.html", folder / "report" / "index.html")
    shutil.rmtree(work)


def run(folder: Path, program: str, *arguments: str) -> None:
    """Run a command of this installation in a folder; what it prints is shown only if it fails."""
    done = subprocess.run([str(BIN / program), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
