"""The learning algorithms, one sub-package each, and the parts that they share."""
