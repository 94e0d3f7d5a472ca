"""The command line of `mitoseg`."""
