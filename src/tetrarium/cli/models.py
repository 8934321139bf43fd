"""The commands ``tetrarium models …`` that keep, tell and share models."""

import json as jsonlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tetrarium.cli.completing import model_names, players
from tetrarium.cli.model_tables import print_slots, print_version, print_versions
from tetrarium.errors import ConfigError
from tetrarium.registry.box import champion_names
from tetrarium.registry.home import Home

if TYPE_CHECKING:
    from tetrarium.registry.models import ModelStore
    from tetrarium.registry.versions import ModelVersion

__all__ = [
    "delete_model",
    "export_model",
    "import_model",
    "list_models",
    "note_model",
    "promote_model",
    "restore_model",
    "save_model",
    "show_model",
    "tag_model",
]

HomeOption = Annotated[Path | None, Parameter(help="Folder in which tetrarium keeps things.")]
Json = Annotated[bool, Parameter(negative="", help="Print JSON.")]
Model = Annotated[
    str, Parameter(completer=model_names, help="NAME@VERSION, or NAME for its promoted or latest version.")
]
Several = Annotated[str, Parameter(completer=model_names, help="NAME@VERSION, or NAME for all of its versions.")]
Tags = Annotated[list[str] | None, Parameter(negative="", help="A tag; may be given several times.")]


def list_models(
    name: Annotated[str | None, Parameter(completer=model_names, help="List the versions of this model.")] = None,
    *,
    tag: Annotated[str | None, Parameter(help="Only versions with this tag.")] = None,
    trash: Annotated[bool, Parameter(negative="", help="List what was deleted and can be restored.")] = False,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """List saved models, or the versions of one."""
    models = _store(home)
    if trash:
        found = [version for version in models.trash() if name in (None, version.name)]
        return _print_versions(_tagged(found, tag), json, "The trash is empty.")
    if name is not None:
        return _print_versions(_tagged(models.versions(name), tag), json, "No version has that tag.")
    if tag is not None:
        found = [version for slot in models.slots() for version in slot.versions]
        return _print_versions(_tagged(found, tag), json, "No model has that tag.")
    slots = models.slots()
    if json:
        print(jsonlib.dumps([{**slot.current.to_dict(), "n_versions": len(slot.versions)} for slot in slots], indent=2))
        return 0
    print_slots(slots)
    if in_box := [name for name in champion_names() if not models.has(name)]:
        print(f"In the box: {', '.join(in_box)}")
    return 0


def save_model(
    what: Annotated[
        str, Parameter(completer=players, help="A run, NAME@best, NAME@STEP, a model, a bundle or a checkpoint folder.")
    ],
    *,
    name: Annotated[str | None, Parameter(help="The model's name; the run's or the file's without one.")] = None,
    note: Annotated[str, Parameter(help="What there is to say about it.")] = "",
    tag: Tags = None,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Save what a run or a checkpoint has learnt as a version of a model. Versions add up; none is overwritten."""
    from tetrarium.registry.bundles import BUNDLE_SUFFIX
    from tetrarium.training.finding import find_checkpoint
    from tetrarium.training.models import save_model as save

    located = Home.locate(home)
    path = find_checkpoint(what, located)
    called = name or Path(what.rstrip("/")).name.partition("@")[0].removesuffix(BUNDLE_SUFFIX)
    version = save(path, located, called, note=note, tags=tuple(tag or ()))
    return _say(version, json, f"Saved {version.spec}: {version.algorithm} at step {version.step:,}.")


def show_model(model: Model, *, json: Json = False, home: HomeOption = None) -> int:
    """Tell all about one version of a model."""
    version = _store(home).find(model)
    if json:
        print(jsonlib.dumps(version.to_dict(), indent=2))
    else:
        print_version(version)
    return 0


def note_model(
    model: Model,
    text: Annotated[str, Parameter(help="What there is to say; '' takes the note away.")],
    *,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Write down what there is to say about a version, in place of what was said."""
    version = _store(home).set_note(model, text)
    return _say(version, json, f"Noted of {version.spec}.")


def tag_model(
    model: Model,
    tags: Annotated[list[str] | None, Parameter(negative="", help="Tags to add.")] = None,
    *,
    remove: Tags = None,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Add tags to a version, or take them away."""
    if not tags and not remove:
        raise ConfigError("A tag is added or taken away; got neither. Write `tetrarium models tag NAME@1 good`.")
    version = _store(home).set_tags(model, add=tags or (), remove=remove or ())
    return _say(version, json, f"{version.spec} has the tags: {', '.join(version.tags) or 'none'}.")


def promote_model(model: Model, *, json: Json = False, home: HomeOption = None) -> int:
    """Let the model's name stand for this version until another is promoted, whatever is saved later."""
    version = _store(home).promote(model)
    return _say(version, json, f"{version.name!r} stands for {version.spec}.")


def export_model(
    model: Model,
    out: Annotated[Path, Parameter(help="The file, NAME.tetris.")],
    *,
    force: Annotated[bool, Parameter(negative="", help="Write over a file that is there.")] = False,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Write a model to a file that others can import."""
    from tetrarium.training.models import export_model as export

    bundle = export(model, out, Home.locate(home), force=force)
    n_bytes = out.stat().st_size
    if json:
        told = {"file": str(out), "n_bytes": n_bytes, "algorithm": bundle.algorithm, "step": bundle.step}
        print(jsonlib.dumps(told, indent=2))
    else:
        print(f"Wrote {model} to {out}, {n_bytes / 1e3:,.1f} kB: {bundle.algorithm} at step {bundle.step:,}.")
    return 0


def import_model(
    file: Annotated[Path, Parameter(help="A bundle, a model.zip of Stable-Baselines3, or a checkpoint folder.")],
    *,
    name: Annotated[str | None, Parameter(help="What it is called here; its own name without one.")] = None,
    assignments: Annotated[
        list[str] | None,
        Parameter(name="--set", negative="", help="For a model.zip: a setting that it was trained with, as key=value."),
    ] = None,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Take in somebody's bundle or model.zip. Everything is checked first, and nothing in it is run."""
    from tetrarium.cli.configuration import read_configs
    from tetrarium.training.models import import_model as take_in

    env_config, config = read_configs("default", None, assignments, {}, {}) if assignments else (None, None)
    version = take_in(file, Home.locate(home), name, env_config=env_config, config=config)
    return _say(version, json, f"Imported {version.spec}: {version.algorithm} at step {version.step:,}.")


def delete_model(
    model: Several,
    *,
    forever: Annotated[bool, Parameter(negative="", help="Remove it from the trash too; there is no undo.")] = False,
    json: Json = False,
    home: HomeOption = None,
) -> int:
    """Move a version, or a whole model, to the trash, from which `models restore` takes it back."""
    from tetrarium.registry.versions import parse_spec

    models = _store(home)
    name, number = parse_spec(model)
    in_trash = [found for found in models.trash() if found.name == name and number in (None, found.number)]
    deleted = in_trash if forever and in_trash else models.delete(model)
    if forever:
        models.remove(deleted)
    if json:
        return _print_versions(deleted, json, "")
    done = "Removed for ever" if forever else "Moved to the trash"
    undo = "" if forever else f" Undo: tetrarium models restore {model}"
    print(f"{done}: {', '.join(version.spec for version in deleted)}.{undo}")
    return 0


def restore_model(model: Several, *, json: Json = False, home: HomeOption = None) -> int:
    """Take a version, or a whole model, back from the trash."""
    restored = _store(home).restore(model)
    if json:
        return _print_versions(restored, json, "")
    print(f"Restored: {', '.join(version.spec for version in restored)}.")
    return 0


def _store(home: Path | None) -> "ModelStore":
    from tetrarium.registry.models import ModelStore

    return ModelStore(Home.locate(home))


def _tagged(found: "Sequence[ModelVersion]", tag: str | None) -> "list[ModelVersion]":
    return [version for version in found if tag is None or tag in version.tags]


def _print_versions(found: "Sequence[ModelVersion]", json: bool, nothing: str) -> int:
    if json:
        print(jsonlib.dumps([version.to_dict() for version in found], indent=2))
    elif found:
        print_versions(found)
    else:
        print(nothing)
    return 0


def _say(version: "ModelVersion", json: bool, line: str) -> int:
    print(jsonlib.dumps(version.to_dict(), indent=2) if json else line)
    return 0
