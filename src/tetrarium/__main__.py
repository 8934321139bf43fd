"""``python -m tetrarium``: the command line, where its script is not on the path."""

from tetrarium.cli.main import main

main()
