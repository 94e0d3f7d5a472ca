"""Geometry in nanometres: grids, tubes, Voronoi cells, random fields, point processes."""
