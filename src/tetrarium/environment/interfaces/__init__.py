"""Gymnasium's and Stable-Baselines3's interfaces to the environment's core."""
