"""One image; then a dataset, in parallel."""
