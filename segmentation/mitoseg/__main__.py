"""`python -m mitoseg`."""

from mitoseg.cli import main

main()
