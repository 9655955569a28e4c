"""Long short-term memory: the public estimators of the family."""

from ._tasks import RecurrentClassifier, RecurrentRegressor


class LSTMClassifier(RecurrentClassifier):
    """Classifier of sequences with a long short-term memory network [1]_, [2]_.

    Each sequence is read step by step by one or several LSTM layers; the hidden state
    after its last step goes through a linear head to class probabilities. Sequences may
    have any lengths, each its own. Training minimises the log loss.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer. Several layers are stacked: each reads the hidden
        states of the one below, the head the last hidden state of the uppermost.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [3]_, Adam with decoupled weight decay [4]_, stochastic gradient
        descent with momentum, RMSProp [7]_, or L-BFGS [8]_. "lbfgs" takes all samples
        at once, which suits small data: it has neither minibatches, learning rate nor
        clipping, so that `batch_size`, `learning_rate`, `learning_rate_init`,
        `max_grad_norm`, `shuffle` and `n_iter_no_change` have no effect, cannot be
        combined with `early_stopping`, and leaves no :meth:`partial_fit`.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2``, divided by the
        weight of the minibatch (with "lbfgs" of all samples), in the loss.

    batch_size : int or "auto", default=32
        Sequences in a minibatch, at the most all of them. "auto" is 200.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, \
            default="constant"
        Schedule of the learning rate, for every solver but "lbfgs":

        - "constant": `learning_rate_init`;
        - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` with t samples seen;
        - "adaptive": divided by 5 whenever `n_iter_no_change` epochs brought no
          improvement of `tol`, until it is below 1e-6;
        - "cosine": from `learning_rate_init` down to 0 along half a cosine over
          `max_iter` epochs;
        - "one_cycle": from ``learning_rate_init / 25`` up to `learning_rate_init` along
          half a cosine over 0.3 of `max_iter` epochs, then along another down to
          ``learning_rate_init / 250_000``, from minibatch to minibatch [9]_. Made for a
          `learning_rate_init` above that of "constant".

    learning_rate_init : float, default=0.005
        Learning rate at the start; with "one_cycle" the highest.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_iter : int, default=100
        Epochs at the most: passes over the samples. With "lbfgs" iterations, each of
        one or more passes.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [5]_; None does not
        clip.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples and the split for early
        stopping. The same int gives the same bits, whatever the number of threads.

    tol : float, default=1e-4
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger.

    n_iter_no_change : int, default=10
        Epochs without such an improvement after which training stops.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the score on them no
        longer improves, and to keep the weights that scored best. The split is
        stratified, except for multilabel targets. With `groups` passed to :meth:`fit`,
        whole groups are set aside, without stratification. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    momentum : float, default=0.9
        Momentum of "sgd", the only solver that uses it.

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    beta_1 : float, default=0.9
        Decay of the first moment in "adam" and "adamw".

    beta_2 : float, default=0.999
        Decay of the second moment, the mean of squared gradients, in "adam", "adamw"
        and "rmsprop". "rmsprop" starts it at zero without a correction, so that its
        first steps are ``1 / sqrt(1 - beta_2)`` times the learning rate; PyTorch has
        0.99 for it, under the name of alpha.

    epsilon : float, default=1e-8
        Added to the root of the second moment in "adam", "adamw" and "rmsprop".

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone.

    verbose : bool, default=False
        Whether to print a line for each epoch.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. X is converted to it.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are
          1 where a value was missing and else 0 [6]_. It learns from what is missing.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; they multiply the sample weights. "balanced" gives every
        class the same total weight.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    weights_ : dict of str to ndarray
        Weights of the recurrent layers under the names and in the shapes of
        ``torch.nn.LSTM``: ``weight_ih_l0`` (4 H, F), ``weight_hh_l0`` (4 H, H),
        ``bias_ih_l0`` (4 H,), ``bias_hh_l0`` (4 H,) and so on for each layer; gates in
        the order input, forget, cell, output. The single bias of a gate is in
        ``bias_ih``. Copies, read-only. With ``missing="indicator"`` the lowest layer
        reads 2 F features: first the values, then the indicators.

    coef_ : ndarray of shape (n_outputs_, H)
        Weights of the head, as in ``torch.nn.Linear``.

    intercept_ : ndarray of shape (n_outputs_,)
        Bias of the head.

    n_features_in_ : int
        Features per step; for 2-D X the number of columns.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    n_iter_ : int
        Epochs of the last fit, with "lbfgs" iterations.

    n_layers_ : int
        Layers with the input and the output.

    n_outputs_ : int
        Outputs of the head.

    t_ : int
        Samples seen in training, each epoch (with "lbfgs" each iteration) counted.

    loss_ : float
        Mean loss of the last epoch, with "lbfgs" that of the weights.

    best_loss_ : float or None
        Lowest mean loss of an epoch; None with early stopping.

    loss_curve_ : list of float
        Mean loss of each epoch, with "lbfgs" the loss after each iteration.

    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch; None without early stopping.

    best_validation_score_ : float or None
        The best of them, that of the weights kept; None without early stopping.

    out_activation_ : str
        "softmax" for more than two classes, otherwise "logistic".

    See Also
    --------
    LSTMRegressor : The same network for numbers.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Input weights start Glorot-uniform, recurrent weights orthogonal for each gate, the
    forget bias at 1, the head's bias at the class prior. Training is full
    back-propagation through time over minibatches of whole sequences; nothing is
    padded. The prediction for a sequence does not depend, to the bit, on the sequences
    beside it. Identical samples of a minibatch are merged and their weights added,
    which is the same loss.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [3] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
       2015.
    .. [4] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR
       2019.
    .. [5] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [6] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in Clinical
       Time Series with RNNs", MLHC 2016.
    .. [7] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural Networks
       for Machine Learning, 2012.
    .. [8] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [9] L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural
       Networks Using Large Learning Rates", SPIE 11006, 2019.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.preprocessing import TimeDistributed
    >>> X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    >>> model = make_pipeline(
    ...     TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0)
    ... )
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        solver="adam",
        alpha=0.0,
        batch_size=32,
        learning_rate="constant",
        learning_rate_init=0.005,
        power_t=0.5,
        max_iter=100,
        max_fun=15000,
        max_grad_norm=1.0,
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
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.max_grad_norm = max_grad_norm
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


class LSTMRegressor(RecurrentRegressor):
    """Regressor on sequences with a long short-term memory network [1]_, [2]_.

    Each sequence is read step by step by one or several LSTM layers; the hidden state
    after its last step goes through a linear head to one or several numbers. Sequences
    may have any lengths, each its own. Targets are standardised inside and predictions
    come back in their units, so the scale of y does not matter (with ``loss="poisson"``
    targets stay as they are).

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer. Several layers are stacked: each reads the hidden
        states of the one below, the head the last hidden state of the uppermost.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, \
            default="squared_error"
        What is minimised, as the mean over samples and outputs. Names and links are
        those of :class:`sklearn.ensemble.HistGradientBoostingRegressor`:

        - "squared_error": half the squared difference; predictions are means;
        - "absolute_error": the absolute difference; predictions are medians, which a
          few outliers hardly move;
        - "huber": half the squared difference up to `huber_delta`, linear beyond [6]_;
        - "poisson": half the Poisson deviance with a logarithmic link, for counts and
          rates; predictions are means, always positive. y must be zero or more, with a
          sum above zero;
        - "quantile": the pinball loss [7]_; predictions are the quantiles of the levels
          `quantile`.

    quantile : float or list of float, default=0.5
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in standard deviations of y: the `delta`
        of ``torch.nn.HuberLoss`` for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [3]_, Adam with decoupled weight decay [4]_, stochastic gradient
        descent with momentum, RMSProp [7]_, or L-BFGS [8]_. "lbfgs" takes all samples
        at once, which suits small data: it has neither minibatches, learning rate nor
        clipping, so that `batch_size`, `learning_rate`, `learning_rate_init`,
        `max_grad_norm`, `shuffle` and `n_iter_no_change` have no effect, cannot be
        combined with `early_stopping`, and leaves no :meth:`partial_fit`.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2``, divided by the
        weight of the minibatch (with "lbfgs" of all samples), in the loss.

    batch_size : int or "auto", default=32
        Sequences in a minibatch, at the most all of them. "auto" is 200.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, \
            default="constant"
        Schedule of the learning rate, for every solver but "lbfgs":

        - "constant": `learning_rate_init`;
        - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` with t samples seen;
        - "adaptive": divided by 5 whenever `n_iter_no_change` epochs brought no
          improvement of `tol`, until it is below 1e-6;
        - "cosine": from `learning_rate_init` down to 0 along half a cosine over
          `max_iter` epochs;
        - "one_cycle": from ``learning_rate_init / 25`` up to `learning_rate_init` along
          half a cosine over 0.3 of `max_iter` epochs, then along another down to
          ``learning_rate_init / 250_000``, from minibatch to minibatch [9]_. Made for a
          `learning_rate_init` above that of "constant".

    learning_rate_init : float, default=0.005
        Learning rate at the start; with "one_cycle" the highest.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_iter : int, default=100
        Epochs at the most: passes over the samples. With "lbfgs" iterations, each of
        one or more passes.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [5]_; None does not
        clip.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples and the split for early
        stopping. The same int gives the same bits, whatever the number of threads.

    tol : float, default=1e-4
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger.

    n_iter_no_change : int, default=10
        Epochs without such an improvement after which training stops.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the score on them no
        longer improves, and to keep the weights that scored best. With `groups` passed
        to :meth:`fit`, whole groups are set aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    momentum : float, default=0.9
        Momentum of "sgd", the only solver that uses it.

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    beta_1 : float, default=0.9
        Decay of the first moment in "adam" and "adamw".

    beta_2 : float, default=0.999
        Decay of the second moment, the mean of squared gradients, in "adam", "adamw"
        and "rmsprop". "rmsprop" starts it at zero without a correction, so that its
        first steps are ``1 / sqrt(1 - beta_2)`` times the learning rate; PyTorch has
        0.99 for it, under the name of alpha.

    epsilon : float, default=1e-8
        Added to the root of the second moment in "adam", "adamw" and "rmsprop".

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone.

    verbose : bool, default=False
        Whether to print a line for each epoch.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. X is converted to it.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are
          1 where a value was missing and else 0 [6]_. It learns from what is missing.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the recurrent layers under the names and in the shapes of
        ``torch.nn.LSTM``: ``weight_ih_l0`` (4 H, F), ``weight_hh_l0`` (4 H, H),
        ``bias_ih_l0`` (4 H,), ``bias_hh_l0`` (4 H,) and so on for each layer; gates in
        the order input, forget, cell, output. The single bias of a gate is in
        ``bias_ih``. Copies, read-only. With ``missing="indicator"`` the lowest layer
        reads 2 F features: first the values, then the indicators.

    coef_ : ndarray of shape (n_outputs_, H)
        Weights of the head, as in ``torch.nn.Linear``, in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

    intercept_ : ndarray of shape (n_outputs_,)
        Bias of the head, in the units of `coef_`.

    n_features_in_ : int
        Features per step; for 2-D X the number of columns.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    n_iter_ : int
        Epochs of the last fit, with "lbfgs" iterations.

    n_layers_ : int
        Layers with the input and the output.

    n_outputs_ : int
        Outputs of the head: with a list of quantiles one for each of them and each
        target.

    t_ : int
        Samples seen in training, each epoch (with "lbfgs" each iteration) counted.

    loss_ : float
        Mean loss of the last epoch, with "lbfgs" that of the weights, in units of the
        standardised target (of y for "poisson").

    best_loss_ : float or None
        Lowest mean loss of an epoch; None with early stopping.

    loss_curve_ : list of float
        Mean loss of each epoch, with "lbfgs" the loss after each iteration.

    validation_scores_ : list of float or None
        R² on the validation part after each epoch, for all but "squared_error" minus
        the loss instead; None without early stopping.

    best_validation_score_ : float or None
        The best of them, that of the weights kept; None without early stopping.

    out_activation_ : str
        The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
        of several quantiles, otherwise "identity".

    See Also
    --------
    LSTMClassifier : The same network for labels.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Input weights start Glorot-uniform, recurrent weights orthogonal for each gate, the
    forget bias at 1, the head's bias at the best constant: the mean of the target, its
    logarithm for "poisson", the median for "absolute_error" and "huber", the quantiles
    for "quantile". Training is full
    back-propagation through time over minibatches of whole sequences; nothing is
    padded. The prediction for a sequence does not depend, to the bit, on the sequences
    beside it. Identical samples of a minibatch are merged and their weights added,
    which is the same loss.

    With a list of Q quantiles the raw outputs for each target are, in ascending order
    of the levels, the quantile in the middle (number Q // 2, counted from 0) and the
    steps to it or from it, of which the softplus is added upwards and subtracted
    downwards, in units of the standardised target. So quantiles cannot cross. This is
    the incremental quantile function of [8]_, started from the middle instead of from
    the lowest quantile, and with softplus instead of ReLU.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [3] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
       2015.
    .. [4] I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR
       2019.
    .. [5] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [6] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in Clinical
       Time Series with RNNs", MLHC 2016.
    .. [7] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural Networks
       for Machine Learning, 2012.
    .. [8] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [9] L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural
       Networks Using Large Learning Rates", SPIE 11006, 2019.
    .. [6] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
       Mathematical Statistics 35(1), 1964.
    .. [7] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1), 1978.
    .. [8] Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang, "Learning
       Quantile Functions without Quantile Crossing for Distribution-free Time Series
       Forecasting", AISTATS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(5, 15, size=200)]
    >>> y = [1000 * x.mean() for x in X]
    >>> model = LSTMRegressor(16, random_state=0).fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True

    A median and an interval that holds four fifths of the targets:

    >>> model = LSTMRegressor(
    ...     16, loss="quantile", quantile=[0.5, 0.1, 0.9], random_state=0
    ... ).fit(X[:150], y[:150])
    >>> middle, low, high = model.predict(X[150:]).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True
    """

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        loss="squared_error",
        quantile=0.5,
        huber_delta=1.0,
        solver="adam",
        alpha=0.0,
        batch_size=32,
        learning_rate="constant",
        learning_rate_init=0.005,
        power_t=0.5,
        max_iter=100,
        max_fun=15000,
        max_grad_norm=1.0,
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
