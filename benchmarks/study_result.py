"""Run a study, or take up one that was stopped, and write its tables as a page of docs/results.

With --as-it-is nothing is run: the page says how many trials have ended so far.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from machine import conditions
from mitodata import RunError
from mitogen.rendering.process_pool import cores
from mitoseg.study.publishing import publish
from mitoseg.study.results import read_outcomes
from mitoseg.study.study import open_study, run_study
from mitoseg.study.trials import unique
from pipeline import run_program
from steps import write_page


def main() -> None:
    """Parse, run, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("study", metavar="STUDY", help="a file that ends in .toml, or a study that comes with mitoseg")
    parser.add_argument("--test", action="append", default=[], metavar="NAME=FILE.h5", help="images to score on")
    parser.add_argument("--folder", type=Path, help="where trials and images are kept [studies/STUDY]")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--as-it-is", action="store_true", help="run nothing, write what there is")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.md")
    arguments = parser.parse_args()

    tests = {name: Path(file) for name, _, file in (test.partition("=") for test in arguments.test)}
    study = open_study(arguments.study, tests, arguments.folder)
    print(study.describe(), file=sys.stderr, flush=True)
    if arguments.as_it_is:
        outcomes = read_outcomes(study.trials, study.folder)
        if not outcomes:
            raise RunError(f"{study.folder}: no trial has ended yet; run without --as-it-is")
        publish(study.folder, study.plan, study.design, outcomes, len(unique(study.trials)))
    else:
        run_study(study, arguments.workers)
    outcomes = read_outcomes(study.trials, study.folder)
    minutes = sum(one.minutes for one in outcomes)
    first, *rest = command(arguments.study, tests, arguments.output)
    lines = [
        f"# Study: {study.plan.name}",
        "",
        study.plan.contents.description,
        "",
        (study.folder / "table.md").read_text(encoding="utf-8"),
        f"The fits took {minutes:.0f} minutes of wall time together. Written by",
        "",
        " \\\n        ".join([f"    python benchmarks/study_result.py {first}", *wrap(shlex.join(rest), 100)]),
        "",
        measured(study.plan.contents.seeds),
        "",
    ]
    write_page(arguments.output, "\n".join(lines))
    print(f"{arguments.output}; page: {study.folder / 'index.html'}")


def measured(seeds: Sequence[int]) -> str:
    """Where and when, with all seeds."""
    first = conditions(seeds[0])
    return first.replace(f"seed {seeds[0]}", f"seeds {', '.join(map(str, seeds))}") if len(seeds) > 1 else first


def command(study: str, tests: dict[str, Path], output: Path) -> list[str]:
    """What to type to get the page again, without the folders of this machine."""
    given = [part for name, file in tests.items() for part in ("--test", f"{name}={file.name}")]
    return [study, *given, "-o", str(output)]


if __name__ == "__main__":
    run_program(main)
