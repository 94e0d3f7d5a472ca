"""Striated muscle: myofibrils and rows of mitochondria side by side along an axis."""
