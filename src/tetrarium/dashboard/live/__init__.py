"""The live socket: hubs, viewers and the sources of events."""
