"""How agents learn: one module an algorithm, and what they share."""
