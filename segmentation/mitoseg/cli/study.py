"""`mitoseg study`: run a study, list those that come with mitoseg, explain where a model fails."""

from pathlib import Path

import click

from mitodata.command_line import Commands
from mitoseg.cli.options import FILES, OUTPUT

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg study leave-one-out --test epfl=epfl.h5 --test vnc=vnc.h5 --workers 2\n"
    "mitoseg study mine.toml -o studies/mine\n"
    "mitoseg study show leave-one-out > mine.toml\n"
    "mitoseg study explain runs/first val.h5 --real epfl.h5\n"
)


EXPLAIN_EXAMPLES = (
    "\b\nExamples:\n"
    "mitogen render -n 300 --seed 7 -o many.h5\n"
    "mitoseg study explain runs/first many.h5 --real epfl.h5\n"
)


def _tests(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, Path]:
    """Take apart NAME=FILE.h5."""
    parts = [text.partition("=") for text in texts]
    for text, (name, _, file) in zip(texts, parts, strict=True):
        if not (name and file):
            raise click.BadParameter(f"{text!r}; expected NAME=FILE.h5, such as epfl=epfl.h5", context, option)
    return {name: Path(file) for name, _, file in parts}


class Group(Commands):
    """Commands, and `run` for anything that is none of them: `mitoseg study STUDY.toml`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command."""
        known = bool(args) and args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["run", *args])


@click.group(cls=Group, short_help="See what a setting does to the score on real tissue.", epilog=EXAMPLES)
def study() -> None:
    """Run a study: `mitoseg study STUDY.toml`, or one of those that come with mitoseg.

    A study varies settings of the generator and of the fit, and shows what each does to the score on real tissue.
    """


@study.command(short_help="Run a study.", epilog=EXAMPLES)
@click.argument("name", metavar="STUDY")
@click.option("-o", "--output", "folder", type=OUTPUT, help="Folder of results.  [default: studies/STUDY]")
@click.option("--test", "tests", multiple=True, callback=_tests, metavar="NAME=FILE.h5", help="Images to score on.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes, which share the cores.  [default: one a core]")
@click.option("--scheduler", metavar="ADDRESS", help="Address of a Dask cluster that does the work instead.")
@click.option("--plan", "only_plan", is_flag=True, help="Check everything, say what there is to do, and exit.")
def run(
    name: str,
    folder: Path | None,
    tests: dict[str, Path],
    workers: int | None,
    scheduler: str | None,
    only_plan: bool,
) -> None:
    """Run STUDY: a file that ends in .toml, or the name of one that comes with mitoseg.

    Run it again after a stop, or after adding levels or seeds: what is done already is not done again.
    """
    from mitoseg.study.study import open_study, run_study

    opened = open_study(name, tests, folder)
    click.echo(opened.describe(), err=True)
    if not only_plan:
        page = run_study(opened, workers, scheduler)
        click.echo((opened.folder / "table.md").read_text(encoding="utf-8"), nl=False)
        click.echo(f"report: {page}", err=True)


@study.command("list")
def list_studies() -> None:
    """List the studies that come with mitoseg."""
    from mitoseg.study.plan import read_plan, ready_names

    for name in ready_names():
        click.echo(f"{name:18} {read_plan(name).contents.description}")


@study.command()
@click.argument("name", metavar="STUDY")
def show(name: str) -> None:
    """Print a study, to start your own from."""
    from mitoseg.study.plan import read_plan

    click.echo(read_plan(name).text, nl=False)


@study.command(short_help="Relate a model's errors to the knobs of its images.", epilog=EXPLAIN_EXAMPLES)
@click.argument("run", type=FILES)
@click.argument("data", type=FILES, metavar="DATA.h5")
@click.option("--real", type=FILES, metavar="REAL.h5", help="Say whether this tissue lies where the model fails.")
@click.option("--json", "as_text", is_flag=True, help="Print everything as JSON.")
def explain(run: Path, data: Path, real: Path | None, as_text: bool) -> None:
    """Relate the errors of the model of RUN on rendered images DATA to the knobs that were drawn for each.

    Needs some hundred images that the model has not seen, rendered from ranges. Labels of REAL are not looked at.
    """
    import json
    from dataclasses import asdict

    from mitoseg.evaluation.results import defined
    from mitoseg.inference.model import load_model
    from mitoseg.study.explanation import explain as explain_run
    from mitoseg.study.explanation import format_explanation

    found = explain_run(load_model(run), data, real)
    if as_text:
        click.echo(json.dumps(defined(asdict(found)), indent=2, allow_nan=False))
    else:
        click.echo(format_explanation(found), nl=False)
