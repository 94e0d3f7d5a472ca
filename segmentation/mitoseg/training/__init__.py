"""Fitting a network, and choosing its thresholds."""
