"""The napari plugin: our files, and segment, adapt, fine-tune, proofread and measure in the viewer.

What the widgets do lies in modules that know neither napari nor Qt; the widgets are in `mitoseg_napari.widgets`.
"""
