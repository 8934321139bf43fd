"""``python -m tests.workers.telling WHERE SECONDS`` writes down what it is, and sleeps."""

import json
import os
import sys
import time
from pathlib import Path

from tests.workers.forked import LOADED

if __name__ == "__main__":
    where, seconds, _, lock = sys.argv[1:]
    told = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "parent": os.getppid(),
        "name": Path("/proc/self/comm").read_text().strip(),
        "loaded": LOADED,
        "lock": os.fstat(int(lock)).st_ino,
        "descriptors": sorted(str(held.readlink()) for held in Path("/proc/self/fd").iterdir() if held.exists()),
    }
    sys.stdout.write("It works.\n")
    written = Path(f"{where}.part")
    written.write_text(json.dumps(told), encoding="utf-8")
    written.rename(where)
    time.sleep(float(seconds))
