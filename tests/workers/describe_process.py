"""``python -m tests.workers.describe_process FILE SECONDS`` describes its process in a file, and sleeps."""

import json
import os
import sys
import time
from pathlib import Path

from tests.workers.preloaded import LOADED

if __name__ == "__main__":
    path, seconds, _, lock = sys.argv[1:]
    description = {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "parent": os.getppid(),
        "name": Path("/proc/self/comm").read_text().strip(),
        "loaded": LOADED,
        "lock": os.fstat(int(lock)).st_ino,
        "descriptors": sorted(str(held.readlink()) for held in Path("/proc/self/fd").iterdir() if held.exists()),
    }
    sys.stdout.write("It works.\n")
    written = Path(f"{path}.part")
    written.write_text(json.dumps(description), encoding="utf-8")
    written.rename(path)
    time.sleep(float(seconds))
