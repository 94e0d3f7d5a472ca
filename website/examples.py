"""Make the gallery and the sample report of the documentation site: `python website/examples.py FOLDER`.

A small network learns 40 images of the clean preset `s0` for a few seconds. Its report shows the domain gap in small:
good on images of the same look, poor on the wider preset `mito`.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).parent
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
    run("mitogen", "gallery", *knobs, "--size", "128", "--workers", "1", "-o", str(folder))


def make_report(folder: Path) -> None:
    """Render, fit and evaluate."""
    work = folder / "work"
    work.mkdir()
    for name, preset, images, seed in (("train", "s0", 40, 0), ("s0", "s0", 8, 1), ("mito", "mito", 8, 2)):
        command = ("mitogen", "render", "--preset", preset, "--n", str(images), "--seed", str(seed), "--size", "192")
        run(*command, "--workers", "1", "-o", str(work / f"{name}.h5"))
    fit = ("mitoseg", "fit", str(work / "train.h5"), "--val", str(work / "s0.h5"), "-o", str(work / "unet"))
    run(*fit, "--set", "network=tiny", "--set", "steps=60", "--set", "validations=2")
    run("mitoseg", "evaluate", str(work / "unet"), str(work / "s0.h5"), str(work / "mito.h5"), "-o", str(work / "all"))
    (folder / "report").mkdir()
    shutil.move(work / "all" / "index.html", folder / "report" / "index.html")
    shutil.rmtree(work)


def run(program: str, *arguments: str) -> None:
    """Run a command of this installation; what it prints is shown only if it fails."""
    done = subprocess.run([str(BIN / program), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
