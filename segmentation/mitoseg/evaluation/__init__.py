"""Scores of a run on labelled files, synthetic and real alike.

An image is a section, or a whole volume where the network sees volumes. Of each one only counts are kept, which add up
over images (see `mitoseg.metrics`), so memory does not grow with the size of a file.
"""

from mitoseg.evaluation.aggregate import Measured, measure
from mitoseg.evaluation.metric_table import BARS, COLUMNS, HEADLINE, METRICS, Metric
from mitoseg.evaluation.objects import ObjectResult, score_objects
from mitoseg.evaluation.results import DatasetResult, ImageResult, Place, as_json
from mitoseg.evaluation.scoring import evaluate, pick_shown

__all__ = [
    "BARS",
    "COLUMNS",
    "HEADLINE",
    "METRICS",
    "DatasetResult",
    "ImageResult",
    "Measured",
    "Metric",
    "ObjectResult",
    "Place",
    "as_json",
    "evaluate",
    "measure",
    "pick_shown",
    "score_objects",
]
