"""The home folder and names in it."""

from tetrarium.registry.home import NAME_RULE, TAG_RULE, Home, NameRule, check_name, check_new_name

__all__ = ["NAME_RULE", "TAG_RULE", "Home", "NameRule", "check_name", "check_new_name"]
