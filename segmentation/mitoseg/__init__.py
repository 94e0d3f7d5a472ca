"""Segmentation of mitochondria and cells: MONAI U-Nets, trained on synthetic tissue, measured on real tissue."""
