"""What there is to choose from: ``/api/about``, ``/api/presets``, ``/api/settings``."""

from fastapi import APIRouter

import tetrarium
from tetrarium.dashboard.access import Access
from tetrarium.dashboard.forms import setting_groups
from tetrarium.dashboard.schemas import About, PresetEntry, SettingGroups
from tetrarium.registry.home import Home
from tetrarium.training.presets import PRESETS

__all__ = ["catalogue_routes"]


def catalogue_routes(home: Home, access: Access) -> APIRouter:
    """Makes the routes; what they tell does not change while the server runs."""
    routes = APIRouter(prefix="/api", tags=["catalogue"])
    groups = SettingGroups(groups=setting_groups())
    presets = [
        PresetEntry(
            name=name,
            meaning=preset.meaning,
            env_config=preset.env_config.to_dict(),
            training_config=preset.training_config.to_dict(),
        )
        for name, preset in PRESETS.items()
    ]

    @routes.get("/about", summary="The dashboard itself")
    async def about() -> About:
        """Its version, its home, and whether it asks for a token."""
        return About(version=tetrarium.__version__, home=str(home.root), token_needed=access.token is not None)

    @routes.get("/presets", summary="Named ways of training")
    async def list_presets() -> list[PresetEntry]:
        """Each with every setting of its game and its training."""
        return presets

    @routes.get("/settings", summary="Every setting with its meaning, bounds and default")
    async def list_settings() -> SettingGroups:
        """In groups, as a form shows them; groups named after an algorithm count for that one alone."""
        return groups

    return routes
