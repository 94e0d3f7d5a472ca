"""Recipes: knobs, distributions, kinds of tissue, presets, and the drawing of params."""
