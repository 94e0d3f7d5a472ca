"""Mitochondria: their shapes, envelope, cristae, and how they are drawn."""
