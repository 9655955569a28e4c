"""What a fitted network knows on its way through a sequence: streaming, hidden states
as features, gates."""

import math
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from .sequences import SequenceArray

# What a cell has in its slots after a step (cell.h), by the names of its literature.
GATES = {
    "lstm": ("input_gate", "forget_gate", "cell_candidate", "output_gate"),
    "gru": ("candidate", "reset_gate", "update_gate"),
    "rnn_tanh": (),
    "rnn_relu": (),
}
GATES["lstm_peephole"] = GATES["lstm"]


class State(NamedTuple):
    """What is to be known of n sequences to read their next step.

    Made by :meth:`initial_state` and :meth:`predict_step` of an estimator; never
    changed, so that a state can be kept and gone on from more than once.

    Parameters
    ----------
    layers : tuple of tuple of ndarray of shape (n, width)
        Hidden state, and cell state where there is one, of each layer.

    pooled : tuple of ndarray or None
        Running sums of the pooling, where there is one.

    seen : ndarray of shape (n, n_features) or None
        Last value seen of each feature, where missing values are filled.
    """

    layers: tuple
    pooled: tuple | None = None
    seen: np.ndarray | None = None


class StatesMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Streaming and hidden states, for every recurrent estimator."""

    # ---- streaming -------------------------------------------------------------

    def initial_state(self, n_sequences=1):
        """The state of sequences before their first step.

        Parameters
        ----------
        n_sequences : int, default=1
            Sequences that are read side by side.

        Returns
        -------
        state : State
            To be passed to :meth:`predict_step`.

        Raises
        ------
        ValueError
            If the network is bidirectional: one of its directions reads every sequence
            from its end, which a stream does not have yet.
        """
        check_is_fitted(self)
        if self._architecture["bidirectional"]:
            raise ValueError(
                "A bidirectional network cannot be streamed: one of its directions "
                "reads every sequence from its end, which is not there yet. Fit with "
                "bidirectional=False, or call predict on whole sequences."
            )
        check_scalar(n_sequences, "n_sequences", Integral, min_val=1)
        network = self._take_network(self._idle_networks)
        pooled = network.pooling and network.pooling.begin(n_sequences)
        seen = None
        if self._missing != "error":
            seen = np.tile(self._first_value, (n_sequences, 1))
        return State(tuple(network.initial_states(n_sequences)), pooled, seen)

    def predict_step(self, X, state, *, method="predict"):
        """Read one step of each sequence and predict from all steps so far.

        The prediction is the one of `method` for the sequences up to here, to the bit.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_features) or (n_features,)
            The next step of each sequence; with one sequence a vector will do.

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
        ValueError
            If X has another shape than the state, or a value that is not finite.
        """
        convert = self._step_methods.get(method)
        if convert is None:
            raise ValueError(
                f"method={method!r} is none of {', '.join(self._step_methods)}."
            )
        idle = self._idle_networks
        x, seen = self._check_step(X, state)
        network = self._take_network(idle)
        raw, layers, pooled = network.step(x, state.layers, state.pooled)
        y = convert(self, raw.astype(np.float64))
        idle.append(network)
        return y, State(layers, pooled, seen)

    def _check_step(self, X, state):
        """One step of each sequence as the network reads it, and the values seen."""
        n, n_features = len(state.layers[0][0]), self._n_sequence_features
        x = np.asarray(X, dtype=self._parameters.dtype)
        if x.ndim < 2 and (n == 1 or n_features == 1):
            x = x.reshape(n if x.size == n * n_features else -1, n_features)
        if x.shape != (n, n_features):
            raise ValueError(
                f"X has shape {np.shape(X)}, but a step of {n} sequence(s) of "
                f"{n_features} feature(s) has shape {(n, n_features)}."
            )
        x = np.ascontiguousarray(x)
        # A sum is the quickest look.
        if math.isfinite(x.sum(dtype=np.float64)) or np.isfinite(x).all():
            seen = x if state.seen is not None else None
            if self._missing == "indicator":
                x = np.hstack([x, np.zeros_like(x)])
            return x, seen
        missing = np.isnan(x)
        if state.seen is None or np.isinf(x).any():
            row, column = np.argwhere(~np.isfinite(x))[0]
            raise ValueError(
                f"X has {x[row, column]} in sequence {row}, feature {column}."
                + (" Fit with missing='ffill' or 'indicator'." if missing.any() else "")
            )
        seen = np.where(missing, state.seen, x).astype(x.dtype)
        x = seen
        if self._missing == "indicator":
            x = np.hstack([x, missing.astype(x.dtype)])
        return x, seen

    # ---- hidden states ---------------------------------------------------------

    def transform(self, X, output="last"):
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
            - "gates": everything that the network computes on its way, for people.

        Returns
        -------
        X_out : ndarray of shape (n_samples, H), SequenceArray or dict of SequenceArray
            With two directions side by side 2 H instead of H columns. With "gates"
            a dict: ``hidden_state_l0``, for an LSTM ``input_gate_l0``,
            ``forget_gate_l0``, ``cell_candidate_l0``, ``output_gate_l0`` and
            ``cell_state_l0``, for a GRU ``reset_gate_l0``, ``update_gate_l0`` and
            ``candidate_l0``; and so on for each layer, with the suffix ``_reverse`` for
            the direction that begins at the end. All of them have the steps of X.
        """
        check_is_fitted(self)
        if output not in ("last", "sequence", "gates"):
            raise ValueError(
                f"output={output!r} is none of 'last', 'sequence' and 'gates'."
            )
        idle = self._idle_networks
        X = self._check_X(X)
        network = self._take_network(idle)
        where = X.data, X.offsets[:-1], X.lengths
        try:
            if output == "last":
                return network.last_outputs(*where)
            if output == "sequence":
                return SequenceArray(network.outputs(*where), X.offsets)
            kept = network.kept(*where, GATES[self._architecture["cell"]])
            return {name: SequenceArray(a, X.offsets) for name, a in kept.items()}
        finally:
            network.shrink()
            idle.append(network)

    def _gradient_norms(self, X, y):
        """Lengths of the sequences, and `Network.gradient_norms` of their losses.

        In float64, because what vanishes may be less than float32 can hold.
        """
        check_is_fitted(self)
        X, y = self._check_X(X), self._check_y(y)
        check_consistent_length(X, y)
        self._check_same_target(y, None)
        X, target, loss = X.astype("float64"), self._encode_target(y), self._make_loss()
        network = self._make_network(dtype="float64")
        network.load(self._parameters.astype(np.float64), backward=True)

        def d_loss(output, batch):
            # the gradient of the mean over the batch, back to that of each sequence
            return len(output) * loss.value_and_gradient(output, target[batch])[1]

        starts, lengths = X.offsets[:-1], X.lengths
        return lengths, network.gradient_norms(X.data, starts, lengths, d_loss)

    @property
    def _n_features_out(self):
        """Columns of `transform`, from which their names are made."""
        directions = 1 + self._architecture["bidirectional"]
        return self._architecture["hidden_layer_sizes"][-1] * directions
