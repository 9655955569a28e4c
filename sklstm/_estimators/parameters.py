"""Parameters of the recurrent estimators, in groups: each is declared here, once.

A declaration says the default, the domain and the meaning. `declaration.py` makes the
signature, the validation and the documentation of a class of its groups.
"""

from inspect import cleandoc
from numbers import Integral, Real
from textwrap import indent
from typing import NamedTuple

import numpy as np

from .._sklearn.private import Interval, Options, StrOptions


class Domain(NamedTuple):
    """What a parameter may be: for the validation, for editors and for readers."""

    constraints: list
    annotation: str
    words: str

    def __or__(self, other):
        return Domain(
            self.constraints + other.constraints,
            f"{self.annotation} | {other.annotation}",
            f"{self.words} or {other.words}",
        )


class Parameter(NamedTuple):
    """A parameter of an estimator."""

    default: object
    domain: Domain
    meaning: str = ""

    def means(self, text):
        """This parameter with its meaning, indented as in a docstring."""
        return self._replace(meaning=indent(cleandoc(text), "    "))


def options(*names):
    """One of some strings."""
    quoted = ", ".join(f'"{name}"' for name in names)
    words = f"{{{quoted}}}" if names[1:] else quoted
    return Domain([StrOptions(set(names))], f"Literal[{quoted}]", words)


def integer():
    """A positive integer."""
    return Domain([Interval(Integral, 1, None, closed="left")], "int", "int")


def number(low=None, high=None, closed="left"):
    """A number in an interval."""
    return Domain([Interval(Real, low, high, closed=closed)], "float", "float")


def parameters_of(*groups):
    """Parameters by name, in the order of the groups: the last that has a name says
    what it means there."""
    return {
        name: value
        for group in groups
        for name, value in vars(group).items()
        if isinstance(value, Parameter)
    }


def but(group, *names):
    """A group without some of its parameters."""
    kept = {name: value for name, value in vars(group).items() if name not in names}
    return type(group.__name__, (), kept)


FLAG = Domain(["boolean"], "bool", "bool")
NONE = Domain([None], "None", "None")
SIZES = Domain(["array-like"], "Sequence[int]", "tuple of int")
WIDTHS = Domain(["array-like"], "Sequence[int]", "list of int")
VECTORS = Domain(
    ["array-like", dict],
    "ArrayLike | dict | Sequence[ArrayLike | dict | None]",
    "array-like, dict or list of these",
)
COLUMNS = Domain(
    ["array-like", StrOptions({"from_dtype"})],
    'Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"]',
    'array-like of int, str or bool, or "from_dtype"',
)
INFINITE = Domain([Options(Real, {np.inf})], "float", "inf")
VERBOSE = Domain(["verbose"], "bool | int", "bool or int")
RANDOM_STATE = Domain(
    ["random_state"],
    "int | np.random.RandomState | None",
    "int, RandomState instance or None",
)
FLOATS = options("float32", "float64", "bfloat16")
FLOATS = Domain([*FLOATS.constraints, type, np.dtype], "DTypeLike", FLOATS.words)
SOLVERS = options("adam", "adamw", "sgd", "rmsprop", "lbfgs")
SCHEDULES = options("constant", "invscaling", "adaptive", "cosine")


class Network:
    """What the network is made of, whatever its cell."""

    title = "Network"

    hidden_layer_sizes = Parameter((64,), integer() | SIZES).means("""
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.
        """)

    bidirectional = Parameter(False, FLAG).means("""
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.
        """)

    pooling = Parameter("last", options("last", "mean", "max", "attention")).means("""
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.
        """)

    dropout = Parameter(0.0, number(0, 1)).means("""
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.
        """)

    recurrent_dropout = Parameter(0.0, number(0, 1)).means("""
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.
        """)


class Tokens:
    """Which columns of X are ids, of tokens or categories, and the rows of these."""

    title = "Tokens and categories"

    embedding_dim = Parameter(None, integer() | WIDTHS | NONE).means("""
        Length of the row of numbers that stands for each id, where X is ids of tokens
        or has columns of ids [Bengio2003]_. The rows are trained with the network,
        which reads them in the place of the ids: X of one column is ids then, as
        :class:`~sklstm.preprocessing.TokenEncoder` makes them, integers from 0 on. None
        reads all of X as numbers. With `categorical_features` a list may have a length
        for each of these columns.

        Each column has a table of its own, with as many rows as X has tokens in its
        vocabulary, else as `embedding_weights` has, else up to the largest id in X of
        the first fit. Row 0 stands for what is not known: it begins at zero and is
        trained where X has id 0, and every id beyond the table has it. The other rows
        begin at random, small. In a minibatch only rows that it has are trained, and
        neither they nor the moments of others move: those of "adam" are
        ``torch.optim.SparseAdam``'s. `alpha` does not reach the tables.
        """)

    embedding_weights = Parameter(None, VECTORS | NONE).means("""
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.
        """)

    embedding_trainable = Parameter(True, FLAG).means("""
        Whether the rows are trained, or stay where they begin.
        """)

    categorical_features = Parameter(None, COLUMNS | NONE).means("""
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.
        """)


