"""Procedural electron-microscopy tissue: scenes in nanometres, cut into sections, imaged like a microscope does."""
