"""The widgets: what a user sees of the modules beside this folder. Only here are napari and Qt imported."""
