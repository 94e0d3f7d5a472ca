"""What study files of tests begin with, and what comes of them."""

from mitoseg.study.study import Study

BASE = """
[base]
images = 4
validation_images = 2
size_px = 64
network = "tiny"
patch_px = 64
steps = 2
batch = 2
validations = 1
"mitogen:mitochondria.volume_fraction" = 0.25
"mitogen:section.pixel_nm" = 16
"""


def names(study: Study) -> list[str]:
    return [condition.name for condition in study.design.conditions]
