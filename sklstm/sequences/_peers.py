"""Other packages: imported when they are needed, told apart without an import."""

from importlib import import_module


def import_peer(name, method):
    """Import the package that an object is to be made with.

    Parameters
    ----------
    name : str
        Name of the package.

    method : str
        Who asks, for the message.

    Returns
    -------
    package : module
        The package.

    Raises
    ------
    ImportError
        If it is not installed; says how to install it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"SequenceArray.{method} needs {name}: pip install {name}"
        ) from error


def names_of(sequences):
    """Names of the features, which a table needs: ``x0``, ``x1``... without any."""
    names = sequences.feature_names
    if names is None:
        return [f"x{j}" for j in range(sequences.n_features)]
    return list(names)


_PEERS = ("awkward", "pyarrow", "polars", "pandas", "torch", "xarray")


def package_of(X):
    """Return the package that a type comes from, also where it was derived from it.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    package : str or None
        "awkward", "pyarrow", "polars", "pandas", "torch" or "xarray"; None for anything
        else.
    """
    for base in type(X).__mro__:
        package = str(base.__module__).partition(".")[0]
        if package in _PEERS:
            return package
    return None
