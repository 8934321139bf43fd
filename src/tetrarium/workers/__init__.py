"""Worker processes that train and play, the protocol by which clients control them, and their folders."""
