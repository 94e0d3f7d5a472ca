"""Augmentation of whole batches in torch, image and mask in step, in 2D and 3D.

MONAI's dictionary transforms do the same one image at a time, at about a quarter of the speed
(`benchmarks/augmentation_speed.py`), which on two cores is time taken from the network. Here a batch goes through one
`grid_sample` and a few vector operations, on whatever device it lies. Each function applies numbers that it is given or
draws from an explicit generator (of the CPU, so that one seed gives one result on every device).
"""

from mitoseg.data.augmentation.batches import augment
from mitoseg.data.augmentation.fields import smooth_field
from mitoseg.data.augmentation.grey import gaussian_blur

__all__ = ["augment", "gaussian_blur", "smooth_field"]
