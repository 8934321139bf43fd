"""Commands ``models …`` that save, show, edit and share models."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tetrarium.cli import options
from tetrarium.cli.formatting import print_json
from tetrarium.cli.tables.model_tables import print_slots, print_version, print_versions
from tetrarium.errors import ConfigError
from tetrarium.registry.home import Home
from tetrarium.registry.versions import champion_names

if TYPE_CHECKING:
    from tetrarium.registry.model_store import ModelStore
    from tetrarium.registry.versions import ModelVersion

VersionArgument = Annotated[
    str, Parameter(completer=options.model_names, help="NAME@VERSION, or NAME for its default version.")
]
VersionsArgument = Annotated[
    str, Parameter(completer=options.model_names, help="NAME@VERSION, or NAME for all of its versions.")
]
TagsOption = Annotated[list[str] | None, Parameter(negative="", help="A tag; repeatable.")]


def list_models(
    name: Annotated[
        str | None, Parameter(completer=options.model_names, help="List the versions of this model.")
    ] = None,
    *,
    tag: Annotated[str | None, Parameter(help="Only versions with this tag.")] = None,
    trash: Annotated[bool, Parameter(negative="", help="List deleted versions, which can be restored.")] = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
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
        print_json([{**slot.current.to_dict(), "n_versions": len(slot.versions)} for slot in slots])
        return 0
    print_slots(slots, Home.locate(home).root, home)
    if builtin := [name for name in champion_names() if not models.has(name)]:
        print(f"Built in: {', '.join(builtin)}")
    return 0


def save_model(
    agent: Annotated[
        str,
        Parameter(
            completer=options.agent_names, help="A run, NAME@best, NAME@STEP, a model, a bundle or a checkpoint folder."
        ),
    ],
    *,
    name: Annotated[str | None, Parameter(help="Name of the model. [default: that of the run or file]")] = None,
    note: Annotated[str, Parameter(help="Optional description.")] = "",
    tag: TagsOption = None,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Save the weights of a run or checkpoint as a new version of a model. No version is ever overwritten."""
    from tetrarium.registry.bundles import BUNDLE_SUFFIX
    from tetrarium.training.agent_reference import resolve_checkpoint
    from tetrarium.training.saved_models import save_model as save

    located = Home.locate(home)
    path = resolve_checkpoint(agent, located)
    model = name or Path(agent.rstrip("/")).name.partition("@")[0].removesuffix(BUNDLE_SUFFIX)
    version = save(path, located, model, note=note, tags=tuple(tag or ()))
    return _report(version, json, f"Saved {version.spec}: {version.algorithm} at step {version.step:,}.")


