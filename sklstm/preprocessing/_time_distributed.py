"""TimeDistributed: a transformer of matrices, applied to every step of sequences."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
)

from .._sklearn.callbacks import CallbackSupport, fit_task, with_callbacks
from .._sklearn.persistence import Versioned
from .._sklearn.private import Documented, HasMethods, validate_parameter_constraints
from .._sklearn.set_output import SetOutputMixin, as_frame, check_output, output_of
from .._targets.aligning import aligned
from .._targets.step_reading import is_nested, of_steps
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences import SequenceArray, check_sequences
from ..sequences._check import validate_layout
from ..sequences._columns import is_frame
from ..sequences._peers import package_of
from ._containers import deliver, is_array, names_in, restore
from ._frames import (
    Frames,
    as_numeric,
    frames_of,
    library_for,
    places_of_missing,
    takes_names,
    validate_frames,
)


def _transformer_has(method):
    """Whether the inner transformer has this method, for available_if."""

    def check(self):
        return hasattr(getattr(self, "transformer_", self.transformer), method)

    return check


class TimeDistributed(
    CallbackSupport,
    SetOutputMixin,
    Documented,
    Versioned,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Apply a transformer of matrices to every step of sequences.

    The transformer sees the steps of all sequences as the rows of one matrix of shape
    (n_total_steps, n_features); steps that are only padding are not among them.
    Scaling, imputation, projection and encoding work so; a transformer that changes
    the number of rows does not.

    The result comes in the container that X came in: SequenceArray, list of arrays
    (also for a tuple or an object array), array of shape (n, T, F') with the same
    padding, and array of shape (n, T) if X is 2-D and there is one output feature,
    else (n, T, F'). :meth:`set_output` has it otherwise.

    Parameters
    ----------
    transformer : estimator
        A transformer for matrices, such as StandardScaler, PCA or a ColumnTransformer
        with columns given by number, or by name where X has names, or for tables, where
        X is a list of DataFrames with other columns than numbers; see Notes. Its
        parameters are searched
        as ``timedistributed__transformer__n_components``.

    Attributes
    ----------
    transformer_ : estimator
        The fitted clone of ``transformer``.

    n_features_in_ : int
        Number of features per step, or of columns if X was 2-D.

    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Names of the features, where X has them.

    See Also
    --------
    FrameStacker : Stack several steps into one.

    Notes
    -----
    Targets and sample weights belong to sequences; where the transformer takes them,
    they are repeated for each of the steps. So a scaler with weights treats a sequence
    of weight 2 like two such sequences, and a long sequence counts more than a short
    one, as it does without weights.

    Transcripts and other strings of labels, which are not as long as their sequences,
    belong to no step: the transformer is given no targets then.

    Missing values inside of sequences are let through to the transformer, which may
    impute them (SimpleImputer), ignore them (StandardScaler) or refuse them (PCA). In
    a 3-D array trailing steps whose features are all NaN are padding and stay so.

    The transformer is given arrays, with three exceptions. In a list of DataFrames with
    columns of text, categories or dates it is given these as one DataFrame, and what it
    makes of them must be numbers. A ColumnTransformer, or a Pipeline that begins with
    one, whose columns are chosen by name is given a DataFrame where X has names, and so
    is every transformer where ``set_output(transform="pandas")`` or "polars" was called
    before `fit`. Its own ``set_output`` is called with the same, as
    in a Pipeline. Sparse results of the transformer are made dense, DataFrames are
    made arrays.

    References
    ----------
    .. [1] F. Chollet and others (2015). "Keras", https://keras.io, where a layer of
       this name applies another layer to every step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm.preprocessing import TimeDistributed
    >>> X = [np.array([[1.0, 10.0], [3.0, 30.0]]), np.array([[5.0, 20.0]])]
    >>> scaler = TimeDistributed(StandardScaler()).fit(X)
    >>> scaler.transform(X)[1].round(2)
    array([[1.22, 0.  ]])

    Columns by name:

    >>> from sklearn.compose import make_column_transformer
    >>> from sklstm.sequences import SequenceArray
    >>> X = SequenceArray([[1, 10], [3, 30], [5, 20]], [0, 2, 3], ["hour", "pulse"])
    >>> columns = make_column_transformer(
    ...     (StandardScaler(), ["pulse"]), verbose_feature_names_out=False
    ... )
    >>> TimeDistributed(columns).fit_transform(X).feature_names
    ('pulse',)

    Text in a list of DataFrames:

    >>> import pandas as pd
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> frame = pd.DataFrame(
    ...     {"id": [1, 1, 2], "pulse": [60, 70, 80], "ward": ["a", "b", "a"]}
    ... )
    >>> X = [part for _, part in frame.groupby("id", sort=False)]
    >>> columns = make_column_transformer(
    ...     (StandardScaler(), ["pulse"]), (OneHotEncoder(), ["ward"])
    ... )
    >>> [x.shape for x in TimeDistributed(columns).fit_transform(X)]
    [(2, 3), (1, 3)]
    """

    __module__ = "sklstm.preprocessing"  # the place that pickles name

    # As of pickles that know none.
    _fitted_on_frames = False

    def __init__(self, transformer: BaseEstimator) -> None:
        self.transformer = transformer

    def fit(
        self: Estimator,
        X: SequencesLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the transformer on the steps of all sequences.

        Parameters
        ----------
        X : array-like of sequences
            In any form :func:`~sklstm.sequences.check_sequences` accepts, or a list of
            DataFrames with columns of any type, of the same names in each.

        y : array-like of shape (n,) or (n, n_outputs), default=None
            Targets of the sequences, for transformers that use them; repeated per
            step.

        sample_weight : array-like of shape (n,), default=None
            Weights of the sequences; repeated per step.

        Returns
        -------
        self : TimeDistributed
            The fitted transformer.

        Raises
        ------
        TypeError
            If ``sample_weight`` is given and the transformer takes none.

        ValueError
            If X is not valid, or y or sample_weight are not as many as the sequences.
        """
        self._commit(X, y, sample_weight, "fit")
        return self

    def fit_transform(
        self,
        X: SequencesLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Any:
        """Fit the transformer and transform the same sequences.

        Uses the transformer's own ``fit_transform``, which for some (TargetEncoder) is
        not the same as ``fit`` and then ``transform``.

        Parameters
        ----------
        X : array-like of sequences
            See :meth:`fit`.

        y : array-like of shape (n,) or (n, n_outputs), default=None
            See :meth:`fit`.

        sample_weight : array-like of shape (n,), default=None
            See :meth:`fit`.

        Returns
        -------
        X_new : SequenceArray, list of ndarray, ndarray or DataFrame
            See :meth:`transform`.

        Raises
        ------
        TypeError, ValueError
            As :meth:`fit`; also if the transformer changes the number of rows.
        """
        if not hasattr(self.transformer, "fit_transform"):
            return self.fit(X, y, sample_weight).transform(X)
        sequences, data = self._commit(X, y, sample_weight, "fit_transform")
        return self._deliver(data, sequences, X, self._fixed_n_steps)

    @available_if(_transformer_has("partial_fit"))
    def partial_fit(
        self: Estimator,
        X: SequencesLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the transformer further, on the steps of more sequences.

        There is this method where the transformer has it.

        Parameters
        ----------
        X : array-like of sequences
            As in :meth:`fit`, of the features of the first call.

        y : array-like of shape (n,) or (n, n_outputs), default=None
            See :meth:`fit`.

        sample_weight : array-like of shape (n,), default=None
            See :meth:`fit`.

        Returns
        -------
        self : TimeDistributed
            The fitted transformer.

        Raises
        ------
        TypeError, ValueError
            As :meth:`fit`; also if X has other features than before.
        """
        self._commit(X, y, sample_weight, "partial_fit")
        return self

    @with_callbacks
    def _fit(self, X, y, sample_weight, method):
        """Call ``fit``, ``fit_transform`` or ``partial_fit`` of a clone, or of a copy
        of what goes on."""
        if isinstance(self.transformer, type):
            name = self.transformer.__name__
            raise TypeError(
                f"transformer must be an instance of a transformer, got the class "
                f"{name}. Pass an instance: transformer={name}()."
            )
        validate_parameter_constraints(
            {"transformer": [HasMethods(["fit", "transform"])]},
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )
        before = vars(self).get("transformer_") if method == "partial_fit" else None
        sequences, n_steps = self._read(X, reset=before is None)
        y, sample_weight = aligned(X, y=y, sample_weight=sample_weight)
        transformer = clone(self.transformer) if before is None else deepcopy(before)
        lengths, params = sequences.lengths, {}
        given = {"X": X if isinstance(sequences, Frames) else sequences, "y": y}
        if sample_weight is not None:
            if not has_fit_parameter(transformer, "sample_weight"):
                raise TypeError(
                    f"{type(transformer).__name__} takes no sample_weight; fit without."
                )
            check_consistent_length(sequences, sample_weight)
            params["sample_weight"] = of_steps(sample_weight, lengths, "sample_weight")
            given["metadata"] = {"sample_weight": sample_weight}
        unfit = None
        if y is not None:
            check_consistent_length(sequences, y)
            y, unfit = _targets_of_steps(y, lengths)
        names = sequences.feature_names
        library = "default" if names is None else output_of(self)
        if before is not None:
            library = self._input_library
        elif isinstance(sequences, Frames):
            library = package_of(sequences.data)
        elif library == "default" and names is not None and takes_names(transformer):
            library = library_for(X)
        steps = _as_input(sequences.data, names, library)
        with fit_task(self, transformer, **given) as subtask:
            with (
                subtask(X=steps, y=y, metadata=params or None),
                _naming_nan(transformer, sequences, n_steps),
                _without_targets(unfit),
            ):
                result = getattr(transformer, method)(steps, y, **params)
            if method == "fit_transform":
                result = _as_matrix(result, sequences, transformer)
            self.transformer_ = transformer
            self._input_library = library
            self._fitted_on_frames = isinstance(sequences, Frames)
        return sequences, result

    def transform(self, X: SequencesLike) -> Any:
        """Transform every step.

        Parameters
        ----------
        X : array-like of sequences
            See :meth:`fit`.

        Returns
        -------
        X_new : SequenceArray, list of ndarray, ndarray or DataFrame
            The transformed sequences, in the container X came in or in the one of
            :meth:`set_output`; with the dtype the transformer gives, but floats in a
            SequenceArray or with padding.

        Raises
        ------
        ValueError
            If X is not valid or has other features than in fit, or if the transformer
            changes the number of rows.
        """
        check_is_fitted(self)
        sequences, n_steps = self._read(X, reset=False)
        with _naming_nan(self.transformer_, sequences, n_steps):
            data = self._transform_steps(sequences)
        return self._deliver(data, sequences, X, n_steps)

    def _read(self, X, *, reset):
        """Valid X, and its number of columns if it is 2-D, else None."""
        if reset or self._fitted_on_frames:
            frames = frames_of(X, always=not reset)
            if frames is not None:
                validate_frames(self, frames, reset=reset)
                return frames, None
            if not reset:
                raise ValueError(
                    f"{type(self).__name__} was fitted on a list of DataFrames with "
                    f"the columns {self.feature_names_in_.tolist()}, and X is "
                    f"{_what(X)}. Pass such a list, of one DataFrame for one sequence."
                )
        return validate_layout(self, X, reset=reset, allow_nan=True)

    def _transform_steps(self, sequences):
        """The matrix that the transformer makes of all steps, given them as in fit."""
        as_fitted = partial(
            _as_input,
            names=getattr(self, "feature_names_in_", None),
            library=self._input_library,
        )
        return _call(self.transformer_.transform, sequences, as_fitted)

    @available_if(_transformer_has("inverse_transform"))
    def inverse_transform(self, X: SequencesLike) -> Any:
        """Transform every step back.

        Parameters
        ----------
        X : array-like of sequences
            Transformed sequences, in any container.

        Returns
        -------
        X_original : SequenceArray, list of ndarray or ndarray
            The sequences with their original features, in the container X came in; an
            array of shape (n, T) if X is an array and the transformer was fitted on
            such.

        Raises
        ------
        ValueError
            If X is not valid or has other features than :meth:`transform` returns.
        """
        check_is_fitted(self)
        stand_in = TimeDistributed(self.transformer_)
        sequences, n_steps = validate_layout(stand_in, X, reset=True, allow_nan=True)
        data = _call(self.transformer_.inverse_transform, sequences)
        if n_steps is None and self._fixed_n_steps is not None and is_array(X):
            n, T = np.shape(X)[:2]
            if data.shape == (n * T, 1):
                return data.reshape(n, T)
        return restore(data, sequences._offsets, X, n_steps)

    @available_if(_transformer_has("get_feature_names_out"))
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Return the names of the output features.

        Parameters
        ----------
        input_features : array-like of str, shape (n_features_in_,), default=None
            Names of the input features. None is ``feature_names_in_`` or, where X had
            no names, what the transformer takes for them (mostly ``x0``, ``x1``...).

        Returns
        -------
        names : ndarray of str
            As the transformer names them. If it was fitted on a 2-D X and gives one
            feature, so that the result is 2-D too, the names of the columns.

        Raises
        ------
        ValueError
            If ``input_features`` do not fit to X as seen in fit.
        """
        check_is_fitted(self)
        names = names_in(self, input_features)
        if self._fixed_n_steps is None:
            has_names = input_features is not None or hasattr(self, "feature_names_in_")
            return self.transformer_.get_feature_names_out(names if has_names else None)
        inner = self.transformer_.get_feature_names_out()
        return names if len(inner) == 1 else inner

    def set_output(
        self: Estimator,
        *,
        transform: Literal["default", "pandas", "polars"] | None = None,
    ) -> Estimator:
        check_output(transform)
        # not that of transformer_, whose parts may rely on the names of its fit
        if hasattr(self.transformer, "set_output"):
            self.transformer.set_output(transform=transform)
        return super().set_output(transform=transform)

    set_output.__doc__ = SetOutputMixin.set_output.__doc__

    def _deliver(self, data, sequences, X, n_steps):
        return deliver(
            self,
            data,
            sequences._offsets,
            X,
            n_steps,
            names=self._names_of_steps,
            columns=partial(names_in, self, None),
        )

    def _names_of_steps(self, names):
        # Names are an extra: a Pipeline can have the method and yet not know them.
        with suppress(AttributeError, ValueError):
            if names is None and self._fixed_n_steps is None:
                return self.get_feature_names_out()
            return self.transformer_.get_feature_names_out(names)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = False
        if hasattr(self.transformer, "__sklearn_tags__"):
            inner = get_tags(self.transformer)
            tags.input_tags.allow_nan = inner.input_tags.allow_nan
            tags.input_tags.positive_only = inner.input_tags.positive_only
            tags.target_tags.required = inner.target_tags.required
            tags.non_deterministic = inner.non_deterministic
            if inner.transformer_tags is not None:
                preserves = inner.transformer_tags.preserves_dtype
                tags.transformer_tags.preserves_dtype = preserves
        return tags


def _what(X):
    if isinstance(X, (list, tuple)) and len(X):
        return f"a {type(X).__name__} of {type(X[0]).__name__}"
    return f"of type {type(X).__name__}"


def _targets_of_steps(y, lengths):
    """A target for each step; of transcripts, which have another number of labels, None
    and the error that says so."""
    try:
        return of_steps(y, lengths, "y"), None
    except ValueError as error:
        if not is_nested(y):
            raise
        return None, error


@contextmanager
def _without_targets(error):
    """Let a refusal by a transformer that needs targets say why it was given none.

    The transformer decides, not its tag, which SelectKBest does not set.
    """
    try:
        yield
    except (TypeError, ValueError) as refusal:
        if error is None:
            raise
        raise error from refusal


def _as_input(data, names, library):
    """Return steps as the transformer is given them."""
    if library == "default" or is_frame(data):
        return data
    return as_frame(data, names, library)


def _call(method, sequences, as_input=np.asarray):
    """Return the matrix a method of the transformer makes of all steps."""
    names_out = getattr(method.__self__, "get_feature_names_out", None)
    if isinstance(sequences, Frames) and names_out and not len(sequences._data):
        return np.empty((0, len(names_out())))
    if len(sequences._data) or isinstance(sequences, Frames):
        result = method(as_input(sequences.data))
        return _as_matrix(result, sequences, method.__self__)
    # Most transformers refuse an empty matrix; a row of zeros tells them the columns.
    zeros = np.zeros((1, sequences.n_features), sequences.dtype)
    row = SequenceArray(zeros, [0, 1])
    return _as_matrix(method(as_input(zeros)), row, method.__self__)[:0]


def _as_matrix(result, sequences, transformer):
    """Return the result of a transformer as an array with one row per step."""
    result = result.toarray() if issparse(result) else np.asarray(result)
    if result.ndim != 2 or len(result) != len(sequences._data):
        raise ValueError(
            f"{type(transformer).__name__} made an array of shape {result.shape} of "
            f"{len(sequences._data)} steps. Only transformers that give one row for "
            "each row can be applied to every step."
        )
    return as_numeric(result, transformer) if is_frame(sequences.data) else result


@contextmanager
def _naming_nan(transformer, sequences, n_steps):
    """Let a refusal of missing values say where they are.

    The transformer decides, not its tag: that of a Pipeline or a ColumnTransformer
    does not tell that a part of it imputes.
    """
    try:
        yield
    except ValueError as error:
        if "NaN" not in str(error):
            raise
        if isinstance(sequences, Frames):
            raise ValueError(f"{places_of_missing(sequences)} {error}") from error
        X = sequences
        if n_steps is not None:
            X = sequences.data.reshape(len(sequences), n_steps)
        try:
            check_sequences(X)
        except ValueError as located:
            raise located from error
        raise
