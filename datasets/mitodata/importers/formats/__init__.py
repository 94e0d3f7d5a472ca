"""One module a published layout of files."""
