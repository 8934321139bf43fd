"""Processes that train and play: what they publish and obey, and the client that talks to them."""
