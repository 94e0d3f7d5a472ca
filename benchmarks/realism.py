"""How close the calibrated presets come to the tissue they imitate: every statistic of `mitogen gap`.

Each preset is rendered at the voxel size and the image size of its real counterpart.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from machine import conditions
from mitodata.hdf5.dataset import Dataset
from mitogen.gap import STATISTICS, Sampling, Statistics, appearance_distance
from mitogen.gap.report import measure_pair, write_report
from mitogen.gap.table import number
from pipeline import run_program
from real_sections import AS_IS, VARIANTS, add_real_option, write_sections
from steps import Step, Steps, write_page
from targets import TARGETS, beside


def main() -> None:
    """Parse, render, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_real_option(parser)
    parser.add_argument("--pair", action="append", metavar="PRESET=DATASET", help="default: epfl=epfl and vnc=vnc")
    parser.add_argument("-n", type=int, default=20, help="images of each preset")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/realism"), help="where images and reports go")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/realism.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    parts = []
    for pair in arguments.pair or ("epfl=epfl", "vnc=vnc"):
        preset, _, name = pair.partition("=")
        name = name or preset
        variants = [variant for variant in VARIANTS.get(name, (AS_IS,)) if variant != AS_IS] or [AS_IS]
        files = [write_sections(name, arguments.real, arguments.runs, variant) for variant in variants]
        folder = arguments.runs / f"{preset}-as-{name}"
        synthetic = folder.with_suffix(".h5")
        Steps(arguments.runs).run(render(preset, files[0], synthetic, arguments.n, arguments.seed))
        ours, theirs = measure_pair(synthetic, files[-1], Sampling())
        print(write_report(folder, ours, theirs))
        others = [measure_pair(synthetic, file, Sampling())[1] for file in files[:-1]]
        parts += section(preset, name, ours, dict(zip(variants, [*others, theirs], strict=True)))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(parts, arguments.seed))
    print(arguments.output)


def render(preset: str, like: Path, target: Path, n: int, seed: int) -> Step:
    """Render `n` sections of the size and voxel size of the first one in the file `like`."""
    with Dataset(like) as dataset:
        shape, voxel_size = dataset.shape(0), dataset.voxel_size_nm(0)
    geometry = ("--shape", *map(str, shape), "--voxel-size", *(f"{edge:g}" for edge in voxel_size))
    command = (
        "mitogen",
        "render",
        "--preset",
        preset,
        *geometry,
        "--n",
        str(n),
        "--seed",
        str(seed),
        "-o",
        str(target),
    )
    return Step(command, target, target)


def section(preset: str, name: str, synthetic: Statistics, real: Mapping[str, Statistics]) -> list[str]:
    """One preset as Markdown, beside the variants of its real counterpart; the last one counts."""
    targets, ours = TARGETS.get(name, {}), synthetic.values()
    last = list(real.values())[-1]
    header = [
        "statistic",
        "unit",
        "target",
        *(f"real, {variant}" for variant in real),
        preset,
        "off target",
        "off real",
    ]
    rows = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    judged = within = 0
    for statistic in STATISTICS:
        value, target = ours.get(statistic.name), targets.get(statistic.name)
        theirs = [one.values().get(statistic.name) for one in real.values()]
        if value is None and not any(theirs):
            continue
        off = beside(statistic.name, value, target)
        judged, within = judged + bool(off), within + bool(off and "**" not in off)
        cells = (text(target), *map(text, theirs), text(value), off, beside(statistic.name, value, theirs[-1]))
        rows.append(f"| {statistic.title} | {statistic.unit} | {' | '.join(cells)} |")
    return [
        f"## Preset `{preset}` beside {name.upper()}",
        "",
        f"{within} of {judged} targets are met. Distance without labels: "
        f"{appearance_distance(synthetic.appearance, last.appearance):.2f}. {synthetic.describe()}; {last.describe()}.",
        "",
        *rows,
        "",
    ]


def page(parts: list[str], seed: int) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# Realism of the calibrated presets",
            "",
            "Statistics of [`mitogen gap`](../gap.md). *Target*: what came with the real images; *real*: what is",
            "measured on them ([variants](real-statistics.md)). Bold: off by more than 10 %, or across boundaries by",
            "more than 8 grey levels. Written by `benchmarks/realism.py`.",
            "",
            *parts,
            conditions(seed),
            "",
        )
    )


def text(value: float | None) -> str:
    """Write a number, or nothing."""
    return "" if value is None else number(value)


if __name__ == "__main__":
    run_program(main)
