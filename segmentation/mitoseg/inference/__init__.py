"""Inference on volumes of any size: sources, windows that stream, instances across blocks, results in three formats."""
