"""What the documentation of the recurrent estimators has in common.

The families share their parameters, and each is explained here, once. `documented` puts
the sections together for a class, in the order of its signature.
"""

import inspect
import re
import textwrap
from typing import NamedTuple


def _entries(text):
    """Paragraphs `name : type` of a numpydoc section, by name."""
    parts = re.split(r"^(?=\w+ : )", text.strip("\n"), flags=re.M)
    return {part.split(" ", 1)[0]: part.strip("\n") for part in parts if part}


def _references(text):
    """Indented references under their keys."""
    parts = re.split(r"^(\w+)\n", text.strip("\n"), flags=re.M)[1:]
    return {
        key: reference for key, reference in zip(parts[::2], parts[1::2], strict=True)
    }


def _filled(text, first, indent=None):
    """A paragraph in lines of the usual width."""
    return textwrap.fill(
        " ".join(text.split()),
        84,
        initial_indent=first,
        subsequent_indent=first if indent is None else indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def documented(cls):
    """Fill what stands in braces in the docstring of a class."""
    if cls.__doc__ is None:  # python -OO
        return cls
    task = (
        CLASSIFIER if "class_weight" in inspect.signature(cls).parameters else REGRESSOR
    )
    explained = {**PARAMETERS, **task.parameters, **cls._explained}
    parameters = [explained[name] for name in inspect.signature(cls).parameters]
    attributes = {**ATTRIBUTES, **task.attributes}
    weights = attributes.pop("weights_")
    for key, value in {**cls._weights_explained, "head": task.head}.items():
        weights = weights.replace("{" + key + "}", value)
    name, weights = weights.split("\n", 1)
    weights = f"{name}\n{_filled(weights, '    ')}"
    doc = inspect.getdoc(cls)
    for name, text in {
        "introduction": task.introduction,
        "parameters": "\n\n".join(parameters),
        "attributes": "\n\n".join([weights, *attributes.values()]),
        "training": task.training,
        "examples": task.examples.replace("{Estimator}", cls.__name__),
    }.items():
        doc = doc.replace("{" + name + "}", text.strip("\n"))
    cited = dict.fromkeys(re.findall(r"\[(\w+\d\w*)\]_", doc))
    references = [_filled(f".. [{key}] {REFERENCES[key]}", "", "   ") for key in cited]
    cls.__doc__ = doc.replace("{references}", "\n".join(references))
    return cls


class Task(NamedTuple):
    """What a task adds to the docstrings of its estimators."""

    introduction: str
    head: str
    parameters: dict
    attributes: dict
    training: str
    examples: str


#: Parameters that mean the same in every estimator.
PARAMETERS = _entries(
    """
hidden_layer_sizes : int or tuple of int, default=(64,)
    Hidden units of each layer, with ``bidirectional=True`` of each direction. Several
    layers are stacked: each reads the hidden states of the one below.

forget_bias : float or "chrono", default=1.0
    Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_. "chrono"
    spreads the units over memories of 1 to as many steps as the longest training
    sequence has [Tallec2018]_, for dependencies over hundreds of steps.

peephole : bool, default=False
    Whether the gates also see the cell state: input and forget gate the one before,
    the output gate the new one [Gers2000b]_.

activation : {"tanh", "relu"}, default="tanh"
    Activation function of the hidden units. "relu" does not saturate, which carries
    gradients over longer sequences [Le2015]_, but nothing bounds its hidden states.

bidirectional : bool, default=False
    Whether each layer reads the sequences in both directions [Schuster1997]_,
    [Graves2005]_: two networks of H units, one of which begins at each sequence's own
    end. The layer above, or the head, gets both side by side: 2 H inputs.

pooling : {"last", "mean", "max", "attention"}, default="last"
    What the head reads of the uppermost layer:

    - "last": the hidden state after the last step, of each direction its own;
    - "mean", "max": the mean or maximum of each unit over the steps of the sequence;
    - "attention": the mean of the hidden states h_t with weights
      ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

dropout : float, default=0.0
    Share of what each layer hands on that is set to zero in training
    [Srivastava2014]_: at random for every step to the layer above, after `pooling` to
    the head. The rest is divided by ``1 - dropout``; predictions drop nothing.

recurrent_dropout : float, default=0.0
    Share of the hidden units that the recurrent weights do not see in training, the
    same ones at all steps of a sequence [Gal2016]_. The rest is divided by
    ``1 - recurrent_dropout``.

solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
    Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
    [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
    [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples
    at once, which suits small data: it has neither minibatches, learning rate nor
    clipping, so that `batch_size`, `learning_rate`, `learning_rate_init`,
    `max_grad_norm`, `shuffle` and `n_iter_no_change` have no effect, cannot be
    combined with `early_stopping`, dropout or `tbptt`, and leaves no
    :meth:`partial_fit`.

alpha : float, default=0.0
    Strength of the L2 penalty on the weights (not the biases). For "adamw" the rate
    of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
    divided by the samples of the minibatch times the mean weight of all samples
    (with "lbfgs" by the weight of all samples).

batch_size : int or "auto", default="auto"
    Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of them,
    but 8 to 32, so that few sequences too make several updates an epoch; up to 32
    sequences are not divided.

learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, \
        default="cosine"
    Schedule of the learning rate, for every solver but "lbfgs":

    - "constant": `learning_rate_init`;
    - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` with t samples seen;
    - "adaptive": divided by 5 whenever `n_iter_no_change` epochs brought no
      improvement of `tol`, until it is below 1e-6;
    - "cosine": from `learning_rate_init` down to 0 along half a cosine over
      `max_iter` epochs [Loshchilov2017]_. A fit makes all of them, unless a
      validation score stops it (`early_stopping`), and each fit with `warm_start`
      begins a new half.

    :meth:`partial_fit` sees no whole fits: "adaptive" and "cosine" are constant there.

learning_rate_init : float, default=0.005
    Learning rate at the start.

power_t : float, default=0.5
    Exponent of "invscaling".

max_iter : int or "auto", default="auto"
    Epochs at the most, with "cosine" all that there are: passes over the samples.
    With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
    "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
    at the least.

max_fun : int, default=15000
    Passes over the samples after which "lbfgs" begins no other iteration.

max_grad_norm : float or None, default=1.0
    A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None does
    not clip.

tbptt : int or None, default=None
    Truncated back-propagation through time [Williams1990]_: gradients go back over the
    last `tbptt` steps of each sequence, the steps before only carry their state on, so
    that memory does not grow with the length. None goes back to the first step. Needs
    ``pooling="last"`` and ``bidirectional=False``.

shuffle : bool, default=True
    Whether to take the samples in another order in each epoch.

random_state : int, RandomState instance or None, default=None
    Determines the initial weights, the order of the samples, what dropout drops and
    the split for early stopping. The same int gives the same bits, whatever the
    number of threads.

tol : float, default=1e-4
    Improvement of the loss (of the validation score with early stopping) that
    counts as one. "lbfgs" stops where no component of the gradient is larger,
    or where an iteration lowers the loss by no more than 2.2e-9 of it.

n_iter_no_change : int or inf, default=10
    Epochs without such an improvement after which training stops. Where it is the
    loss that stops it, the weights are those between the two epochs in a row whose
    mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

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
    starting anew. "lbfgs" goes on from the weights alone. y needs the classes or the
    number of outputs that it had before. With `early_stopping` what was trained on is
    not validated on later, nor the other way round: the same samples are set aside
    again, also among other ones.

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
      1 where a value was missing and else 0 [Lipton2016]_. It learns from what is
      missing.
"""
)

#: Fitted attributes that mean the same in every estimator.
ATTRIBUTES = _entries(
    """
weights_ : dict of str to ndarray
    Weights of the network, which :func:`~sklstm.export.from_torch` takes back. Those of
    the recurrent layers are under the names and in the shapes of
    ``torch.nn.{torch}``: ``weight_ih_l0`` ({gates}H, F), ``weight_hh_l0``
    ({gates}H, H), ``bias_ih_l0`` ({gates}H,), ``bias_hh_l0`` ({gates}H,) and so on for
    each layer, which reads the H (of two directions 2 H) outputs of the one below,
    with the suffix ``_reverse`` for the direction that begins at the end; {order}
    {more} With ``missing="indicator"`` the lowest layer reads 2 F features: first the
    values, then the indicators. The head is ``head_weight`` (K, H), of two
    directions (K, 2 H), and ``head_bias`` (K,), with K the number of outputs, as in
    ``torch.nn.Linear``{head}. Copies, read-only.

n_features_in_ : int
    Features per step; for 2-D X the number of columns.

feature_names_in_ : ndarray of shape (n_features_in_,)
    Names of the features, where X has them.

n_iter_ : int
    Epochs of the last fit, with "lbfgs" iterations.

n_layers_ : int
    Layers with the input and the output.

t_ : int
    Samples seen in training, each epoch (with "lbfgs" each iteration) counted.

best_loss_ : float or None
    Lowest mean loss of an epoch; None with early stopping.

loss_curve_ : list of float
    Mean loss of each epoch, with "lbfgs" the loss after each iteration.

best_validation_score_ : float or None
    The best validation score of the last fit, that of the weights kept; where the fit
    went on from another one, perhaps that of the weights it began with. None without
    early stopping.
"""
)

#: Parameters and attributes of a task, in place of those above or besides.
CLASSIFIER = Task(
    introduction="""
Each sequence is read step by step by one or several recurrent layers; what they
know at its end, or on the whole way, goes through a linear head to class
probabilities. Sequences may have any lengths, each its own. Training minimises the
log loss.

A fitted network can also be fed a step at a time (:meth:`predict_step`) and give
its hidden states as features (:meth:`transform`).
""",
    head="",
    parameters=_entries(
        """
early_stopping : bool, default=False
    Whether to set a part of the samples aside, to stop when the score on them (see
    `validation_scores_`) no longer improves, and to keep the weights that scored
    best, of equal accuracy those of the lowest loss. Training also goes on while
    the loss on them falls by `tol`: accuracy may not move for long where a class is
    rare. The split is stratified, except for multilabel targets. With `groups`
    passed to :meth:`fit`, whole groups are set aside, without stratification. Not
    for "lbfgs".

class_weight : dict, "balanced" or None, default=None
    Weights of the classes; they multiply the sample weights. "balanced" gives every
    class the same total weight.
"""
    ),
    attributes=_entries(
        """
classes_ : ndarray of shape (n_classes,)
    The labels; for multilabel targets the numbers of the columns.

n_outputs_ : int
    Outputs of the head.

loss_ : float
    Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
    that of the weights.

validation_scores_ : list of float or None
    Accuracy on the validation part after each epoch, for multilabel targets minus
    the log loss, as the mean over the labels; NaN where a prediction was not finite.
    None without early stopping.

out_activation_ : str
    "softmax" for more than two classes, otherwise "logistic".
"""
    ),
    training="""
The head's bias starts at the class prior. Training is back-propagation through time
over minibatches of whole sequences; nothing is padded. The prediction for a sequence
does not depend, to the bit, on the sequences beside it. Where one minibatch holds all
samples, identical ones are merged and their weights added, which is the same loss.
""",
    examples="""
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from sklstm import {Estimator}
>>> from sklstm.datasets import load_japanese_vowels
>>> from sklstm.preprocessing import TimeDistributed
>>> X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
>>> X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
>>> model = make_pipeline(
...     TimeDistributed(StandardScaler()), {Estimator}(random_state=0)
... )
>>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
True
""",
)

REGRESSOR = Task(
    introduction="""
Each sequence is read step by step by one or several recurrent layers; what they
know at its end, or on the whole way, goes through a linear head to one or several
numbers. Sequences may have any lengths, each its own. Targets are standardised
inside and predictions come back in their units, so the scale of y does not matter
(with ``loss="poisson"`` targets stay as they are). Their centre and scale suit the
loss: outliers do not set them where it is robust (see Notes).

A fitted network can also be fed a step at a time (:meth:`predict_step`) and give
its hidden states as features (:meth:`transform`).
""",
    head=""", in float64 and in the units of y (those of its logarithm for
    "poisson"; with a list of quantiles those of the raw outputs, see Notes)""",
    parameters=_entries(
        """
loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, \
        default="squared_error"
    What is minimised, as the mean over samples and outputs. Names and links are
    those of :class:`sklearn.ensemble.HistGradientBoostingRegressor`:

    - "squared_error": half the squared difference; predictions are means;
    - "absolute_error": the absolute difference; predictions are medians, which a
      few outliers hardly move;
    - "huber": half the squared difference up to `huber_delta`, linear beyond
      [Huber1964]_;
    - "poisson": half the Poisson deviance with a logarithmic link, for counts and
      rates; predictions are means, always positive. y must be zero or more, with a
      sum above zero;
    - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of the
      levels `quantile`.

quantile : float or list of float, default=0.5
    Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
    network predicts several quantiles, which never cross, and predictions have a
    last axis for them in the order of the list.

huber_delta : float, default=1.0
    Where ``loss="huber"`` becomes linear, in robust standard deviations of y
    (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss`` for
    standardised targets.

early_stopping : bool, default=False
    Whether to set a part of the samples aside, to stop when neither the score on
    them (see `validation_scores_`) nor the loss improves, and to keep the weights
    that scored best. With `groups` passed to :meth:`fit`, whole groups are set
    aside. Not for "lbfgs".
"""
    ),
    attributes=_entries(
        """
n_outputs_ : int
    Outputs of the head: with a list of quantiles one for each of them and each
    target.

loss_ : float
    Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
    that of the weights, in units of the standardised target (of y for "poisson").

validation_scores_ : list of float or None
    R² on the validation part after each epoch, for all but "squared_error" minus
    the loss instead, and also, with a warning, where the targets of the validation
    part are constant; NaN where a prediction was not finite. None without early
    stopping.

out_activation_ : str
    The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
    of several quantiles, otherwise "identity".
"""
    ),
    training="""
Each column of y is standardised on its own, weights included: by mean and standard
deviation for "squared_error"; by median and interquartile range / 1.35, which is the
standard deviation of a normal distribution, for "absolute_error", "huber" and
"quantile", so that outliers do not set the scale. Where the interquartile range is
zero (a target that is 0 most of the time) a wider range takes its place: the first of
those without 1/8, 1/16 and 1/32 of the weight at each end that is not zero, else the
mean absolute deviation from the median, each divided by its value for a standard normal
distribution. The scale of a constant is 1.

The head's bias starts at the best constant: the mean of the target, its logarithm for
"poisson", the median for "absolute_error" and "huber", the quantiles for "quantile".
Training is back-propagation through time over minibatches of whole sequences; nothing
is padded. The prediction for a sequence does not depend, to the bit, on the sequences
beside it. Where one minibatch holds all samples, identical ones are merged and their
weights added, which is the same loss.

With a list of Q quantiles the raw outputs for each target are, in ascending order of
the levels, the quantile in the middle (number Q // 2, counted from 0) and the steps to
it or from it, of which the softplus is added upwards and subtracted downwards, in
units of the standardised target. So quantiles cannot cross. This is the incremental
quantile function of [Park2022]_, started from the middle instead of from the lowest
quantile, and with softplus instead of ReLU.
""",
    examples="""
>>> import numpy as np
>>> from sklstm import {Estimator}
>>> rng = np.random.default_rng(0)
>>> X = [rng.standard_normal((T, 1)) for T in rng.integers(5, 15, size=200)]
>>> y = [1000 * x.mean() for x in X]
>>> model = {Estimator}(16, learning_rate_init=0.005, random_state=0)
>>> model = model.fit(X[:150], y[:150])
>>> model.score(X[150:], y[150:]) > 0.9
True

A median and an interval that holds four fifths of the targets:

>>> model = {Estimator}(
...     16,
...     loss="quantile",
...     quantile=[0.5, 0.1, 0.9],
...     learning_rate_init=0.005,
...     random_state=0,
... ).fit(X[:150], y[:150])
>>> middle, low, high = model.predict(X[150:]).T
>>> bool((low <= middle).all() and (middle <= high).all())
True
""",
)

#: By author and year, as they are cited.
REFERENCES = _references(
    """
Cho2014
    K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
    Statistical Machine Translation", EMNLP 2014.
Elman1990
    J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
Gal2016
    Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout in
    Recurrent Neural Networks", NIPS 2016.
Gers2000
    F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
    Prediction with LSTM", Neural Computation 12(10), 2000.
Gers2000b
    F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count", IJCNN
    2000.
Graves2005
    A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
    Bidirectional LSTM and Other Neural Network Architectures", Neural Networks
    18, 2005.
Hochreiter1997
    S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation
    9(8), 1997.
Huber1964
    P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
    Mathematical Statistics 35(1), 1964.
Jozefowicz2015
    R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical Exploration of
    Recurrent Network Architectures", ICML 2015.
Kingma2015
    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR
    2015.
Koenker1978
    R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1), 1978.
Le2015
    Q. V. Le, N. Jaitly and G. E. Hinton, "A Simple Way to Initialize Recurrent
    Networks of Rectified Linear Units", arXiv:1504.00941, 2015.
Lipton2016
    Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in Clinical
    Time Series with RNNs", MLHC 2016.
Loshchilov2017
    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", ICLR 2017.
Loshchilov2019
    I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR
    2019.
Park2022
    Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang, "Learning
    Quantile Functions without Quantile Crossing for Distribution-free Time Series
    Forecasting", AISTATS 2022.
Pascanu2013
    R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent
    neural networks", ICML 2013.
Schuster1997
    M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural Networks", IEEE
    Transactions on Signal Processing 45(11), 1997.
Srivastava2014
    N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", Journal of Machine Learning Research 15, 2014.
Tallec2018
    C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?", ICLR
    2018.
Tieleman2012
    T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural Networks
    for Machine Learning, 2012.
Williams1990
    R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for On-Line
    Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
Zhou2016
    P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory Networks
    for Relation Classification", ACL 2016.
Zhu1997
    C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
    Transactions on Mathematical Software 23(4), 1997.
"""
)
