"""Put a fitted model into the package, as one that `mitoseg predict` takes without being told.

Writes the weights in half precision, the card and a row in the list of released models; an earlier model of the same
name is replaced. The last one in the list is what users get.

    python benchmarks/release_model.py runs/release/mito-1.safetensors --name mito-1
"""

import argparse
from hashlib import sha256
from pathlib import Path

import tomli_w

from mitodata import RunError
from mitodata.files import write_together
from mitoseg.inference.model import load_model
from mitoseg.models import registry
from mitoseg.models.card import read_card
from mitoseg.models.weights_file import pack_weights
from mitoseg.report.provenance import write_card
from pipeline import run_program

MOST_BYTES = 16_000_000
"""All released models together."""

HEAD = "# Released models, the newest last; written by benchmarks/release_model.py.\n"


def main() -> None:
    """Parse, pack, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of the run, or any model")
    parser.add_argument("--name", required=True, help="such as mito-1")
    parser.add_argument("--card", type=Path, metavar="CARD.toml", help="what is known of it beside what it says itself")
    arguments = parser.parse_args()
    release(arguments.run, arguments.name, read_card(arguments.card) if arguments.card else {})


def release(run: Path, name: str, given: dict[str, object]) -> None:
    """Write a model, its card and the list of released models; all three or nothing.

    Raises:
        RunError: there is no such model, or the released models would be too large.
    """
    model = load_model(run, "cpu")
    card = write_card(model, {**given, "name": name})
    content = pack_weights(model.packed(card))
    new = registry.Release(name, len(content), sha256(content).hexdigest())
    rows = [*(each for each in registry.releases() if each.name != name), new]
    total = sum(each.size for each in rows)
    if total > MOST_BYTES:
        raise RunError(f"{run}: the released models would be {total / 1e6:.1f} MB; expected at most 16 MB")
    listed = {"models": [{"name": each.name, "bytes": each.size, "sha256": each.sha256} for each in rows]}
    write_together(
        {
            new.path: content,
            new.path.with_suffix(".md"): card.text().encode(),
            registry.FOLDER / registry.LISTED: (HEAD + tomli_w.dumps(listed)).encode(),
        }
    )
    print(f"{new.path}: {new.size / 1e6:.1f} MB, SHA-256 {new.sha256}")


if __name__ == "__main__":
    run_program(main)
