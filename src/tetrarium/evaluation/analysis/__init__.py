"""Analysis of recorded games: what a policy thinks of every position, and where the played placement lost value."""
