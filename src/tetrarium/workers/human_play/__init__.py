"""Human games: sessions, input, opponent, advisor and the archive of replays."""
