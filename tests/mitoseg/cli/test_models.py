"""Models by name and as files, from the command line."""

from pathlib import Path

from program import Program

from mitoseg.inference.model import load_model


def test_a_run_becomes_a_file_that_is_taken_as_a_run_is(
    run: Path, fresh_discs: Path, tmp_path: Path, mitoseg: Program, no_charts: None
) -> None:
    (tmp_path / "card.toml").write_text('description = "Finds dark discs."\nlicence = "MIT"\n')
    file = tmp_path / "mine.safetensors"
    assert "mine.safetensors: 0." in mitoseg("models", "export", run, "-o", file, "--card", tmp_path / "card.toml")[1]
    shown = mitoseg("models", "show", file)[1]
    assert shown.startswith("# mine\n\nFinds dark discs.\n")
    assert "- Learned from: discs.h5\n" in shown
    assert "- Network: tiny, " in shown
    assert "- Licence: MIT\n" in shown
    results = ("--outputs", "mask,instances", "-o", tmp_path / "masks")
    code, output, errors = mitoseg("predict", fresh_discs, "--model", file, *results)
    assert code == 0
    assert "fresh-0000_mask.tif" in output
    tables = [Path(line).read_text().splitlines() for line in output.splitlines() if line.endswith("_objects.csv")]
    found = sum(len(table) - 1 for table in tables)
    assert found > 1
    assert errors == f"found {found} objects in 6 images, with the model {file}\n"
    assert "IoU" in mitoseg("evaluate", file, fresh_discs, "-o", tmp_path / "report", "--every", "3")[1]
    page = (tmp_path / "report" / "index.html").read_text()
    assert "discs.h5" in page
    assert "folder of the run" not in page  # it has none
    assert 'id="training"' not in page


def test_any_model_can_be_tuned_into_a_file(run: Path, fresh_discs: Path, tmp_path: Path, mitoseg: Program) -> None:
    before = (run / "last.pt").read_bytes()
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    mitoseg("tune", run, fresh_discs, "-o", first)
    assert f"{second}: IoU" in mitoseg("tune", first, fresh_discs, "-o", second)[1]
    assert load_model(first).decoding == load_model(second).decoding
    assert (run / "last.pt").read_bytes() == before
    assert "expected the folder of a run, or with -o FILE.safetensors" in mitoseg.fails("tune", first, fresh_discs)
    (tmp_path / "notes.txt").write_text("mine")
    assert "is not a model" in mitoseg.fails("tune", run, fresh_discs, "-o", tmp_path / "notes.txt")


def test_bad_input_to_export_is_one_line(run: Path, tmp_path: Path, mitoseg: Program) -> None:
    file = tmp_path / "a.safetensors"
    (tmp_path / "card.toml").write_text("licens = 'MIT'")
    assert "did you mean licence" in mitoseg.fails(
        "models", "export", run, "-o", file, "--card", tmp_path / "card.toml"
    )
    assert "not found" in mitoseg.fails("models", "export", tmp_path / "none", "-o", file)
    assert "cannot be written" in mitoseg.fails("models", "export", run, "-o", tmp_path / "none" / "a.safetensors")
    assert not file.exists()