def show_model(model: VersionArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Show one version of a model."""
    version = _store(home).find(model)
    if json:
        print_json(version.to_dict())
    else:
        print_version(version)
    return 0


def note_model(
    model: VersionArgument,
    text: Annotated[str, Parameter(help="The note; '' removes it.")],
    *,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Set the note of a version."""
    version = _store(home).set_note(model, text)
    return _report(version, json, f"Note of {version.spec} saved.")


def tag_model(
    model: VersionArgument,
    tags: Annotated[list[str] | None, Parameter(negative="", help="Tags to add.")] = None,
    *,
    remove: Annotated[list[str] | None, Parameter(negative="", help="A tag to remove; repeatable.")] = None,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Add tags to a version or remove them."""
    if not tags and not remove:
        raise ConfigError(
            "models tag needs tags to add or --remove; got neither. Write `tetrarium models tag NAME@1 good`.",
            field="tags",
        )
    version = _store(home).set_tags(model, add=tags or (), remove=remove or ())
    return _report(version, json, f"{version.spec} has the tags: {', '.join(version.tags) or 'none'}.")


def promote_model(model: VersionArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Make this version the default version of its model, also when others are saved later."""
    version = _store(home).promote(model)
    return _report(version, json, f"Default version of {version.name!r}: {version.number}.")


def export_model(
    model: VersionArgument,
    out: Annotated[Path, Parameter(help="Output file, NAME.tetris.")],
    *,
    force: options.ForceOption = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Export a model to a bundle file."""
    from tetrarium.training.saved_models import export_model as export

    bundle = export(model, out, Home.locate(home), force=force)
    n_bytes = out.stat().st_size
    if json:
        summary = {"file": str(out), "n_bytes": n_bytes, "algorithm": bundle.algorithm, "step": bundle.step}
        print_json(summary)
    else:
        print(f"Exported {model} to {out}, {n_bytes / 1e3:,.1f} kB: {bundle.algorithm} at step {bundle.step:,}.")
    return 0


def import_model(
    file: Annotated[Path, Parameter(help="A bundle, a Stable-Baselines3 model.zip, or a checkpoint folder.")],
    *,
    name: Annotated[str | None, Parameter(help="Name of the model. [default: its own]")] = None,
    assignments: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            negative="",
            completer=options.setting_words,
            help="For a model.zip: a setting of its training, as key=value.",
        ),
    ] = None,
    promote: Annotated[bool, Parameter(negative="", help="Make it the default version of its model.")] = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Import a bundle, or the weights of an SB3 model.zip. All content is checked first and none of it is executed."""
    from tetrarium.cli.configuration import read_configs
    from tetrarium.training.saved_models import import_model as import_file

    env_config, config = read_configs("default", None, assignments, {}, {}) if assignments else (None, None)
    imported = import_file(file, Home.locate(home), name, env_config=env_config, config=config, promote=promote)
    return _report(imported.version, json, imported.message)


def delete_model(
    model: VersionsArgument,
    *,
    forever: Annotated[
        bool, Parameter(negative="", help="Delete permanently, also from the trash; needs --yes.")
    ] = False,
    yes: options.YesOption = False,
    json: options.JsonOption = False,
    home: options.HomeOption = None,
) -> int:
    """Move a version or a whole model to the trash; `models restore` restores it."""
    from tetrarium.registry.versions import parse_spec

    models = _store(home)
    name, number = parse_spec(model)
    trash = models.trash() if forever else []
    in_trash = [version for version in trash if version.name == name and number in (None, version.number)]
    chosen = in_trash or models.own_versions(model)
    if not in_trash and (yes or not forever):
        chosen = models.delete(model)
    if forever and yes:
        models.remove(chosen)
    if json:
        return _print_versions(chosen, json, "")
    names = ", ".join(version.spec for version in chosen)
    if not forever:
        print(f"Moved to the trash: {names}. Undo: {options.suggested(f'tetrarium models restore {model}', home)}")
    elif yes:
        print(f"Permanently deleted: {names}.")
    else:
        print(f"This would permanently delete {names}. To confirm, add --yes")
    return 0


def restore_model(model: VersionsArgument, *, json: options.JsonOption = False, home: options.HomeOption = None) -> int:
    """Restore a version or a whole model from the trash."""
    restored = _store(home).restore(model)
    if json:
        return _print_versions(restored, json, "")
    print(f"Restored: {', '.join(version.spec for version in restored)}.")
    return 0


def _store(home: Path | None) -> "ModelStore":
    from tetrarium.registry.model_store import ModelStore

    return ModelStore(Home.locate(home))


def _tagged(found: "Sequence[ModelVersion]", tag: str | None) -> "list[ModelVersion]":
    return [version for version in found if tag is None or tag in version.tags]


def _print_versions(found: "Sequence[ModelVersion]", json: bool, if_empty: str) -> int:
    if json:
        print_json([version.to_dict() for version in found])
    elif found:
        print_versions(found)
    else:
        print(if_empty)
    return 0


def _report(version: "ModelVersion", json: bool, line: str) -> int:
    if json:
        print_json(version.to_dict())
    else:
        print(line)
    return 0
