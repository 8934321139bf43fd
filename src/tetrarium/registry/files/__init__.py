"""Files that are replaced atomically, and strict readers for files of unknown origin."""
