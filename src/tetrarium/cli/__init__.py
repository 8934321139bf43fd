"""The command line: reads arguments into configs, calls one function, prints."""
