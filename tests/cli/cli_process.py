"""Program that runs the command line as the controlling process of its terminal, so that Ctrl-C reaches it."""

import fcntl
import sys
import termios

from tetrarium.cli.main import main

if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    main(sys.argv[1:])
