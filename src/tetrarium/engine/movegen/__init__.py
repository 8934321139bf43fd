"""Move generation under the Super Rotation System: reachable lock positions, spins, key paths and perft."""
