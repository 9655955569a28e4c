"""What a fitted network knows on its way through a sequence: streaming, hidden states
as features, gates."""

import math
from numbers import Integral

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_scalar

from .._targets.reading import check_one_each
from ..preprocessing._set_output import output_of
from ..sequences import SequenceArray
from ..sequences._check import check_step
from .overflow import warn_if_not_finite
from .state import State, check_state, make_state

# What a cell has in its slots after a step (cells.h), by the names of its literature.
GATES = {
    "lstm": ("input_gate", "forget_gate", "cell_candidate", "output_gate"),
    "gru": ("candidate", "reset_gate", "update_gate"),
    "rnn_tanh": (),
    "rnn_relu": (),
}
GATES["lstm_peephole"] = GATES["lstm"]


def _last_outputs(network, X, state):
    return network.last_outputs(*_where(X), state and state.layers)


def _where(X):
    """Data, first rows and lengths: how a network takes sequences."""
    return X._data, X._offsets[:-1], X.lengths


class _LastStates(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Last hidden states as features: a table, in the container of `set_output`."""

    def transform(self, X, initial_state=None):
        states = self._read(X, initial_state, _last_outputs)
        warn_if_not_finite(states, "hidden state", stacklevel=4)
        return states

    @property
    def _n_features_out(self):
        """Columns of `transform`, from which their names are made."""
        directions = 1 + self._architecture["bidirectional"]
        return self._architecture["hidden_layer_sizes"][-1] * directions


class StatesMixin(_LastStates, auto_wrap_output_keys=None):
    """Streaming and hidden states, for every recurrent estimator."""

    # ---- streaming -------------------------------------------------------------

    def initial_state(self, n_sequences=None, *, h=None, c=None):
        """The state of sequences before their first step.

        Parameters
        ----------
        n_sequences : int, default=None
            Sequences that are read side by side. None is as many as `h` and `c` are of,
            and without them 1.

        h : array-like of shape (n_layers * n_directions, n_sequences, H), default=None
            Hidden states to begin with, in PyTorch's order: the lowest layer first, of
            each layer the direction that begins at the end behind the other. Where
            layers differ in size, a list of arrays of shape (n_sequences, H). None is
            zeros.

        c : array-like of shape (n_layers * n_directions, n_sequences, H), default=None
            Cell states to begin with, as `h`. Only for an LSTM.

        Returns
        -------
        state : State
            To be passed to :meth:`predict_step`, or as ``initial_state`` to
            :meth:`predict` and :meth:`transform`.

        Raises
        ------
        TypeError
            If `n_sequences` is no integer, or `h` or `c` are not real numbers.
        ValueError
            If `n_sequences` is below 1, if `h` or `c` have another shape than the
            states of the network or hold NaN or infinity, or if `c` is given for a
            network without cell states.

        See Also
        --------
        predict_step : Read a step and predict.

        Notes
        -----
        Of a bidirectional network one direction begins with its state at the end of
        each sequence. So it has no steps one after the other for :meth:`predict_step`,
        and sequences that are cut in two are not the whole ones.

        What a pooling has summed and which values were seen last, where missing ones
        are filled, begins as for any new sequence.
        """
        fitted = self._as_fitted()
        if n_sequences is not None:
            check_scalar(n_sequences, "n_sequences", Integral, min_val=1)
            n_sequences = int(n_sequences)
        idle = fitted._idle_networks
        network = fitted._take_network(idle)
        try:
            first_value = None if fitted._missing == "error" else fitted._first_value
            given = {"h": h, "c": c}
            return make_state(network, fitted._kind, first_value, n_sequences, given)
        finally:
            idle.append(network)

    def _kind_of_network(self):
        """What a state must agree with to be one of this network."""
        return {
            **self._architecture,
            "n_features": self._n_sequence_features,
            "missing": self._missing,
        }

    def predict_step(self, X, state, *, method="predict"):
        """Read one step of each sequence and predict from all steps so far.

        The prediction is the one of `method` for the sequences up to here, as a list of
        arrays, to the bit.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_features)
            The next step of each sequence. With one sequence a vector of its features
            will do, with one feature a vector of its values.

        state : State
            What :meth:`initial_state` or the last call returned. It is not changed.

        method : {"predict", "predict_proba", "predict_log_proba", \
                "decision_function"}, default="predict"
            Which prediction to return.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            The predictions, as `method` returns them for n_sequences sequences.

        state : State
            The state after the step.

        Raises
        ------
        TypeError
            If `state` is no state, or X cannot be read as an array.
        ValueError
            If X has another shape than the state, a value that is not finite (but for
            NaN where `missing` is not "error"), if the state is one of a network of
            another architecture or a part of it was changed, or if the network is
            bidirectional: one of its directions reads every sequence from its end,
            which a stream does not have yet.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import GRURegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((50, 8, 2))
        >>> y = X[:, :, 0].sum(axis=1)
        >>> model = GRURegressor(4, max_iter=10, random_state=0).fit(X, y)
        >>> state = model.initial_state()
        >>> for x in X[0]:
        ...     prediction, state = model.predict_step(x, state)
        >>> bool(prediction == model.predict(X[:1]))
        True
        """
        fitted = self._as_fitted()
        convert = self._step_methods.get(method)
        if convert is None:
            raise ValueError(
                f"method={method!r} is none of {', '.join(self._step_methods)}."
            )
        if fitted._architecture["bidirectional"]:
            raise ValueError(
                "A bidirectional network cannot be streamed: one of its directions "
                "reads every sequence from its end, which is not there yet. Fit with "
                "bidirectional=False, or call predict on whole sequences."
            )
        idle = fitted._idle_networks
        with np.errstate(under="ignore"):
            network = fitted._take_network(idle)
            try:
                state = check_state("state", state, network, fitted._kind)
                x, seen = fitted._check_step(X, state)
                raw, layers, pooled = network.step(x, state.layers, state.pooled)
                raw = raw.astype(np.float64)
                warn_if_not_finite(raw, "prediction", stacklevel=2)
                y = convert(fitted, raw)
            finally:
                idle.append(network)
        return y, State(layers, pooled, seen, state.network)

    def _check_step(self, X, state):
        """One step of each sequence as the network reads it, and the values seen."""
        x = check_step(self, X, state.n_sequences, self._parameters.dtype)
        seen = x if state.seen is not None else None
        # A sum of squares is the quickest look.
        if math.isfinite(np.vdot(x, x)) or np.isfinite(x).all():
            if self._missing == "indicator":
                x = np.hstack([x, np.zeros_like(x)])
            return x, seen
        missing, infinite = np.isnan(x), np.isinf(x)
        if infinite.any():
            row, column = np.argwhere(infinite)[0]
            raise ValueError(
                f"X contains infinity or a value too large for dtype('{x.dtype}'): "
                f"sequence {row}, feature {column}."
            )
        if seen is None:
            row, column = np.argwhere(missing)[0]
            raise ValueError(
                f"X contains NaN: sequence {row}, feature {column}. Fit "
                f"{type(self).__name__} with missing='ffill' or missing='indicator' to "
                "let it read missing values."
            )
        x = seen = np.where(missing, state.seen, x).astype(x.dtype)
        if self._missing == "indicator":
            x = np.hstack([x, missing.astype(x.dtype)])
        return x, seen

    # ---- hidden states ---------------------------------------------------------

    def transform(self, X, output="last", *, initial_state=None):
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
            If X is not valid, as in :meth:`predict`, or `output` none of the three.

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
        fitted = self._as_fitted()
        if output == "last":
            return super(StatesMixin, fitted).transform(X, initial_state)

        names, slots = None, GATES[fitted._architecture["cell"]]
        if output == "sequence" and output_of(self) != "default":
            names = fitted.get_feature_names_out()

        def read(network, X, state):
            layers = state and state.layers
            if output == "sequence":
                outputs = network.outputs(*_where(X), layers)
                return {"hidden state": outputs}, X._offsets
            return network.kept(*_where(X), slots, layers), X._offsets

        arrays, offsets = fitted._read(X, initial_state, read)
        for name, values in arrays.items():
            what = name.replace("_", " ")
            warn_if_not_finite(values, what, stacklevel=2, offsets=offsets)
        if output == "sequence":
            return SequenceArray(arrays["hidden state"], offsets, names)
        return {name: SequenceArray(a, offsets) for name, a in arrays.items()}

    def _gradient_norms(self, X, y):
        """Lengths of the sequences, and `Network.gradient_norms` of their losses.

        In float64, because what vanishes may be less than float32 can hold.
        """
        fitted = self._as_fitted()
        given, X = X, fitted._check_X(X)
        y = fitted._check_y(y)
        check_one_each(given, y, "y", X)
        fitted._check_same_target(y, None)
        X, target = X.astype("float64"), fitted._encode_target(y)
        loss, network = fitted._make_loss(), fitted._make_network(dtype="float64")
        network.load(fitted._parameters.astype(np.float64), backward=True)

        def d_loss(output, batch):
            # the gradient of the mean over the batch, back to that of each sequence
            return len(output) * loss.value_and_gradient(output, target[batch])[1]

        starts, lengths = X._offsets[:-1], X.lengths
        with np.errstate(under="ignore"):  # what vanishes
            return lengths, network.gradient_norms(X._data, starts, lengths, d_loss)
