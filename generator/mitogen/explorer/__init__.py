"""The knob explorer: a page in the browser on which the image follows the slider (`mitogen explore`)."""
