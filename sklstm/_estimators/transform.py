"""Hidden states as features, and everything that a network computes on its way."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from .._sklearn.set_output import as_frame, output_of
from .._typing import SequencesLike
from ..sequences import SequenceArray
from ..sequences._array import keys_of
from ..sequences._clips import rows_of
from .fitted import fitted_of
from .overflow import warn_if_not_finite
from .state import State, beginning


class HiddenStates(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, auto_wrap_output_keys=None
):
    """`transform`, for every recurrent estimator.

    scikit-learn would put every result into the table of `set_output`; one is a table.
    """

    def transform(
        self,
        X: SequencesLike,
        output: Literal["last", "sequence", "gates"] = "last",
        *,
        initial_state: State | None = None,
    ) -> Any:
        """Hidden states of the uppermost layer, or the gates of all layers.

        Parameters
        ----------
        X : SequenceArray, list of arrays or array of shape (n_samples, n_steps, \
                n_features) or (n_samples, n_steps)
            The sequences, as in :meth:`fit`.

        output : {"last", "sequence", "gates"}, default="last"
            What to return:

            - "last": the hidden state after the last step of each sequence, as features
              for another estimator;
            - "sequence": the hidden states after every step;
            - "gates": everything that the network computes on its way, for people to
              look at.

            Only the first is a table, for which :meth:`set_output` chooses the
            container; with "pandas" or "polars" the second bears the names of
            :meth:`get_feature_names_out`. `pooling` has no part in any of them.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            sequences as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        X_out : ndarray of shape (n_samples, H), SequenceArray or dict of SequenceArray
            With two directions side by side 2 H instead of H columns. With "gates"
            a dict: ``hidden_state_l0``, for an LSTM ``input_gate_l0``,
            ``forget_gate_l0``, ``cell_candidate_l0``, ``output_gate_l0`` and
            ``cell_state_l0``, for a GRU ``reset_gate_l0``, ``update_gate_l0`` and
            ``candidate_l0``; and so on for each layer, with the suffix ``_reverse`` for
            the direction that begins at the end. All of them have the steps of X: what
            that direction knows at a step it has from the steps after it.

        Raises
        ------
        ValueError
            If X is not valid, as in ``predict``, or `output` none of the three.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklstm import GRUClassifier
        >>> X = np.random.default_rng(0).standard_normal((50, 8, 2))
        >>> y = X[:, -1, 0] > 0
        >>> network = GRUClassifier(4, max_iter=10, random_state=0).fit(X, y)
        >>> network.transform(X).shape
        (50, 4)
        >>> network.transform(X, output="gates")["update_gate_l0"]
        <SequenceArray: 50 sequences, 8 steps, 4 features, float32>
        >>> model = make_pipeline(network, LogisticRegression()).fit(X, y)
        >>> model.score(X, y) > 0.9
        True
        """
        if output not in ("last", "sequence", "gates"):
            raise ValueError(
                f"output={output!r} is none of 'last', 'sequence' and 'gates'."
            )
        fitted = fitted_of(self)
        library, names = output_of(self), None
        if output != "gates" and library != "default":
            names = self._names_of(fitted)
        read = {"last": _last_outputs, "sequence": _outputs, "gates": _kept}[output]
        with np.errstate(under="ignore"):
            found, offsets = self._run(fitted, X, initial_state, read)
        if output == "gates":
            for name, values in found.items():
                warn_if_not_finite(values, name.replace("_", " "), offsets=offsets)
            keys = keys_of(X)
            return {n: SequenceArray(a, offsets, **keys) for n, a in found.items()}
        warn_if_not_finite(found, "hidden state", offsets=offsets)
        if output == "sequence":
            return SequenceArray(found, offsets, names, **keys_of(X))
        if names is None:
            return found
        index = X.index if hasattr(X, "iloc") else None
        return as_frame(found, names, library, index)

    @property
    def _n_features_out(self):
        """Columns of `transform`, from which their names are made."""
        architecture = fitted_of(self).architecture
        directions = 1 + architecture["bidirectional"]
        return architecture["hidden_layer_sizes"][-1] * directions

    def _names_of(self, fitted):
        """Names of the columns, whatever another thread fits meanwhile."""
        estimator = object.__new__(type(self))
        vars(estimator).update(vars(self), _fitted=fitted)
        return estimator.get_feature_names_out()


def _last_outputs(network, X, state):
    return network.last_outputs(*X._as_rows(), **beginning(state)), None


def _outputs(network, X, state):
    if hasattr(X, "_offsets"):
        return network.outputs(*X._as_rows(), **beginning(state)), X._offsets
    # clips, which may share frames
    rows, offsets = rows_of(X)
    data, starts, lengths = X._as_rows()
    if len(np.unique(rows)) < len(rows):
        data, starts, rows = data[rows], offsets[:-1], slice(None)
    return network.outputs(data, starts, lengths, **beginning(state))[rows], offsets


def _kept(network, X, state):
    return network.kept(*X._as_rows(), **beginning(state)), X._offsets
