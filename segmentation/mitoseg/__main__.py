"""`python -m mitoseg`."""

from mitoseg.cli.main import main

main()
