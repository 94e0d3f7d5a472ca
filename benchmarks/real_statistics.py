"""Real tissue in the numbers of `mitogen gap`, beside those that came with the images."""

import argparse
from pathlib import Path

from machine import conditions
from mitogen.gap import STATISTICS, Sampling, measure
from mitogen.gap.table import number
from pipeline import run_program
from real_sections import AS_IS, VARIANTS, add_real_option, write_sections
from steps import write_page
from targets import TARGETS, beside

COLUMNS = (*(("epfl", variant) for variant in VARIANTS["epfl"]), ("vnc", AS_IS))
"""Name of a dataset, and in which variant."""


def main() -> None:
    """Parse, import, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_real_option(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs/realism"), help="where imported images go")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/real-statistics.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    measured = []
    for name, variant in COLUMNS:
        path = write_sections(name, arguments.real, arguments.runs, variant)
        measured.append(measure(path, Sampling(images=10_000)).values())
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(measured))
    print(arguments.output)


def page(measured: list[dict[str, float | None]]) -> str:
    """The results as Markdown."""
    header = ["statistic", "unit"]
    for name, variant in COLUMNS:
        header += [f"{name.upper()} target"] * (variant == AS_IS) + [f"{name.upper()} {variant}", "off by"]
    rows = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for statistic in STATISTICS:
        cells: list[str] = []
        for (name, variant), values in zip(COLUMNS, measured, strict=True):
            value, target = values.get(statistic.name), TARGETS[name].get(statistic.name)
            cells += [text(target)] * (variant == AS_IS) + [text(value), beside(statistic.name, value, target)]
        if any(cells):
            rows.append(f"| {statistic.title} | {statistic.unit} | {' | '.join(cells)} |")
    return "\n".join(
        (
            "# Real tissue in numbers",
            "",
            "All sections of the EPFL volume and of the VNC stack, by the definitions of",
            "[`mitogen gap`](../gap.md), beside the targets that came with the images. Bold: off by more than 10 %, or",
            "across boundaries by more than 8 grey levels. Written by `benchmarks/real_statistics.py`.",
            "",
            "*Restored*: the sections of the EPFL file were stretched to 0-255 one by one (some 170 of 256 levels are",
            "left in each); that is undone, with the mean set to the target. *Masks grown*: its masks run inside the",
            "outer membrane; grown by 4 px, the grey across their boundary is that of the target, so the target was",
            "measured on wider masks.",
            "",
            *rows,
            "",
            conditions(0),
            "",
        )
    )


def text(value: float | None) -> str:
    """Write a number, or nothing."""
    return "" if value is None else number(value)


if __name__ == "__main__":
    run_program(main)
