"""set_output where the output can be sequences: they get names, tables a DataFrame."""

from __future__ import annotations

from importlib import import_module
from typing import Literal

from sklearn import get_config

from .._typing import Estimator


def output_of(estimator):
    """What `set_output` was told, else `sklearn.set_config(transform_output=...)`."""
    config = getattr(estimator, "_sklearn_output_config", {})  # `clone` knows this name
    return config.get("transform", get_config()["transform_output"])


def as_frame(
    data,  # (n_rows, n_columns)
    names,  # of the columns
    library,
    index=None,  # names of the rows, which only pandas knows
):
    """A matrix as a DataFrame of this library, "pandas" or "polars"."""
    frames = import_module(library)
    if library == "pandas":
        return frames.DataFrame(data, columns=list(names), index=index)
    return frames.DataFrame(data, schema=list(names), orient="row")


def check_output(transform):
    """Raise if `set_output` does not take this."""
    if transform not in (None, "default", "pandas", "polars"):
        raise ValueError(
            f"transform={transform!r} is none of 'default', 'pandas', 'polars' and "
            "None."
        )


class SetOutputMixin:
    """`set_output` for transformers of sequences, which scikit-learn's does not know.

    For use with ``auto_wrap_output_keys=None``.
    """

    def set_output(
        self: Estimator,
        *,
        transform: Literal["default", "pandas", "polars"] | None = None,
    ) -> Estimator:
        """Set the output of :meth:`transform` and :meth:`fit_transform`.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            What to give:

            - "default": sequences in the container that X came in;
            - "pandas" or "polars": sequences, which fit in no table, as a
              :class:`~sklstm.SequenceArray` that bears the names of
              :meth:`get_feature_names_out`. Where the result is a table, of shape
              (n, T) for an X of this shape, it is a DataFrame;
            - None: leave it as it is, at first what
              ``sklearn.set_config(transform_output=...)`` says.

        Returns
        -------
        self : estimator
            The same object.

        Raises
        ------
        ValueError
            If `transform` is none of these.
        """
        check_output(transform)
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self
