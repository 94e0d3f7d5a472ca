"""Real tissue in the numbers of `mitogen gap`, beside those that came with the images."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from machine import conditions
from mitogen.gap import STATISTICS, Sampling, measure
from mitogen.gap.table import number
from pipeline import run_program
from real_sections import AS_IS, VARIANTS, add_real_option, write_sections
from steps import write_page
from targets import TARGETS, beside

Values = Mapping[str, float | None]

DATASETS = {"epfl": VARIANTS["epfl"], "vnc": (AS_IS,)}
"""Name of a dataset -> in which variants."""


def main() -> None:
    """Parse, import, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_real_option(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs/realism"), help="where imported images go")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/real-statistics.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    measured: dict[str, list[Values]] = {
        name: [
            measure(write_sections(name, arguments.real, arguments.runs, variant), Sampling(images=10_000)).values()
            for variant in variants
        ]
        for name, variants in DATASETS.items()
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(measured))
    print(arguments.output)


def page(measured: dict[str, list[Values]]) -> str:
    """The results as Markdown: of each dataset, the values in each of its variants."""
    tables = [line for name, values in measured.items() for line in ("", *table(name, values))]
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
            *tables,
            "",
            conditions(0),
            "",
        )
    )


def table(name: str, measured: list[Values]) -> Iterator[str]:
    """Lines of the section of a dataset: a row for each statistic that has a value or a target."""
    header = ["statistic", "unit", "target"]
    for variant in DATASETS[name]:
        header += [variant, "off by"]
    yield from (f"## {name.upper()}", "", f"| {' | '.join(header)} |", "|---" * len(header) + "|")
    for statistic in STATISTICS:
        target = TARGETS[name].get(statistic.name)
        cells = [text(target)]
        for values in measured:
            value = values.get(statistic.name)
            cells += [text(value), beside(statistic.name, value, target)]
        if any(cells):
            yield f"| {statistic.title} | {statistic.unit} | {' | '.join(cells)} |"


def text(value: float | None) -> str:
    """Write a number, or nothing."""
    return "" if value is None else number(value)


if __name__ == "__main__":
    run_program(main)
