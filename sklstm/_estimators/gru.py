"""Gated recurrent units: the public estimators of the family."""

from .classifier import RecurrentClassifier
from .docs import documented
from .gated import Gated
from .regressor import RecurrentRegressor


class GRUFamily(Gated):
    """The cell of the GRU estimators and its parameter."""

    _cell = "gru"
    _explained = {
        "forget_bias": """forget_bias : float or "chrono", default=0.0
    Where the bias of the update gate starts, which says how much of its state a unit
    keeps. "chrono" spreads the units over memories of 1 to as many steps as the longest
    training sequence has [Tallec2018]_, for dependencies over hundreds of steps."""
    }
    _weights_explained = {
        "torch": "GRU",
        "gates": "3 ",
        "order": "gates in the order reset, update, new. The single bias of the first "
        "two is in ``bias_ih``; ``bias_hh`` is zero but for the last.",
        "more": 'With ``pooling="attention"`` also ``attention``, the vector w (H,) or '
        "(2 H,).",
    }

    @staticmethod
    def _cell_parameters(cell):
        """The parameters by which this cell was chosen: there are none."""
        return {}


@documented
class GRUClassifier(GRUFamily, RecurrentClassifier):
    """Classifier of sequences with gated recurrent units [Cho2014]_.

    {introduction}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    GRURegressor : The same network for numbers.
    LSTMClassifier : Long short-term memory.
    RNNClassifier : The plain recurrent network.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    The form of the unit is that of PyTorch, cuDNN and Keras, in which the reset
    gate acts on the product with the recurrent weights and not on what is
    multiplied with them. Input weights start Glorot-uniform, recurrent weights
    orthogonal for each gate, biases at zero except that of the update gate.

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
        **GRUFamily._family_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        forget_bias=0.0,
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
        self.forget_bias = forget_bias
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
class GRURegressor(GRUFamily, RecurrentRegressor):
    """Regressor on sequences with gated recurrent units [Cho2014]_.

    {introduction}

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    GRUClassifier : The same network for labels.
    LSTMRegressor : Long short-term memory.
    RNNRegressor : The plain recurrent network.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    The form of the unit is that of PyTorch, cuDNN and Keras, in which the reset
    gate acts on the product with the recurrent weights and not on what is
    multiplied with them. Input weights start Glorot-uniform, recurrent weights
    orthogonal for each gate, biases at zero except that of the update gate.

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
        **GRUFamily._family_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        forget_bias=0.0,
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
        self.forget_bias = forget_bias
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
