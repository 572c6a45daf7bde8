"""Where the weights of a model lie, by what it is called."""

from pathlib import Path

shipped_weights = Path(__file__).parents[1] / "shipped"

RT_DETR = "PekingU/rtdetr_r50vd_coco_o365"
"""The detector that finds boxes for models of a hub where none is named."""


def weights_of(source: str | Path) -> tuple[Path, ...]:
    """Return the files and folders of a model's weights.

    Parameters
    ----------
    source : path or str
        As `load_model` takes it.

    Returns
    -------
    paths : tuple of path
        Empty where there is none of the name on this machine; a model of a hub has its detector's, too.

    Examples
    --------
    >>> [path.name for path in weights_of("demo")]
    ['demo.safetensors']
    """
    path = Path(source)
    if is_shipped(source):
        return (shipped_weights / f"{source}.safetensors",)
    if path.is_file():
        return (path,)
    if path.is_dir() or is_hub_name(str(source)):
        named = path if path.is_dir() else _snapshot(str(source))
        return tuple(folder for folder in (named, _snapshot(RT_DETR)) if folder is not None)
    return ()


def is_shipped(source: str | Path) -> bool:
    """Tell whether a name is that of a shipped model.

    Parameters
    ----------
    source : path or str

    Returns
    -------
    is_one : bool
    """
    return not Path(source).suffix and (shipped_weights / f"{source}.safetensors").is_file()


def is_hub_name(source: str) -> bool:
    """Tell OWNER/NAME from a path to a file that is not there.

    Parameters
    ----------
    source : str

    Returns
    -------
    is_one : bool
    """
    return source.count("/") == 1 and not source.startswith((".", "/")) and not Path(source).suffix


def _snapshot(name: str) -> Path | None:
    """Return the folder in which the hub's cache keeps the files of a model."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    file = try_to_load_from_cache(name, "config.json")
    return Path(file).parent if isinstance(file, str) else None


def check_named(source: str, folder: str | Path = ".") -> None:
    """Refuse the name of a model that cannot be one: not shipped, no file, no folder and no name of a hub.

    Parameters
    ----------
    source : str
    folder : path
        That a path may be relative to.

    Raises
    ------
    ValueError
        The shipped names are listed.

    Examples
    --------
    >>> check_named("demo")
    """
    if is_shipped(source) or is_hub_name(source) or (source and (Path(folder) / source).exists()):
        return
    names = ", ".join(sorted(path.stem for path in shipped_weights.glob("*.safetensors")))
    raise ValueError(
        f"model: {source!r} is neither shipped ({names}), nor a file or folder, nor a name of a hub such as "
        "OWNER/NAME"
    )
