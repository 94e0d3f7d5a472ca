"""Models as single files, and those that come with the package: format, card, registry."""
