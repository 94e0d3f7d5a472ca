"""`mitoseg models`: the released models, their cards, and models as files."""

from pathlib import Path

import click

from mitodata.command_line import Commands
from mitoseg.cli.options import FILES, OUTPUT

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg models list\n"
    "mitoseg models show mito-1\n"
    "mitoseg models card mito-1 -o README.md\n"
    "mitoseg models export runs/first -o mine.safetensors --name mine --card card.toml\n"
    "mitoseg models average runs/first runs/second -o mean.safetensors\n"
)


@click.group(cls=Commands, short_help="List models, show their cards, write them as files.", epilog=EXAMPLES)
def models() -> None:
    """List the released models, show their cards, and write models as files."""


@models.command("list", short_help="List the released models.")
def list_models() -> None:
    """List the released models, the newest first; predict takes it where no other is named."""
    from mitoseg.models.registry import NO_RELEASE, releases
    from mitoseg.models.weights_file import load_weights

    found = releases()
    if not found:
        click.echo(NO_RELEASE)
    for release in reversed(found):
        card = load_weights(release.path, release.check).card
        default = ", the default" if release is found[-1] else ""
        click.echo(f"{release.name}{default}: {card.description} ({release.size / 1e6:.1f} MB)")


@models.command(short_help="Print what is known of a model: its card.")
@click.argument("model", type=FILES, required=False)
def show(model: Path | None) -> None:
    """Print the card of MODEL: what it learned from, its scores, its limits. Without MODEL, of the newest release."""
    from mitoseg.inference.model import load_model
    from mitoseg.report.provenance import write_card

    loaded = load_model(model, "cpu")
    card = write_card(loaded, {})
    click.echo(card.model_copy(update={"name": card.name or loaded.name}).text(), nl=False)


@models.command(short_help="Write the card as the Hugging Face hub takes it.")
@click.argument("model", type=FILES, required=False)
@click.option("-o", "--output", "path", type=OUTPUT, metavar="README.md", help="The new file. [default: the screen]")
def card(model: Path | None, path: Path | None) -> None:
    """Write the card of MODEL as the Hugging Face hub takes it. Without MODEL, of the newest release."""
    from mitodata.files import check_replaceable, write_atomic
    from mitoseg.inference.model import load_model
    from mitoseg.models.hub_card import hub_card, is_hub_card
    from mitoseg.report.provenance import write_card

    if path is not None:
        check_replaceable(path, is_hub_card, "a model card")
    loaded = load_model(model, "cpu")
    known = write_card(loaded, {})
    text = hub_card(known.model_copy(update={"name": known.name or Path(loaded.name).stem}), loaded.config)
    if path is None:
        click.echo(text, nl=False)
        return
    write_atomic(path, text.encode())
    click.echo(path)


@models.command(short_help="Write a model as one file.")
@click.argument("model", type=FILES)
@click.option("-o", "--output", "path", required=True, type=OUTPUT, metavar="FILE.safetensors", help="The new file.")
@click.option("--name", help="Name of the model. [default: that of the file]")
@click.option(
    "--card",
    "card_file",
    type=FILES,
    metavar="CARD.toml",
    help="What is known of it, TOML or JSON; see docs/models.md.",
)
def export(model: Path, path: Path, name: str | None, card_file: Path | None) -> None:
    """Write MODEL as one file: weights in half precision, thresholds and card (safetensors).

    What a run says of itself is filled in: network, steps, commit, command. CARD.toml adds to that, and wins. For other
    programs see mitoseg export.
    """
    from mitoseg.inference.model import load_model
    from mitoseg.models.card import read_card
    from mitoseg.models.weights_file import check_place, save_weights
    from mitoseg.report.provenance import write_card

    check_place(path, [model])
    given = read_card(card_file) if card_file else {}
    loaded = load_model(model, "cpu")
    card = write_card(loaded, {**given, "name": name or given.get("name") or path.stem})
    size = save_weights(path, loaded.packed(card))
    click.echo(f"{path}: {size / 1e6:.1f} MB")


@models.command(short_help="Average the weights of several models.")
@click.argument("models", nargs=-1, required=True, type=FILES, metavar="MODEL MODEL...")
@click.option("-o", "--output", "path", required=True, type=OUTPUT, metavar="FILE.safetensors", help="The new file.")
def average(models: tuple[Path, ...], path: Path) -> None:
    """Average the weights of models that began with the same weights, and write one file.

    Settings and thresholds are those of the last one. Choose the thresholds anew afterwards, on rendered images:
    mitoseg tune FILE.safetensors DATA -o TUNED.safetensors
    """
    from mitoseg.models.weights_file import check_place, save_weights
    from mitoseg.transfer.averaging import average_models

    check_place(path, models)
    size = save_weights(path, average_models(models).packed())
    click.echo(f"{path}: {size / 1e6:.1f} MB, the mean of {len(models)} models")
