"""Runs the command line in a terminal of its own, so that Ctrl-C and a closed window reach it."""

import fcntl
import sys
import termios

from tetrarium.cli.main import main

if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    main(sys.argv[1:])
