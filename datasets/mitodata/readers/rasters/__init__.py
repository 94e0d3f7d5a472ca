"""Images of pixels in two dimensions, and stacks of them: TIFF and pictures."""
