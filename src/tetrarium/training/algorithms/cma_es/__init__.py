"""CMA-ES over the weights of a linear policy."""
