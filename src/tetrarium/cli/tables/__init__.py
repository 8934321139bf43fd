"""Tables and plots made of characters."""
