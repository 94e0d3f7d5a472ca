"""`mitogen card`: the card of a dataset file."""

from pathlib import Path

import click

from mitogen.cli.options import FILE, OUTPUT, examples


@click.command(
    short_help="Write the card of a dataset: what it holds.",
    epilog=examples(
        "mitogen card train.h5                          to look at",
        "mitogen card train.h5 -o README.md --licence cc-by-4.0",
    ),
)
@click.argument("file", type=FILE, metavar="FILE.h5")
@click.option("-o", "--output", type=OUTPUT, metavar="README.md", help="Where to; else it is printed.")
@click.option("--licence", metavar="ID", help="Under which the images may be used.  [default: what the file says]")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def card(file: Path, output: Path | None, licence: str | None, overwrite: bool) -> None:
    """Write the card of a dataset: what it holds, where it comes from, its licence and recipe, how to load it.

    It has the form that the Hugging Face hub takes. Put it beside the file as README.md.
    """
    from mitodata.card import write_card
    from mitodata.errors import DataError
    from mitodata.files import write_atomic

    if output is not None and output.exists() and not overwrite:
        raise DataError(f"{output}: exists already; choose another name or overwrite it")
    text = write_card(file, licence)
    if output is None:
        click.echo(text, nl=False)
        return
    write_atomic(output, text.encode("utf-8", "replace"))
    click.echo(f"card in {output}")
