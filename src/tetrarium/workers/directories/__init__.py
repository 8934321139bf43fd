"""Folders of runs, demos, human games and jobs, as clients read them."""