class LSTMCell:
    """What an LSTM has besides."""

    title = "Network"

    forget_bias = Parameter(1.0, number(closed="neither") | options("chrono")).means("""
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the units over memories of 1 to as many steps as the longest
        training sequence has [Tallec2018]_, for dependencies over hundreds of steps.
        """)

    peephole = Parameter(False, FLAG).means("""
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_.
        """)


class GRUCell:
    """What a GRU has besides."""

    title = "Network"

    forget_bias = Parameter(0.0, number(closed="neither") | options("chrono")).means("""
        Where the bias of the update gate starts, which says how much of its state a
        unit keeps. "chrono" spreads the units over memories of 1 to as many steps as
        the longest training sequence has [Tallec2018]_, for dependencies over hundreds
        of steps.
        """)


class RNNCell:
    """What a plain recurrent network has besides."""

    title = "Network"

    activation = Parameter("tanh", options("tanh", "relu")).means("""
        Activation function of the hidden units. "relu" does not saturate, which carries
        gradients over longer sequences [Le2015]_, but nothing bounds its hidden states.
        """)


CELLS = options("lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu")


class AnyCell:
    """The cell, where it is a parameter."""

    title = "Network"

    cell = Parameter("lstm", CELLS).means("""
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.
        """)

    forget_bias = Parameter(
        "auto", number(closed="neither") | options("auto", "chrono")
    ).means("""
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.
        """)


class Optimizer:
    """How the weights are found."""

    title = "Optimizer"

    solver = Parameter("adam", SOLVERS).means("""
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.
        """)

    alpha = Parameter(0.0, number(0)).means("""
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).
        """)

    batch_size = Parameter("auto", integer() | options("auto")).means("""
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.
        """)

    shuffle = Parameter(True, FLAG).means("""
        Whether to take the samples in another order in each epoch.
        """)

    learning_rate = Parameter("cosine", SCHEDULES).means("""
        Schedule of the learning rate, for every solver but "lbfgs":

        - "constant": `learning_rate_init`;
        - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` with t samples seen;
        - "adaptive": divided by 5 whenever `n_iter_no_change` epochs brought no
          improvement of `tol`, until it is below 1e-6;
        - "cosine": from `learning_rate_init` down to 0 along half a cosine over
          `max_iter` epochs [Loshchilov2017]_. A fit makes all of them, unless a
          validation score stops it (`early_stopping`), and each fit with `warm_start`
          begins a new half.

        ``partial_fit`` sees no whole fits: "adaptive" and "cosine" are constant
        there.
        """)

    learning_rate_init = Parameter(0.005, number(0, closed="neither")).means("""
        Learning rate at the start.
        """)

    power_t = Parameter(0.5, number(0)).means("""
        Exponent of "invscaling".
        """)

    max_grad_norm = Parameter(1.0, number(0, closed="neither") | NONE).means("""
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.
        """)

    tbptt = Parameter(None, integer() | NONE).means("""
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.
        """)

    momentum = Parameter(0.9, number(0, 1, closed="both")).means("""
        Momentum of "sgd", the only solver that uses it.
        """)

    nesterovs_momentum = Parameter(True, FLAG).means("""
        Whether "sgd" uses Nesterov's momentum.
        """)

    beta_1 = Parameter(0.9, number(0, 1)).means("""
        Decay of the first moment in "adam" and "adamw".
        """)

    beta_2 = Parameter(0.999, number(0, 1)).means("""
        Decay of the second moment, the mean of squared gradients, in "adam", "adamw"
        and "rmsprop". "rmsprop" starts it at zero without a correction, so that its
        first steps are ``1 / sqrt(1 - beta_2)`` times the learning rate; PyTorch has
        0.99 for it, under the name of alpha.
        """)

    epsilon = Parameter(1e-8, number(0, closed="neither")).means("""
        Added to the root of the second moment in "adam", "adamw" and "rmsprop".
        """)


class Stopping:
    """When training ends, and what the next fit begins with."""

    title = "Stopping"

    max_iter = Parameter("auto", integer() | options("auto")).means("""
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.
        """)

    max_fun = Parameter(15000, integer()).means("""
        Passes over the samples after which "lbfgs" begins no other iteration.
        """)

    tol = Parameter(1e-4, number(0)).means("""
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.
        """)

    n_iter_no_change = Parameter(10, integer() | INFINITE).means("""
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.
        """)

    early_stopping = Parameter(False, FLAG).means("""
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".
        """)

    validation_fraction = Parameter(0.1, number(0, 1, closed="neither")).means("""
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.
        """)

    warm_start = Parameter(False, FLAG).means("""
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.
        """)


class Data:
    """How data are read, and what else a fit needs to know."""

    title = "Data"

    missing = Parameter("error", options("error", "ffill", "indicator")).means("""
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.
        """)

    dtype = Parameter("float32", FLOATS).means("""
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.
        """)

    random_state = Parameter(None, RANDOM_STATE).means("""
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.
        """)

    verbose = Parameter(False, VERBOSE).means("""
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.
        """)
