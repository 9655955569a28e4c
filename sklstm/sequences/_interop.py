"""Conversions: SequenceArray from and to the containers of other packages."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal

import numpy as np

from ._columnar import as_arrow, as_awkward, stack_arrow, stack_awkward
from ._columns import float_dtype, read_numbers
from ._foreign import refuse_foreign, refuse_types
from ._npy import stack_npy
from ._stacking import stack_items
from ._tables import as_long, as_nested, as_sktime, stack_nested, stack_sktime

if TYPE_CHECKING:
    from .._typing import ArrayLike, ArrowArray, AwkwardArray, DataFrame
    from ._array import SequenceArray


class ConversionsMixin:
    """What SequenceArray can be made of, and made into, beside arrays and lists.

    No package is imported before it is asked for.
    """

    __slots__ = ()

    # ---- files -------------------------------------------------------------------

    @classmethod
    def from_npy(cls, folder: str | PathLike, pattern: str = "*.npy") -> SequenceArray:
        r"""Open a folder of files of NumPy, whose sequences stay where they are.

        For data that do not fit into memory: the files are mapped, a fit reads each
        minibatch when it comes to it, and selections such as ``X[indices]`` are no
        copies. A pickle holds the paths; where it is read the files have to be there.

        Parameters
        ----------
        folder : str or path-like
            The folder. A file in it, as ``numpy.save`` writes it, is an array of shape
            (n, T, F), which is n sequences of T steps, or of shape (T, F) or (T,),
            which is one sequence. Or it is (n_total_steps, F) of several sequences, one
            after the other, and where these begin, as in `offsets` of a SequenceArray,
            is in a file beside it: in ``a.offsets.npy`` for ``a.npy``.

        pattern : str, default="\*.npy"
            Which files of the folder. They are read in the order of their names, with
            numbers in the order of numbers: part-9 before part-10.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The sequences of all files; float32 if all files are float32, else float64.
            NaN are missing values, also at the end of an array of shape (n, T, F).

        Raises
        ------
        FileNotFoundError
            If there is no such folder or no such file in it.

        ValueError
            If a file holds anything but real numbers, has another number of features
            than the first one or no such shape, or if offsets do not describe it. The
            message names the file.

        See Also
        --------
        sklstm.sequences.check_sequences : Sequences of anything that is in memory.

        Notes
        -----
        What needs all numbers at once reads them: ``X.data``, ``X.to_list()``,
        transformers, and estimators that learn to predict their own X. With ``missing``
        other than "error" a fit makes a copy where values are missing.

        Examples
        --------
        >>> import numpy as np, tempfile
        >>> from sklstm.sequences import SequenceArray
        >>> folder = tempfile.TemporaryDirectory()
        >>> np.save(f"{folder.name}/a.npy", np.ones((2, 5, 3)))
        >>> np.save(f"{folder.name}/b.npy", np.ones((9, 3)))
        >>> X = SequenceArray.from_npy(folder.name)
        >>> X
        <SequenceArray: 3 sequences, 5 to 9 steps, 3 features, float64>
        >>> X[2].shape
        (9, 3)
        >>> folder.cleanup()
        """
        return cls._trusted(*stack_npy(folder, pattern))

    # ---- aeon: time last ---------------------------------------------------------

    @classmethod
    def from_aeon(cls, X: ArrayLike | Sequence[ArrayLike]) -> SequenceArray:
        """Make a SequenceArray of sequences as aeon has them, time last.

        aeon's arrays are (n_channels, n_timepoints), those of this package (n_steps,
        n_features). The one cannot be told from the other by looking, so that it has
        to be said.

        Parameters
        ----------
        X : ndarray of shape (n, F, T) or (n, T), or list of ndarray of shape (F, T_i)
            What aeon calls numpy3D, numpy2D and np-list. The numpy3D of sktime is the
            same.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The sequences. NaN are missing values: aeon has no padding.

        Raises
        ------
        TypeError
            If X is none of the three.

        ValueError
            If the list is empty, if a sequence has another rank or other channels than
            the first one, or if the values are no real numbers.

        See Also
        --------
        SequenceArray.to_aeon : The way back.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm.sequences import SequenceArray
        >>> SequenceArray.from_aeon([np.zeros((3, 50)), np.zeros((3, 20))])
        <SequenceArray: 2 sequences, 20 to 50 steps, 3 features, float64>
        """
        return cls._trusted(*_stack_aeon(X))

    def to_aeon(self) -> list[np.ndarray]:
        """Return the sequences as aeon has them, time last.

        Returns
        -------
        X : list of ndarray, each of shape (n_features, T_i)
            New arrays of the same dtype: aeon's np-list, which its estimators take for
            sequences of equal and of unequal length.

        See Also
        --------
        SequenceArray.from_aeon : The way back.

        Examples
        --------
        >>> from sklstm.sequences import SequenceArray
        >>> X = SequenceArray.from_list([[[1, 2], [3, 4], [5, 6]]])
        >>> X.to_aeon()[0]
        array([[1., 3., 5.],
               [2., 4., 6.]])
        """
        return [np.array(x.T, order="C") for x in self.to_list()]

    # ---- tables ------------------------------------------------------------------

    @classmethod
    def from_sktime(cls, frame: DataFrame) -> SequenceArray:
        """Make a SequenceArray of what sktime calls pd-multiindex.

        Parameters
        ----------
        frame : DataFrame
            A pandas DataFrame with one row per step, one column per feature, and an
            index of two levels: instance and time. Time must not fall within an
            instance.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The sequences, in the order of their first row:
            ``frame.index.get_level_values(0).unique()``. These are their ids, and the
            other level is their times. Names of columns are kept if all are strings.
            Missing values are NaN.

        Raises
        ------
        TypeError
            If ``frame`` is no pandas DataFrame.

        ValueError
            If the index has not two levels or has missing values, if time falls within
            an instance, or if a column is not numeric.

        See Also
        --------
        SequenceArray.from_long : The same with instance and time in columns.
        SequenceArray.from_nested : For sktime's nested_univ.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklstm.sequences import SequenceArray
        >>> index = pd.MultiIndex.from_tuples([("a", 0), ("a", 1), ("b", 0)])
        >>> X = SequenceArray.from_sktime(pd.DataFrame({"x": [1, 2, 3]}, index=index))
        >>> X
        <SequenceArray: 2 sequences, 1 to 2 steps, 1 feature, float64>
        """
        return cls._trusted(*stack_sktime(frame))

    def to_sktime(self) -> DataFrame:
        """Return the sequences as what sktime calls pd-multiindex.

        Needs pandas.

        Returns
        -------
        frame : DataFrame
            One row per step, with an index of "instances" and "timepoints", which are
            ids and times or, where there are none, counted from 0, and the names of
            the features as columns, if there are any.

        Raises
        ------
        ImportError
            If pandas is not installed.

        ValueError
            If a sequence has no steps: there is no row that would say so; or if an id
            comes twice.

        See Also
        --------
        SequenceArray.from_sktime : The way back.

        Examples
        --------
        >>> from sklstm.sequences import SequenceArray
        >>> X = SequenceArray.from_list([[1, 2], [3]])
        >>> X.to_sktime().index.tolist()
        [(0, 0), (0, 1), (1, 0)]
        """
        return as_sktime(self)

    def to_long(
        self,
        *,
        by: str | Sequence[str] = "sequence",
        step: str = "step",
        ids: ArrayLike | None = None,
        library: Literal["pandas", "polars"] = "pandas",
    ) -> DataFrame:
        """Return the sequences as a long table with one row per step.

        ``SequenceArray.from_long(frame, by="sequence", sort="step")`` is the way back.

        Parameters
        ----------
        by : str or list of str, default="sequence"
            Name of the column that says which sequence a row is of; where ids are
            tuples, a name for each of their parts.

        step : str, default="step"
            Name of the column of the times or, where X has none, of the numbers of the
            steps of each sequence, from 0.

        ids : array-like of shape (n,), default=None
            What the sequences are called in the column `by`, each otherwise. None
            takes ``X.ids`` or, where there are none, counts from 0.

        library : {"pandas", "polars"}, default="pandas"
            Whose DataFrame it shall be. It must be installed.

        Returns
        -------
        frame : DataFrame
            The columns `by` and `step` and one for each feature, with its name or
            ``x0``, ``x1``...

        Raises
        ------
        ImportError
            If `library` is not installed.

        ValueError
            If a sequence has no steps, because there is no row that would say so, if
            two columns would have the same name, if `ids` are not as many as the
            sequences or one of them comes twice, as in a bootstrap sample, or if they
            are no tuples of as many parts as `by` has names.

        See Also
        --------
        SequenceArray.to_nested : A table with one row per sequence.

        Examples
        --------
        >>> from sklstm.sequences import SequenceArray
        >>> X = SequenceArray.from_list([[1, 2], [3]])
        >>> X.to_long(ids=["a", "b"])
          sequence  step   x0
        0        a     0  1.0
        1        a     1  2.0
        2        b     0  3.0
        """
        return as_long(self, by, step, ids, library)

    @classmethod
    def from_nested(
        cls, frame: DataFrame, columns: Sequence[str] | None = None
    ) -> SequenceArray:
        """Make a SequenceArray of a table with one row per sequence.

        Each cell is the list of the values that one feature has over the steps. Such
        tables come from ``polars_frame.group_by("id").agg("x", "y")``, from
        ``pandas_frame.groupby("id").agg(list)`` and from
        ``table.group_by("id").aggregate([("x", "list")])`` of pyarrow; sktime's
        nested_univ is one with a Series in each cell, whose index is not looked at.

        Parameters
        ----------
        frame : DataFrame or Table
            A pandas or polars DataFrame or a ``pyarrow.Table``.

        columns : list of str, default=None
            The columns that are features. None is all of them.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            One feature per column, with their names if all are strings and none comes
            twice; float32 if all are float32, else float64. Missing values are NaN.

        Raises
        ------
        TypeError
            If ``frame`` is no such table.

        ValueError
            If a column is missing or does not hold lists of numbers, if a cell is
            missing, or if the lists in a row are not equally long. The message names
            the sample and the column.

        See Also
        --------
        SequenceArray.to_nested : The way back.
        SequenceArray.from_long : For tables with one row per step.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklstm.sequences import SequenceArray
        >>> frame = pd.DataFrame({"id": [1, 1, 2], "x": [3, 4, 5], "y": [6, 7, 8]})
        >>> nested = frame.groupby("id").agg(list)
        >>> X = SequenceArray.from_nested(nested)
        >>> X[0]
        array([[3., 6.],
               [4., 7.]])
        """
        return cls._trusted(*stack_nested(frame, columns))

    def to_nested(
        self, *, library: Literal["pandas", "polars"] = "pandas"
    ) -> DataFrame:
        """Return the sequences as a table with one row per sequence.

        Each cell holds the values that one feature has over the steps.

        Parameters
        ----------
        library : {"pandas", "polars"}, default="pandas"
            Whose DataFrame it shall be. It must be installed.

        Returns
        -------
        frame : DataFrame
            One column per feature, with its name or ``x0``, ``x1``... Cells are arrays
            in pandas, lists of the same type of numbers in polars.

        Raises
        ------
        ImportError
            If `library` is not installed.

        ValueError
            If two features have the same name.

        See Also
        --------
        SequenceArray.from_nested : The way back.

        Examples
        --------
        >>> from sklstm.sequences import SequenceArray
        >>> X = SequenceArray.from_list([[1, 2], [3]])
        >>> X.to_nested()
                   x0
        0  [1.0, 2.0]
        1       [3.0]
        """
        return as_nested(self, library)

    # ---- columnar arrays ---------------------------------------------------------

    @classmethod
    def from_awkward(cls, X: AwkwardArray) -> SequenceArray:
        """Make a SequenceArray of an awkward array.

        Parameters
        ----------
        X : awkward.Array
            Of type ``n * var * F * float`` (the inner lists may be ``var`` too, but
            must be of one length), ``n * var * {name: float, ...}`` or, of univariate
            sequences, ``n * var * float``. Any numbers will do for ``float``.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The sequences, with the names of the fields; float32 if all are float32,
            else float64. Missing values are NaN. Shares memory with X if the steps lie
            in one piece as rows of floats.

        Raises
        ------
        TypeError
            If X is no awkward array.

        ValueError
            If X is of another type, if a sequence is missing, if steps differ in their
            number of features, or if nothing tells this number. The message names
            sample and step.

        See Also
        --------
        SequenceArray.to_awkward : The way back.

        Notes
        -----
        Records of lists, ``n * {x: var * float, y: var * float}``, become lists of
        records by ``ak.zip(dict(zip(ak.fields(X), ak.unzip(X))))``.
        """
        return cls._trusted(*stack_awkward(X))

    def to_awkward(self) -> AwkwardArray:
        """Return the sequences as an awkward array.

        Needs awkward.

        Returns
        -------
        X : awkward.Array
            Of type ``n * var * F * float`` that shares memory with this array or, if
            the features have names, of type ``n * var * {name: float, ...}``.

        Raises
        ------
        ImportError
            If awkward is not installed.

        ValueError
            If two features have the same name.

        See Also
        --------
        SequenceArray.from_awkward : The way back.
        """
        return as_awkward(self)

    @classmethod
    def from_arrow(cls, X: ArrowArray) -> SequenceArray:
        """Make a SequenceArray of an Arrow array of lists.

        Parameters
        ----------
        X : pyarrow.Array or pyarrow.ChunkedArray
            Of type ``list<fixed_size_list<float>[F]>``, ``list<list<float>>`` with
            inner lists of one length, ``list<struct<name: float, ...>>`` or, of
            univariate sequences, ``list<float>``. Lists may be of any kind that Arrow
            has, with offsets of 32 or 64 bits; any numbers will do for ``float``. An
            object that exports such an array, as ``polars.Series`` does, is taken too.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The sequences, with the names of the fields; float32 if all are float32,
            else float64. Missing values are NaN, and steps that are null are NaN in
            all features. Shares memory with X if it is one chunk of rows of floats
            without nulls, also where X is a slice.

        Raises
        ------
        TypeError
            If X is no Arrow array and exports none.

        ValueError
            If X is of another type, if a sequence is null, if steps differ in their
            number of features, or if nothing tells this number. The message names
            sample and step.

        See Also
        --------
        SequenceArray.to_arrow : The way back.
        SequenceArray.from_nested : For tables with one column per feature.
        """
        return cls._trusted(*stack_arrow(X))

    def to_arrow(self) -> ArrowArray:
        """Return the sequences as an Arrow array of lists.

        Needs pyarrow.

        Returns
        -------
        X : pyarrow.LargeListArray
            Of type ``large_list<fixed_size_list<float>[F]>`` that shares memory with
            this array or, if the features have names, of type
            ``large_list<struct<name: float, ...>>``.

        Raises
        ------
        ImportError
            If pyarrow is not installed.

        ValueError
            If two features have the same name.

        See Also
        --------
        SequenceArray.from_arrow : The way back.
        """
        return as_arrow(self)


def _stack_aeon(X):
    """Data, offsets and no names of sequences (n_channels, n_timepoints), time last."""
    axes = "(sequence, channel, timepoint)"
    refuse_foreign(X, "X", axes)
    if isinstance(X, np.ndarray) and X.ndim in (2, 3) and X.dtype.kind in "biufO":
        X = read_numbers(X, "X", axes)
        X = X[:, np.newaxis] if X.ndim == 2 else X
        n, F, T = X.shape
        data = X.transpose(0, 2, 1).reshape(n * T, F)
        data = np.require(data, float_dtype(X.dtype), ["C", "A"])
        return data, np.arange(n + 1, dtype=np.intp) * T, None
    if not isinstance(X, (list, tuple)) and not (
        isinstance(X, np.ndarray) and X.ndim == 1
    ):
        what = type(X).__name__
        if isinstance(X, np.ndarray):
            what = f"an array of shape {X.shape} and dtype {X.dtype}"
        raise TypeError(
            "Expected what aeon calls numpy3D, an array of shape (n, n_channels, "
            "n_timepoints), np-list, a list of arrays of shape (n_channels, "
            f"n_timepoints_i), or numpy2D; got {what}."
        )
    arrays = []
    for i, x in enumerate(X):
        refuse_types(x, f"Sample {i}", "an array of shape (n_channels, n_timepoints)")
        arrays.append(read_numbers(x, f"Sample {i}", "(channel, timepoint)"))
    if not arrays:
        raise ValueError("An empty list does not tell the number of features.")
    for i, array in enumerate(arrays):
        if array.ndim != 2:
            raise ValueError(
                f"Sample {i} has shape {array.shape}; expected (n_channels, "
                "n_timepoints). A univariate one has shape (1, n_timepoints)."
            )
        if len(array) != len(arrays[0]):
            raise ValueError(
                f"Sample {i} has shape {array.shape}, read as (n_channels, "
                f"n_timepoints), but sample 0 has {len(arrays[0])} channels. Sequences "
                "of shape (n_steps, n_features) go through SequenceArray.from_list."
            )
    return stack_items([array.T for array in arrays])
