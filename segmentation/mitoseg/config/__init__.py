"""Settings of a fit: the model, files, presets."""
