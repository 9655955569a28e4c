"""Other packages: imported when they are needed, told apart without an import."""

from importlib import import_module


def import_peer(name, method):
    """The package that an object is made with; the error says how to install it."""
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
    """The package of `_PEERS` that a type is from or derived from, else None."""
    for base in type(X).__mro__:
        package = str(base.__module__).partition(".")[0]
        if package in _PEERS:
            return package
    return None
