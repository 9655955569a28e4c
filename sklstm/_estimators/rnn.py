"""Plain recurrent networks: the public estimators of the family."""

from .._sklearn.private import StrOptions
from .classifier import RecurrentClassifier
from .docs import documented
from .regressor import RecurrentRegressor


class RNNFamily:
    """The cell of the RNN estimators and its parameter."""

    _family_constraints = {"activation": [StrOptions({"tanh", "relu"})]}
    _explained = {}
    _weights_explained = {
        "torch": "RNN",
        "gates": "",
        "order": "the single bias of a unit is in ``bias_ih``, ``bias_hh`` is zero.",
        "more": 'With ``pooling="attention"`` also ``attention``, the vector w (H,) or '
        "(2 H,).",
    }

    @property
    def _cell(self):
        return f"rnn_{self.activation}"

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen."""
        return {"activation": cell.removeprefix("rnn_")}


@documented
class RNNClassifier(RNNFamily, RecurrentClassifier):
    """Classifier of sequences with a plain recurrent network [Elman1990]_.

    {introduction}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    RNNRegressor : The same network for numbers.
    LSTMClassifier : Long short-term memory.
    GRUClassifier : Gated recurrent units, three quarters of an LSTM's weights.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    It forgets within some ten steps, because its gradients vanish [Pascanu2013]_:
    see :func:`sklstm.inspection.gradient_norms`, and use an LSTM or a GRU for
    anything longer. Input weights start Glorot-uniform, recurrent weights
    orthogonal, biases at zero.

    {training}

    References
    ----------
    {references}

    Examples
    --------
    {examples}
    """

    _parameter_constraints = {
        **RecurrentClassifier._parameter_constraints,
        **RNNFamily._family_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        activation="tanh",
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        recurrent_dropout=0.0,
        solver="adam",
        alpha=0.0,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=0.005,
        power_t=0.5,
        max_iter="auto",
        max_fun=15000,
        max_grad_norm=1.0,
        tbptt=None,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warm_start=False,
        verbose=False,
        dtype="float32",
        missing="error",
        class_weight=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.max_grad_norm = max_grad_norm
        self.tbptt = tbptt
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warm_start = warm_start
        self.verbose = verbose
        self.dtype = dtype
        self.missing = missing
        self.class_weight = class_weight


@documented
class RNNRegressor(RNNFamily, RecurrentRegressor):
    """Regressor on sequences with a plain recurrent network [Elman1990]_.

    {introduction}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    RNNClassifier : The same network for labels.
    LSTMRegressor : Long short-term memory.
    GRURegressor : Gated recurrent units, three quarters of an LSTM's weights.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    It forgets within some ten steps, because its gradients vanish [Pascanu2013]_:
    see :func:`sklstm.inspection.gradient_norms`, and use an LSTM or a GRU for
    anything longer. Input weights start Glorot-uniform, recurrent weights
    orthogonal, biases at zero.

    {training}

    References
    ----------
    {references}

    Examples
    --------
    {examples}
    """

    _parameter_constraints = {
        **RecurrentRegressor._parameter_constraints,
        **RNNFamily._family_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        activation="tanh",
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        recurrent_dropout=0.0,
        loss="squared_error",
        quantile=0.5,
        huber_delta=1.0,
        solver="adam",
        alpha=0.0,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=0.005,
        power_t=0.5,
        max_iter="auto",
        max_fun=15000,
        max_grad_norm=1.0,
        tbptt=None,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warm_start=False,
        verbose=False,
        dtype="float32",
        missing="error",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.max_grad_norm = max_grad_norm
        self.tbptt = tbptt
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.warm_start = warm_start
        self.verbose = verbose
        self.dtype = dtype
        self.missing = missing
