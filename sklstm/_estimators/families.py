"""The public estimators: a cell, a task and their parameters."""

from .classifier import RecurrentClassifier
from .declaration import declared
from .parameters import (
    Data,
    GRUCell,
    LSTMCell,
    Network,
    Optimizer,
    RNNCell,
    Stopping,
    Tokens,
)
from .regressor import RecurrentRegressor
from .task_parameters import Classification, Regression

TRAINING = Optimizer, Stopping, Data


class Gated:
    """A cell with a gate that decides how much of its state a unit keeps."""

    def _initial_options(self, lengths):
        return {"forget_bias": self.forget_bias, "longest": int(lengths.max())}


class LSTM(Gated):
    """Long short-term memory.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.LSTM`` with its
        G = 4 gates in the order input, forget, cell, output. The single bias of a gate
        is in ``bias_ih``, ``bias_hh`` is zero. With ``peephole=True`` there is also
        ``peephole_l0`` (3 H,) of the input, forget and output gate.

    Notes
    -----
    Input weights start Glorot-uniform, recurrent weights orthogonal for each gate, the
    forget bias at `forget_bias`, peepholes at zero.
    """

    @property
    def _cell(self):
        return "lstm_peephole" if self.peephole else "lstm"

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen."""
        return {"peephole": cell == "lstm_peephole"}


class GRU(Gated):
    """Gated recurrent units.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.GRU`` with its
        G = 3 gates in the order reset, update, new. The single bias of the first two is
        in ``bias_ih``; ``bias_hh`` is zero but for the last.

    Notes
    -----
    The form of the unit is that of PyTorch, cuDNN and Keras, in which the reset gate
    acts on the product with the recurrent weights and not on what is multiplied with
    them. Input weights start Glorot-uniform, recurrent weights orthogonal for each
    gate, biases at zero except that of the update gate.
    """

    _cell = "gru"

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen: there are none."""
        return {}


class RNN:
    """The plain recurrent network.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.RNN``, with G = 1
        for there are no gates: the single bias of a unit is in ``bias_ih``, ``bias_hh``
        is zero.

    Notes
    -----
    It forgets within some ten steps, because its gradients vanish [Pascanu2013]_: see
    :func:`sklstm.inspection.gradient_norms`, and use an LSTM or a GRU for anything
    longer. Input weights start Glorot-uniform, recurrent weights orthogonal, biases at
    zero.
    """

    @property
    def _cell(self):
        return f"rnn_{self.activation}"

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen."""
        return {"activation": cell.removeprefix("rnn_")}


@declared(Network, Tokens, LSTMCell, *TRAINING, Classification)
class LSTMClassifier(LSTM, RecurrentClassifier):
    """Classifier of sequences with an LSTM network [Hochreiter1997]_, [Gers2000]_.

    See Also
    --------
    LSTMRegressor : The same network for numbers.
    GRUClassifier : Gated recurrent units, three quarters of an LSTM's weights.
    RNNClassifier : The plain recurrent network.
    """


@declared(Network, Tokens, LSTMCell, Regression, *TRAINING)
class LSTMRegressor(LSTM, RecurrentRegressor):
    """Regressor on sequences with an LSTM network [Hochreiter1997]_, [Gers2000]_.

    See Also
    --------
    LSTMClassifier : The same network for labels.
    GRURegressor : Gated recurrent units, three quarters of an LSTM's weights.
    RNNRegressor : The plain recurrent network.
    """


@declared(Network, Tokens, GRUCell, *TRAINING, Classification)
class GRUClassifier(GRU, RecurrentClassifier):
    """Classifier of sequences with gated recurrent units [Cho2014]_.

    See Also
    --------
    GRURegressor : The same network for numbers.
    LSTMClassifier : Long short-term memory.
    RNNClassifier : The plain recurrent network.
    """


@declared(Network, Tokens, GRUCell, Regression, *TRAINING)
class GRURegressor(GRU, RecurrentRegressor):
    """Regressor on sequences with gated recurrent units [Cho2014]_.

    See Also
    --------
    GRUClassifier : The same network for labels.
    LSTMRegressor : Long short-term memory.
    RNNRegressor : The plain recurrent network.
    """


@declared(Network, Tokens, RNNCell, *TRAINING, Classification)
class RNNClassifier(RNN, RecurrentClassifier):
    """Classifier of sequences with a plain recurrent network [Elman1990]_.

    See Also
    --------
    RNNRegressor : The same network for numbers.
    LSTMClassifier : Long short-term memory.
    GRUClassifier : Gated recurrent units, three quarters of an LSTM's weights.
    """


@declared(Network, Tokens, RNNCell, Regression, *TRAINING)
class RNNRegressor(RNN, RecurrentRegressor):
    """Regressor on sequences with a plain recurrent network [Elman1990]_.

    See Also
    --------
    RNNClassifier : The same network for labels.
    LSTMRegressor : Long short-term memory.
    GRURegressor : Gated recurrent units, three quarters of an LSTM's weights.
    """
