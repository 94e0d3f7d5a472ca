"""`mitoseg export`: models for other programs."""

from pathlib import Path

import click

from mitoseg.cli.options import FILES, OUTPUT

EXAMPLES = (
    "\b\nExamples:\n"
    "mitoseg export mito-1 -o mito-1.onnx\n"
    "mitoseg export runs/first --format torchscript -o first.pt\n"
    "mitoseg export mine.safetensors --format bioimageio -o mine.zip\n"
    "mitoseg predict stack.tif --model mito-1.onnx --voxel-size 5 5 5 -o masks\n"
)

ENDINGS = {".onnx": "onnx", ".pt": "torchscript", ".zip": "bioimageio"}


@click.command(short_help="Write a model for other programs, such as ONNX.", epilog=EXAMPLES)
@click.argument("model", type=FILES)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(ENDINGS.values())),
    help="What is written. [default: by the ending of FILE: .onnx, .pt, .zip]",
)
@click.option("-o", "--output", "path", required=True, type=OUTPUT, metavar="FILE", help="The new file.")
@click.option("--name", help="Name of the model. [default: its own, or that of the file]")
@click.option("--card", "card_file", type=FILES, metavar="CARD.toml", help="What is known of it; see docs/models.md.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier file.")
def export(
    model: Path, form: str | None, path: Path, name: str | None, card_file: Path | None, overwrite: bool
) -> None:
    """Write MODEL (a run, a model's file, or a released model) for other programs.

    onnx: a graph for onnxruntime and others, which mitoseg predict takes as a model. torchscript: for torch without
    this program. bioimageio: a package for the BioImage Model Zoo, tested by the zoo's own test. A file is left only
    if it gives the same probabilities as torch, within .0001.
    """
    from dataclasses import asdict

    from mitoseg.inference.model import load_model
    from mitoseg.models.card import read_card
    from mitoseg.models.portable import Portable, check_new, write_onnx, write_torchscript
    from mitoseg.report.provenance import write_card

    form = form or ENDINGS.get(path.suffix.lower())
    if form is None:
        raise click.UsageError(f"{path}: cannot tell the format; expected .onnx, .pt or .zip, or --format")
    check_new(path, overwrite)
    given = read_card(card_file) if card_file else {}
    loaded = load_model(model, "cpu")
    loaded.check_weights()
    known = write_card(loaded, given)
    known = known.model_copy(update={"name": name or known.name or path.stem})
    portable = Portable(loaded.network, loaded.config, asdict(loaded.decoding), known)
    if form == "bioimageio":
        from mitoseg.data.rendered import render_example
        from mitoseg.models.zoo_package import check_extra, example_shape, write_package

        check_extra()
        image = render_example(loaded.config, example_shape(portable)).raw
        difference = write_package(path, portable, image)
    else:
        difference = (write_onnx if form == "onnx" else write_torchscript)(path, portable)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, differs from torch by {difference:.1g} at most")
