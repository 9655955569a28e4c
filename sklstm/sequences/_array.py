"""SequenceArray: sequences of unequal length as one matrix of steps and offsets."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from .._kernels import digests
from ._columns import FLOATS, doubled, float_dtype, read_numbers
from ._foreign import refuse_masked, refuse_types
from ._html import as_html
from ._interop import ConversionsMixin
from ._keys import frozen, taken, token_of, valid_keys
from ._long import stack_long
from ._rows import Rows, in_place, rows_at
from ._stacking import as_offsets, rows_of_parts, stack_items
from ._vocabulary import IDS, as_ids, filling, valid_vocabulary

if TYPE_CHECKING:
    from .._typing import ArrayLike, DTypeLike, Table


class SequenceArray(ConversionsMixin):
    """Sequences of unequal length, stored without padding.

    All steps lie in one matrix, one sequence after the other; ``offsets`` says where
    each begins, so that sequence ``i`` is ``data[offsets[i]:offsets[i + 1]]``. It is
    what :func:`~sklstm.sequences.check_sequences` makes of any input, and it can be
    passed wherever scikit-learn takes an array-like X: cross-validation, search and
    ensembles index it like an array of sequences. The length of a sequence travels
    inside X.

    Instances are immutable, and what they hand out is read-only. Data may be shared
    with slices of themselves and with the array that they were made from, which stays
    its owner's to write to.

    Parameters
    ----------
    data : array-like of shape (n_total_steps, n_features)
        The steps of all sequences. Float32 and float64 are kept and, if C-contiguous,
        not copied; other numeric types become float64.

    offsets : array-like of int, shape (n_sequences + 1,)
        Non-decreasing, from 0 to ``n_total_steps``. Equal neighbours make a sequence
        of no steps.

    feature_names : sequence of str, default=None
        Names of the features, each of its own.

    vocabulary : sequence of hashable, default=None
        What the numbers stand for, where they are ids of tokens: the token of id 0,
        of id 1 and so on, each of its own. Then data is one column, and integers are
        kept, as int32. :class:`~sklstm.preprocessing.TokenEncoder` makes such arrays.

    ids : array-like of hashable, shape (n_sequences,), default=None
        What the sequences are called, such as the patients. An id may come twice, as
        in a bootstrap sample. Tuples are one id each.

    times : array-like of shape (n_total_steps,), default=None
        When each step was, in any type: dates, numbers, text.

    Attributes
    ----------
    data : ndarray of shape (n_total_steps, n_features)
        The steps of all sequences, C-contiguous and read-only.

    offsets : ndarray of intp, shape (n_sequences + 1,)
        Where each sequence begins in ``data``; read-only.

    feature_names : tuple of str or None
        Names of the features. Estimators keep them as ``feature_names_in_``.

    vocabulary : tuple or None
        The token of each id. It stays with the ids in slices, selections, copies,
        pickles and in another type of numbers, and all of them share it.

    ids : ndarray of shape (n_sequences,) or None
        What the sequences are called; read-only. They stay with the sequences in
        slices, selections, copies, pickles, in another type of numbers and in what a
        transformer makes of each sequence. Text is of type object.

    times : ndarray of shape (n_total_steps,) or None
        When each step was; read-only. They stay with the steps as ids stay with the
        sequences, where a transformer makes one step of each.

    Raises
    ------
    TypeError
        If offsets, ids or times are a masked array, the names are not text, the tokens
        no sequence of hashable values, or ids or times no vector of such.

    ValueError
        If data is not a numeric matrix, if offsets do not describe it, or if a name
        comes twice or the number of names is not the number of features; with a
        vocabulary, if a token comes twice, or data is not one column of its ids; if ids
        or times are not as many as there are sequences or steps, or one is missing.

    See Also
    --------
    sklstm.sequences.check_sequences : Make a SequenceArray of any accepted input, and
        validate it.

    Notes
    -----
    ``==`` compares two SequenceArrays and returns one bool: the same number of
    sequences, the same lengths, the same values, NaN being equal to NaN, and the same
    vocabulary, or none; dtype, feature names, ids and times are not compared. As with
    lists, instances are not hashable.

    ``numpy.asarray`` of a SequenceArray is an error, because sequences of unequal
    length are no array; use :meth:`to_padded` or :meth:`to_list`.

    A notebook shows the first steps, the lengths, the names and the share of missing
    values, of an array of more than a million numbers in a part of the steps.

    Pickles hold the sequences of this array only, also where it is a slice of a
    larger one; with protocol 5 the numbers can go out of band. Dask names an array that
    it scatters by its content, and joblib sends one to a Dask cluster once for a call,
    not with every task (see :doc:`/user_guide/cluster`).

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.sequences import SequenceArray
    >>> X = SequenceArray.from_list([np.ones((3, 2)), np.zeros((1, 2))])
    >>> X
    <SequenceArray: 2 sequences, 1 to 3 steps, 2 features, float64>
    >>> X.shape
    (2, None, 2)
    >>> X.lengths
    array([3, 1])
    >>> X[1]
    array([[0., 0.]])
    >>> X[[1, 0]].lengths
    array([1, 3])

    Ids of tokens:

    >>> tokens = SequenceArray([[2], [1], [0]], [0, 2, 3], vocabulary=["?", "b", "a"])
    >>> tokens
    <SequenceArray: 2 sequences, 1 to 2 tokens, vocabulary of 3, int32>
    >>> tokens[:1].vocabulary
    ('?', 'b', 'a')

    Ids of the sequences:

    >>> X = SequenceArray(np.ones((3, 1)), [0, 2, 3], ids=["ann", "bob"])
    >>> X[::-1].ids
    array(['bob', 'ann'], dtype=object)
    """

    # joblib keeps what it has sent to a cluster by weak references.
    __slots__ = (
        "__weakref__",
        "_data",
        "_feature_names",
        "_ids",
        "_offsets",
        "_times",
        "_vocabulary",
    )
    __hash__ = None

    def __init__(
        self,
        data: ArrayLike,
        offsets: ArrayLike,
        feature_names: Sequence[str] | None = None,
        vocabulary: Sequence[Hashable] | None = None,
        *,
        ids: ArrayLike | None = None,
        times: ArrayLike | None = None,
    ) -> None:
        given = data
        try:
            data = read_numbers(data, "data", "(n_total_steps, n_features)")
        except ValueError as error:
            raise ValueError(f"data must be a numeric matrix. {error}") from error
        if _holds_nothing(given):
            raise ValueError(
                "data must be a numeric matrix, but None stands in all its places. "
                "Pass missing values as NaN."
            )
        if data.ndim != 2:
            raise ValueError(
                "data must be a numeric matrix of shape (n_total_steps, n_features), "
                f"got shape {data.shape} and dtype {data.dtype}."
            )
        refuse_masked(offsets, "offsets")
        offsets = np.asarray(offsets)
        if offsets.ndim != 1 or not len(offsets) or offsets.dtype.kind not in "iu":
            raise ValueError(
                "offsets must be a vector of n_sequences + 1 integers, got shape "
                f"{offsets.shape} and dtype {offsets.dtype}."
            )
        # In the type they come in, and without a difference, which may overflow.
        bad = (offsets < 0) | (offsets > len(data))
        bad[1:] |= offsets[1:] < offsets[:-1]
        if bad.any() or offsets[0] != 0 or offsets[-1] != len(data):
            i = int(np.argmax(bad))
            where = f", and offsets[{i}] is {offsets[i]}" if bad.any() else ""
            raise ValueError(
                f"offsets must rise from 0 to {len(data)}, the number of rows of data, "
                f"without a fall; got {offsets[0]} to {offsets[-1]}{where}."
            )
        offsets = offsets.astype(np.intp)
        if feature_names is not None:
            feature_names = _valid_names(feature_names, data.shape[1])
        if vocabulary is not None:
            vocabulary = valid_vocabulary(vocabulary)
            data = as_ids(data, offsets, vocabulary)
        elif data.dtype not in FLOATS:
            data = data.astype(float_dtype(data.dtype))
        # A view, because the shape of an array is its owner's to change.
        self._data = np.require(data, requirements=["C", "A"]).view()
        self._offsets = offsets
        self._feature_names = feature_names
        self._vocabulary = vocabulary
        self._ids = valid_keys(ids, "ids", offsets)
        self._times = valid_keys(times, "times", offsets)

    @classmethod
    def _trusted(
        cls, data, offsets, feature_names=None, vocabulary=None, ids=None, times=None
    ):
        """Make an instance of parts that are right and no one else's objects."""
        self = object.__new__(cls)
        self._data = data
        self._offsets = offsets
        self._feature_names = feature_names
        self._vocabulary = vocabulary
        self._ids = ids
        self._times = times
        return self

    def _with_data(self, data):
        """Other numbers in the same steps."""
        return self._part(data, self._offsets, self._ids, self._times)

    def _part(self, data, offsets, ids, times):
        """Other sequences of the same features."""
        names, vocabulary = self._feature_names, self._vocabulary
        return self._trusted(data, offsets, names, vocabulary, ids, times)

    @classmethod
    def from_list(cls, sequences: Sequence[ArrayLike]) -> SequenceArray:
        """Make a SequenceArray of a list of arrays.

        Parameters
        ----------
        sequences : list of array-like, each of shape (T_i, F) or each (T_i,)
            The sequences, of one number of features. One-dimensional ones are
            univariate. DataFrames give their column names.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The sequences; float32 if all are float32, else float64.

        Raises
        ------
        TypeError
            If `sequences` is no list, or a sequence is of a type that cannot be read
            as an array.

        ValueError
            If there is no sequence, or if the sequences differ in rank or features or
            hold anything but real numbers.

        Examples
        --------
        >>> from sklstm.sequences import SequenceArray
        >>> SequenceArray.from_list([[1, 2, 3], [4, 5]])
        <SequenceArray: 2 sequences, 2 to 3 steps, 1 feature, float64>
        """
        if not isinstance(sequences, Iterator):
            refuse_types(sequences, "sequences", "a list of arrays, one a sequence")
        items = list(sequences)
        if not items:
            raise ValueError(
                f"sequences is an empty {type(sequences).__name__}, which does not say "
                "the number of features. Pass at least one sequence, or "
                "SequenceArray(np.empty((0, n_features)), [0])."
            )
        return cls._trusted(*stack_items(items))

    @classmethod
    def from_padded(
        cls, X: ArrayLike, lengths: ArrayLike | None = None
    ) -> SequenceArray:
        """Make a SequenceArray of a padded array.

        Parameters
        ----------
        X : array-like of shape (n, T, F)
            Padded sequences.

        lengths : array-like of int, shape (n,), default=None
            Number of valid steps of each sequence; what lies behind is not looked at.
            With None the padding is the trailing steps whose features are all NaN.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The valid steps. Not copied if nothing is padded and X is C-contiguous.

        Raises
        ------
        ValueError
            If X is not three-dimensional and numeric, or a length is not in 0..T.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm.sequences import SequenceArray
        >>> SequenceArray.from_padded(np.zeros((2, 4, 3)), lengths=[4, 1]).lengths
        array([4, 1])
        """
        X = read_numbers(X, "X", "(n_sequences, n_steps, n_features)")
        if X.ndim != 3:
            raise ValueError(
                "Expected a numeric array of shape (n_sequences, n_steps, n_features), "
                f"got shape {X.shape} and dtype {X.dtype}."
            )
        n, T, F = X.shape
        X = np.require(X, float_dtype(X.dtype), ["C", "A"])
        if lengths is None and not _ends_with_padding(X):
            return cls._trusted(
                X.reshape(n * T, F), np.arange(n + 1, dtype=np.intp) * T
            )
        refuse_masked(lengths, "lengths")
        lengths = padded_lengths(X) if lengths is None else np.asarray(lengths)
        if lengths.shape != (n,) or (n and lengths.dtype.kind not in "iu"):
            raise ValueError(
                f"lengths must be {n} integers, one for each sequence; got shape "
                f"{lengths.shape} and dtype {lengths.dtype}."
            )
        if n and (lengths.min() < 0 or lengths.max() > T):
            i = int(np.argmax((lengths < 0) | (lengths > T)))
            raise ValueError(
                f"lengths[{i}] is {lengths[i]}, but a sequence of X has 0 to {T} steps."
            )
        if (lengths == T).all():
            data = X.reshape(n * T, F)
        else:
            data = X[np.arange(T) < lengths[:, np.newaxis]]
        return cls._trusted(data, as_offsets(lengths.astype(np.intp)))

    @overload
    @classmethod
    def from_long(
        cls,
        frame: Table,
        *,
        by: str | Sequence[str],
        sort: str | Sequence[str] | None = None,
        columns: str | Sequence[str] | None = None,
        target: None = None,
        groups: None = None,
        target_at: Literal["sequence", "step"] = "sequence",
        duplicates: Literal["error", "keep"] = "error",
    ) -> SequenceArray: ...

    @overload
    @classmethod
    def from_long(
        cls,
        frame: Table,
        *,
        by: str | Sequence[str],
        sort: str | Sequence[str] | None = None,
        columns: str | Sequence[str] | None = None,
        target: str | Sequence[str] | None = None,
        groups: str | None = None,
        target_at: Literal["sequence", "step"] = "sequence",
        duplicates: Literal["error", "keep"] = "error",
    ) -> tuple[Any, ...]: ...

    @classmethod
    def from_long(
        cls,
        frame: Table,
        *,
        by: str | Sequence[str],
        sort: str | Sequence[str] | None = None,
        columns: str | Sequence[str] | None = None,
        target: str | Sequence[str] | None = None,
        groups: str | None = None,
        target_at: Literal["sequence", "step"] = "sequence",
        duplicates: Literal["error", "keep"] = "error",
    ) -> SequenceArray | tuple[Any, ...]:
        """Make a SequenceArray of a long table with one row per step.

        Parameters
        ----------
        frame : DataFrame, LazyFrame, Table or relation
            Of pandas, polars, pyarrow or DuckDB, or any other table that narwhals
            reads. Lazy ones are collected, with the columns that are asked for. What a
            database gives has no order of rows: say `sort`.

        by : str or list of str
            Columns that name the sequence a row belongs to.

        sort : str or list of str, default=None
            Columns that order the steps within a sequence, ascending. None keeps the
            order of the rows.

        columns : str or list of str, default=None
            Columns that are features, in this order. None takes those that are left
            beside `by`, `sort`, `target` and `groups`.

        target : str or list of str, default=None
            Columns of the target, or of several targets.

        groups : str, default=None
            Column that names the group of a sequence, such as the person, for
            :class:`~sklearn.model_selection.GroupKFold` and for the `groups` of `fit`.
            It must be constant within each sequence.

        target_at : {"sequence", "step"}, default="sequence"
            Whether the target is one for a sequence, and has to be constant within it,
            or one for each step, as :class:`~sklstm.LSTMTagger` and
            :class:`~sklstm.LSTMStepRegressor` take it.

        duplicates : {"error", "keep"}, default="error"
            What becomes of rows of one sequence that are equal in `sort`. "keep" has
            them in the order of the rows.

        Returns
        -------
        X : SequenceArray of shape (n, None, F)
            The features with their names. Sequences come in the order of their first
            row: that of ``frame[by].drop_duplicates()`` (pandas) and
            ``frame[by].unique(maintain_order=True)`` (polars). ``X.ids`` are the values
            of `by`, tuples where there are several columns, and ``X.times`` those of
            `sort`, if that is one column; dates of a time zone become those of UTC.
            Missing values are NaN.

        y : ndarray of shape (n,) or (n, n_targets), or (n,) of ndarray
            Only with `target`: the targets in the order of X, of one column (n,); at
            steps an array of the targets of each sequence, (n_steps_i,) or (n_steps_i,
            n_targets).

        groups : ndarray of shape (n,)
            Only with `groups`: the groups in the order of X.

        Raises
        ------
        TypeError
            If ``frame`` is no table, or a grouped one.

        ValueError
            If a column is missing, comes or is named twice, a feature is not numeric,
            a column of ``by`` or ``sort`` has missing values or such that cannot be
            compared, rows are equal in both, or a target or group varies within a
            sequence. The message names the column and the rows.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklstm.sequences import SequenceArray
        >>> frame = pd.DataFrame(
        ...     {"patient": ["b", "a", "b"], "hour": [2, 1, 1], "pulse": [80, 60, 70]}
        ... )
        >>> X = SequenceArray.from_long(frame, by="patient", sort="hour")
        >>> X.feature_names
        ('pulse',)
        >>> X[0]
        array([[70.],
               [80.]])
        >>> X.ids
        array(['b', 'a'], dtype=object)

        With what is to be predicted:

        >>> frame["died"] = [0, 1, 0]
        >>> X, y = SequenceArray.from_long(
        ...     frame, by="patient", sort="hour", target="died"
        ... )
        >>> y
        array([0, 1])
        """
        parts, *others = stack_long(
            frame, by, sort, columns, target, groups, target_at, duplicates
        )
        parts = *parts[:4], *map(frozen, parts[4:])
        X, others = cls._trusted(*parts), [y for y in others if y is not None]
        return (X, *others) if others else X

    @property
    def data(self) -> np.ndarray:
        """Steps of all sequences, ndarray of shape (n_total_steps, n_features)."""
        return _read_only(np.asarray(self._data))

    @property
    def offsets(self) -> np.ndarray:
        """Where each sequence begins, ndarray of intp of shape (n_sequences + 1,)."""
        return _read_only(self._offsets)

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the features, tuple of str or None."""
        return self._feature_names

    @property
    def vocabulary(self) -> tuple[Hashable, ...] | None:
        """Tokens by their ids, tuple, or None where the numbers are no ids."""
        return self._vocabulary

    @property
    def ids(self) -> np.ndarray | None:
        """What the sequences are called, ndarray of shape (n_sequences,), or None."""
        return None if self._ids is None else self._ids.view()

    @property
    def times(self) -> np.ndarray | None:
        """When each step was, ndarray of shape (n_total_steps,), or None."""
        return None if self._times is None else self._times.view()

    @property
    def shape(self) -> tuple[int, None, int]:
        """Shape (n_sequences, None, n_features); the lengths differ."""
        return len(self._offsets) - 1, None, self._data.shape[1]

    @property
    def ndim(self) -> int:
        """Number of dimensions, always 3."""
        return 3

    @property
    def dtype(self) -> np.dtype:
        """Type of the data: float32, float64 or, of ids, int32."""
        return self._data.dtype

    @property
    def n_features(self) -> int:
        """Number of features per step."""
        return self._data.shape[1]

    @property
    def lengths(self) -> np.ndarray:
        """Number of steps of each sequence, ndarray of intp of shape (n_sequences,)."""
        return self._offsets[1:] - self._offsets[:-1]

    @property
    def nbytes(self) -> int:
        """Bytes of data, offsets, ids and times, without the objects among them."""
        parts = self._data, self._offsets, self._ids, self._times
        return sum(part.nbytes for part in parts if part is not None)

    def _as_rows(self):
        """Data, first row and length of each sequence: how a network takes them."""
        return self._data, self._offsets[:-1], self.lengths

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.to_list())

    @overload
    def __getitem__(self, key: int | np.integer) -> np.ndarray: ...

    @overload
    def __getitem__(
        self, key: slice | Sequence[int] | np.ndarray | tuple
    ) -> SequenceArray: ...

    def __getitem__(self, key):
        if isinstance(key, tuple):  # X[key, ...] is how scikit-learn takes samples
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(
                    "A SequenceArray is indexed by sequence: X[i], X[2:5], X[mask] or "
                    "X[indices]. Steps and features are indexed in the sequence: "
                    "X[i][t, f]."
                )
            key = key[0]
        n = len(self)
        refuse_masked(key, "An index", IndexError)
        if isinstance(key, slice):
            start, stop, stride = key.indices(n)
            # what is beyond n is the same, and may be too large for an array
            stride = min(max(stride, -n - 1), n + 1)
            if stride == 1:
                stop = max(start, stop)
                offsets = self._offsets[start : stop + 1]
                steps = slice(offsets[0], offsets[-1])
                return self._part(
                    self._data[steps],
                    offsets - offsets[0],
                    taken(self._ids, slice(start, stop)),
                    taken(self._times, steps),
                )
            return self._take(np.arange(start, stop, stride))
        key = np.asarray(key)
        if key.dtype == bool and key.shape == (n,):
            return self._take(np.flatnonzero(key))
        if key.shape == (0,) and key.dtype.kind == "f":  # what an empty list becomes
            key = key.astype(np.intp)
        if (
            key.dtype.kind == "O"
            and key.ndim < 2
            and all(type(k) is int for k in key.flat)
        ):
            raise IndexError(f"An index is out of range for {n} sequences: {key}.")
        if key.dtype.kind not in "iu" or key.ndim > 1:
            raise IndexError(
                f"Expected an integer, a slice, a vector of integers or a mask of {n} "
                f"booleans, got an index of shape {key.shape} and dtype {key.dtype}."
            )
        outside = key[(key < -n) | (key >= n)]  # in the type it comes in
        if outside.size:
            raise IndexError(f"Index {outside[0]} is out of range for {n} sequences.")
        key = key.astype(np.intp)
        key = np.where(key < 0, key + n, key)
        if key.ndim == 0:
            steps = slice(self._offsets[key], self._offsets[key + 1])
            return _read_only(np.asarray(self._data[steps]))
        return self._take(key)

    def _take(self, indices):
        lengths = self._offsets[indices + 1] - self._offsets[indices]
        if len(indices) * len(self._data) > sys.maxsize and sum(lengths.tolist()) > (
            sys.maxsize
        ):
            raise ValueError("The sequences asked for have too many steps to count.")
        runs, times = (self._offsets[indices], lengths), self._times
        data = rows_at(self._data, *runs)
        times = None if times is None else taken(times, rows_of_parts(*runs)[0])
        return self._part(data, as_offsets(lengths), taken(self._ids, indices), times)

    def _in_place(self):
        """The same sequences, of which parts are no copies where they lie in a file."""
        data = in_place(self._data)
        return self if data is self._data else self._with_data(data)

    def to_list(self) -> list[np.ndarray]:
        """Return the sequences as a list of arrays.

        Returns
        -------
        sequences : list of ndarray, each of shape (T_i, n_features)
            Read-only views of the data.
        """
        data = self.data
        return [data[a:b] for a, b in pairwise(self._offsets.tolist())]

    def to_padded(
        self, fill_value: float = np.nan, n_steps: int | None = None
    ) -> np.ndarray:
        """Return the sequences as one array, padded at the end.

        Parameters
        ----------
        fill_value : float, default=nan
            Value of the steps behind the end of a sequence. Among ids, which know no
            NaN, NaN is -1.

        n_steps : int, default=None
            Number of steps T of the result. None is the longest length.

        Returns
        -------
        X : ndarray of shape (n_sequences, T, n_features)
            A new array of the same dtype.

        Raises
        ------
        ValueError
            If a sequence has more than ``n_steps`` steps, or if ``fill_value`` is no
            integer among ids.
        """
        lengths = self.lengths
        T = int(lengths.max(initial=0))
        if n_steps is not None and n_steps < T:
            raise ValueError(f"A sequence of {T} steps does not fit in {n_steps}.")
        T = T if n_steps is None else n_steps
        fill_value = filling(fill_value, self.dtype)
        X = np.full((len(self), T, self.n_features), fill_value, dtype=self.dtype)
        X[np.arange(T) < lengths[:, np.newaxis]] = self._data
        return X

    def astype(self, dtype: DTypeLike, copy: bool = True) -> SequenceArray:
        """Return the sequences with another type of numbers.

        Parameters
        ----------
        dtype : {"float32", "float64", "int32"} or dtype
            The type; int32 for ids of a vocabulary.

        copy : bool, default=True
            False returns the same object if it has this type already.

        Returns
        -------
        X : SequenceArray
            The sequences in ``dtype``.

        Raises
        ------
        ValueError
            If ``dtype`` is neither float32 nor float64, nor int32 where there is a
            vocabulary.
        """
        dtype = np.dtype(dtype)
        if dtype not in FLOATS and (dtype != IDS or self._vocabulary is None):
            ids = "" if self._vocabulary is None else ", or int32 for ids"
            raise ValueError(f"dtype must be float32 or float64{ids}, got {dtype}.")
        if not copy and dtype == self.dtype:
            return self
        return self._with_data(self._data.astype(dtype))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SequenceArray):
            return NotImplemented
        return (
            self.n_features == other.n_features
            and self._vocabulary == other._vocabulary
            and np.array_equal(self._offsets, other._offsets)
            and np.array_equal(self._data, other._data, equal_nan=True)
        )

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "A SequenceArray holds sequences of unequal length and is no array. Use "
            "X.to_padded() for an array padded with NaN, X.to_list() for a list of "
            "arrays, or X.data for the matrix of all steps."
        )

    def __reduce__(self):
        if isinstance(self._data, Rows):
            names = "data", "offsets", "feature_names", "vocabulary", "ids", "times"
            return self._trusted, tuple(getattr(self, f"_{name}") for name in names)
        # not self.data: joblib finds out by the base of an array that it is on disk
        data = self._data.view()
        data.flags.writeable = False
        parts = data, self.offsets, self._feature_names
        if self._vocabulary is not None:
            parts += (self._vocabulary,)
        if self._ids is None and self._times is None:
            return type(self), parts
        return partial(type(self), ids=self._ids, times=self._times), parts

    def __sizeof__(self):
        return object.__sizeof__(self) + self.nbytes

    def __dask_tokenize__(self):
        if isinstance(self._data, Rows):
            return type(self).__name__, self._data.token, token_of(self._offsets)
        steps = np.ascontiguousarray(self._data).view(np.uint8)
        one = np.array([len(steps)], dtype=np.intp)
        (key,) = digests(
            steps.reshape(len(steps), self.n_features * self.dtype.itemsize),
            np.zeros_like(one),
            one,
            self._offsets.view(np.uint8)[np.newaxis],
        )
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return (
            name,
            self.dtype.str,
            self.n_features,
            self._feature_names,
            key.tobytes(),
            self._vocabulary,
            token_of(self._ids),
            token_of(self._times),
        )

    def __repr__(self) -> str:
        n, lengths = len(self), self.lengths
        noun, what = "step", _count(self.n_features, "feature")
        if self._vocabulary is not None:
            noun, what = "token", f"vocabulary of {len(self._vocabulary)}"
        steps = f", {_count(lengths[0], noun)}" if n else ""
        if n and lengths.min() < lengths.max():
            steps = f", {lengths.min()} to {lengths.max()} {noun}s"
        return f"<SequenceArray: {_count(n, 'sequence')}{steps}, {what}, {self.dtype}>"

    def _repr_html_(self) -> str:
        return as_html(self)


def keys_of(X, stepwise=True):
    """Ids and, where the steps stay, times for what is made of X in any container."""
    if not isinstance(X, SequenceArray):
        return {}
    return {"ids": X._ids, "times": X._times if stepwise else None}


def _holds_nothing(data):
    """Whether an array or a list has None in all its places."""
    if not isinstance(data, (np.ndarray, list, tuple)):
        return False
    data = np.asarray(data)
    return data.dtype == object and data.size > 0 and all(v is None for v in data.flat)


def _valid_names(names, n_features):
    """Names of features, as many as there are and each of its own."""
    expected = "feature_names must be a list of str, one for each feature"
    if isinstance(names, (bytes, dict, set, frozenset)) or not isinstance(
        names, Iterable
    ):
        raise TypeError(f"{expected}; got {type(names).__name__}, {names!r}.")
    names = tuple(names)
    if len(names) != n_features:
        raise ValueError(
            f"{expected}; got {len(names)} feature names for {n_features} features."
        )
    for j, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(
                f"{expected}; the name of feature {j} is {name!r}, of type "
                f"{type(name).__name__}. Pass str(name) for each, or None for no names."
            )
    for i, j, name in doubled(names):
        raise ValueError(f"{expected}; features {i} and {j} are both named {name!r}.")
    return names


def _read_only(array):
    """A view that can be neither written to nor made writeable."""
    return np.asarray(memoryview(array.view()).toreadonly())


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _ends_with_padding(X):
    return X.size > 0 and np.isnan(X[:, -1]).all(axis=1).any()


def padded_lengths(X):
    """Lengths (n,) of sequences (n, T, F) whose trailing all-NaN steps are padding."""
    T = X.shape[1]
    valid = ~np.isnan(X).all(axis=2)
    # argmax finds the first valid step from the end, and 0 where there is none.
    from_end = np.argmax(valid[:, ::-1], axis=1)
    return np.where(valid.any(axis=1), T - from_end, 0)
