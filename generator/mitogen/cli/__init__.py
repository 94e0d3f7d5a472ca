"""The command line of `mitogen`."""
