"""What a server has loaded before it forks processes that train: importing it there spares each of them seconds."""

import os
import sys
from pathlib import Path

from tetrarium.cli.main import main
from tetrarium.workers.training import prepare


def run_command(arguments: list[str], printed: Path, complained: Path) -> None:
    """Is a process from here on: runs a command as a shell would, with files for its output."""
    for stream, path in ((sys.stdout, printed), (sys.stderr, complained)):
        stream.flush()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    main(arguments)


prepare()
