"""Worker processes for training, demos, human games and jobs, and the launcher that starts them."""
