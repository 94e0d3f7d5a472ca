"""How close `mitogen match` brings the preset `mito` to real tissue without labels: command and output."""

import argparse
from pathlib import Path

from machine import conditions
from pipeline import run_program
from real_sections import add_real_option, write_sections
from steps import Step, Steps, write_page


def main() -> None:
    """Parse, import, match, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_real_option(parser)
    parser.add_argument("--from", dest="base", default="mito", help="recipe to begin with")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs/match"), help="where images and recipes go")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/match.md"), metavar="FILE.md")
    arguments = parser.parse_args()
    parts = []
    for name in ("epfl", "vnc"):
        real = write_sections(name, arguments.real, arguments.runs)
        step = match(real, arguments.runs / name, arguments)
        Steps(arguments.runs).run(step)
        shown = " ".join(part.replace(f"{arguments.runs}/", "") for part in step.command)
        parts += [f"## {name.upper()}", "", "```", f"$ {shown}", *step.result.read_text().splitlines()[:-2], "```", ""]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, page(parts, arguments.seed))
    print(arguments.output)


def match(real: Path, folder: Path, arguments: argparse.Namespace) -> Step:
    """Match a recipe to the images of a file; recipe, sheet and journal go to `folder`."""
    search = ("--trials", str(arguments.trials), "--seed", str(arguments.seed))
    output = ("-o", str(folder / "matched.toml"), "--overwrite")
    command = ("mitogen", "match", str(real), "--from", str(arguments.base), *search, *output)
    return Step(command, folder / "summary.txt", folder, keep_output=True)


def page(parts: list[str], seed: int) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# Matching without labels, on real tissue",
            "",
            "[`mitogen match`](../match.md) on files whose labels it does not open. Each is taken as it is: the",
            "sections of the EPFL file were stretched to 0-255 ([details](real-statistics.md)). Written by",
            "`benchmarks/match_real.py`.",
            "",
            *parts,
            conditions(seed),
            "",
        )
    )


if __name__ == "__main__":
    run_program(main)
