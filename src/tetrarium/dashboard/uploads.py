"""Files that come over the network: written to a temporary file as they come, up to a limit of their own."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from fastapi import Request

from tetrarium.dashboard.answers import TooLargeError
from tetrarium.registry.bundles import BUNDLE_SUFFIX, MAX_BYTES_BUNDLE

__all__ = ["UPLOADS", "received"]

UPLOADS: Final = {("POST", "/api/imports"): MAX_BYTES_BUNDLE}  # what may have a longer body than others, and how long
_TIMEOUT_S: Final = 120.0


@contextlib.asynccontextmanager
async def received(request: Request, limit: int) -> AsyncIterator[Path]:
    """Takes a body in; the file is gone at the end of the block.

    Raises:
        TooLargeError: if it has more bytes than are allowed, or comes too slowly.
    """
    with tempfile.TemporaryDirectory(prefix="tetrarium-") as folder:
        path = Path(folder) / f"upload{BUNDLE_SUFFIX}"
        n_bytes = 0
        with path.open("wb") as file:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    async for chunk in request.stream():
                        n_bytes += len(chunk)
                        if n_bytes > limit:
                            raise TooLargeError(f"A file has at most {limit:,} bytes here. Send a smaller one.")
                        await asyncio.to_thread(file.write, chunk)
            except TimeoutError:
                raise TooLargeError(f"A file arrives within {_TIMEOUT_S:.0f} seconds. Send it again.") from None
        yield path
