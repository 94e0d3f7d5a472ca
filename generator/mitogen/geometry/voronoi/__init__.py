"""Weighted Voronoi diagrams: which cell holds a point, and how far the nearest border is."""
