"""What of each compartment is predicted."""

import json
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mitodata import DataError
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitoseg.evaluation import as_json, evaluate
from mitoseg.inference.model import load_model
from mitoseg.metrics import compartment_shares, count_compartments
from mitoseg.report import write_report, write_tables

NAMES = {1: "cytoplasm", 2: "matrix", 3: "lysosome", 4: "myelin"}


def layers() -> tuple[NDArray[np.bool_], NDArray[np.uint8], NDArray[np.uint8]]:
    """Prediction, truth and compartments of ten pixels: matrix, lysosome, cytoplasm."""
    compartment = np.array([[2, 2, 2, 2, 3, 3, 1, 1, 1, 1]], np.uint8)
    prediction = np.array([[1, 1, 1, 0, 1, 1, 1, 0, 0, 0]], bool)
    return prediction, (compartment == 2).astype(np.uint8), compartment


def test_shares_of_compartments_and_of_false_positives() -> None:
    prediction, truth, compartment = layers()
    once = count_compartments(prediction, truth, compartment)
    shares = compartment_shares(once + once, NAMES)
    assert list(shares) == ["lysosome", "cytoplasm", "matrix"]
    assert (shares["lysosome"].voxels, shares["lysosome"].predicted) == (4, 1)
    assert shares["lysosome"].of_false_positives == pytest.approx(2 / 3)
    assert (shares["matrix"].predicted, shares["matrix"].of_false_positives) == (0.75, 0)
    assert shares["cytoplasm"].predicted == 0.25


def test_ignored_pixels_count_nowhere_and_without_false_positives_there_is_no_share() -> None:
    prediction, truth, compartment = layers()
    truth[0, 4:7] = 255
    shares = compartment_shares(count_compartments(prediction, truth, compartment), NAMES)
    assert set(shares) == {"cytoplasm", "matrix"}
    assert shares["cytoplasm"].voxels == 3
    assert isnan(shares["matrix"].of_false_positives)


def test_bad_input() -> None:
    prediction, truth, compartment = layers()
    with pytest.raises(DataError, match="shape"):
        count_compartments(prediction, truth, compartment[:, 1:])
    with pytest.raises(DataError, match="expected 0, 1 and 255"):
        count_compartments(prediction, truth + 1, compartment)


@pytest.mark.usefixtures("no_charts")
def test_an_evaluation_says_what_was_taken_for_mitochondria(run: Path, fresh_discs: Path, tmp_path: Path) -> None:
    with Dataset(fresh_discs) as file:
        samples = [file[number] for number in range(len(file))]
    named = [
        replace(sample, compartment=np.where(sample.label == 1, 2, np.where(sample.label > 1, 3, 1)).astype(np.uint8))
        for sample in samples
        if sample.label is not None
    ]
    write_dataset(tmp_path / "named.h5", named, Provenance(source="test", classes=NAMES))
    model = load_model(run)
    named_result, plain = evaluate(model, [tmp_path / "named.h5", fresh_discs])
    shares = named_result.compartments
    assert set(shares) == {"cytoplasm", "matrix", "lysosome"}
    assert shares["matrix"].predicted > 0.8 > 0.1 > shares["cytoplasm"].predicted > 0
    assert shares["cytoplasm"].of_false_positives == 1
    assert plain.compartments == {}
    assert json.loads(json.dumps(as_json([named_result])))["named"]["compartments"]["matrix"]["voxels"] > 0
    write_tables(tmp_path, [named_result, plain])
    text = write_report(tmp_path, [named_result, plain], model).read_text()
    assert text.count("What is taken for mitochondria: named") == 1
    assert "What is taken for mitochondria: fresh" not in text
