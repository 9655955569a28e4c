"""The public estimators, for editors and type checkers. Written by .ci/stubs."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .anomaly_detector import RecurrentDetector
from .classifier import RecurrentClassifier
from .conv_classifier import ClipClassifier
from .conv_forecaster import ClipForecaster
from .conv_regressor import ClipRegressor
from .forecaster import RecurrentForecaster
from .language_model import RecurrentLanguageModel
from .regressor import RecurrentRegressor
from .seq2seq import RecurrentSeq2Seq
from .step_regressor import RecurrentStepRegressor
from .tagger import RecurrentTagger
from .transcriber import RecurrentTranscriber

class ConvLSTMClassifier(ClipClassifier):
    """Classifier of clips of frames with a convolutional LSTM network [Shi2015]_.

    A clip is a sequence whose step is a frame: an image, a field of rain, a map of
    sensors. Each is read frame by frame by one or several layers whose hidden and cell
    states are images too: what a pixel knows it has from itself and from the pixels
    around it, one frame before. The mean or the maximum over all pixels, at the end or
    on the whole way, goes through a linear head to class probabilities. Clips may have
    any lengths, each its own. Training minimises the log loss.

    Parameters
    ----------
    hidden_channels : int or tuple of int, default=(32,)
        Channels of the hidden states of each layer, which are images of the height and
        the width of the frames, or of their patches (see `patch_size`), with
        ``bidirectional=True`` of each direction. Several layers are stacked: each reads
        the hidden states of the one below.

    kernel_size : int, default=3
        Pixels on a side of the square around a pixel that a convolution reads, of the
        frame or of the layer below and of the states before; outside of a frame there
        are zeros. It bounds how far things can move from a frame to the next: 3 is a
        pixel, or a patch, 5 is two. Stacked layers see further.

    patch_size : int or tuple of int, default=1
        Pixels on a side of the patches that frames are cut into: those of a patch are
        channels of one pixel then, which is less work and sees further. A tuple has one
        for each layer, which says how the hidden states of the layer below are cut: (1,
        2, 2) halves height and width twice. Their product has to divide both.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every frame and pixel to the layer above, after
        `pooling` to the head. The rest is divided by ``1 - dropout``; predictions drop
        nothing.

    forget_bias : float or "chrono", default=1.0
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the channels over memories of 1 to as many frames as the
        longest training clip has [Tallec2018]_.

    peephole : bool, default=False
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_. Each channel has its weights, the same
        ones at every pixel, so that frames may be of any size; [Shi2015]_ has others at
        each pixel.

    bidirectional : bool, default=False
        Whether each layer reads the clips in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H channels, one of which begins at each clip's
        own end. The layer above, or the head, gets both side by side: 2 H channels.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer, after `space_pooling`:

        - "last": the hidden state after the last frame, of each direction its own;
        - "mean", "max": the mean or maximum of each channel over the frames of the
          clip;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the frames, with w learnt [Zhou2016]_.

    space_pooling : {"mean", "max"}, default="mean"
        What is made of the pixels of a channel of the uppermost layer: their mean, how
        much there is of something, or their maximum, whether it is anywhere.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Clips in a minibatch, or windows of clips, at the most all of them. "auto" is 8,
        but up to 32 are not divided; fewer, where these need more than a gigabyte.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the clips.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 200 clips: as many as make 2500 updates, and 10 at
        the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the score on them (see
        `validation_scores_`) no longer improves, and to keep the weights that scored
        best, of equal accuracy those of the lowest loss. Training also goes on while
        the loss on them falls by `tol`: accuracy may not move for long where a class is
        rare. The split is stratified, except for multilabel targets. With `groups`
        passed to :meth:`fit`, whole groups are set aside, without stratification. Not
        for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill"}, default="error"
        What to do about missing pixels, which are the NaN in X:

        - "error": refuse them;
        - "ffill": take what the pixel had last before in the clip. Before the first,
          take the mean of the channel over all pixels of the fit; fits that continue
          keep the mean of the first.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Of X a minibatch is converted to it, and no more.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; they multiply the sample weights. "balanced" gives every
        class the same total weight.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network. A layer has ``weight_ih_l0`` (4 H, F, kernel height,
        kernel width), ``weight_hh_l0`` (4 H, H, kernel height, kernel width),
        ``bias_ih_l0`` and ``bias_hh_l0`` (4 H,), with the gates in the order input,
        forget, cell, output, as PyTorch has them: z = conv2d(x, weight_ih) +
        conv2d(h, weight_hh) + bias_ih + bias_hh with zeros around the frame. F are the
        channels of the layer below, those of X standardised, times the pixels of a
        patch. ``bias_hh_l0`` is zero. With ``peephole=True`` there is also
        ``peephole_l0`` (3 H,) of the input, forget and output gate. The next layer has
        ``l1`` in the place of ``l0``, the direction that begins at the end of a clip
        the suffix ``_reverse``. With ``pooling="attention"`` there is ``attention``,
        the vector w (H,) or (2 H,). The head is ``head_weight`` (K, H), of two
        directions (K, 2 H), and ``head_bias`` (K,), with K the number of outputs.
        Copies, read-only.

    n_features_in_ : int
        Channels of a frame.

    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
        that of the weights.

    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch, for multilabel targets minus
        the log loss, as the mean over the labels; NaN where a prediction was not
        finite. None without early stopping.

    out_activation_ : str
        "softmax" for more than two classes, otherwise "logistic".

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    ConvLSTMRegressor : The same network for numbers.
    ConvLSTMForecaster : Frames to come, for clips alone.
    LSTMClassifier : Labels of sequences whose steps are vectors.
    sklstm.inspection.FrameDisplay : Show frames of a clip.

    Notes
    -----
    The cell is the one of [Shi2015]_ with the peepholes optional, and one weight for
    each channel there; zeros stand around the frames. Channels are standardised by the
    mean and standard deviation of all pixels of the fit, so that X need not be scaled.
    Input weights start Glorot-uniform over all taps of a kernel, those of the states
    orthogonal, the forget bias at `forget_bias`, peepholes at zero.

    Frames of a call have one height and width. They may be others than in the fit: the
    weights are those of a neighbourhood of pixels, wherever it is.

    The head's bias starts at the class prior.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Shi2015] X. Shi, Z. Chen, H. Wang, D.-Y. Yeung, W.-K. Wong and W.-C. Woo,
       "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
       Nowcasting", NIPS 2015.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.

    Examples
    --------
    Does the bar move to the left or to the right? No frame alone could tell.

    >>> import numpy as np
    >>> from sklstm import ConvLSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> def clip(direction):
    ...     at = rng.integers(8) + direction * np.arange(5)
    ...     frames = rng.normal(0, 0.1, (5, 8, 8))
    ...     frames[np.arange(5), :, at % 8] += 1
    ...     return frames
    >>> y = rng.choice([-1, 1], 80)
    >>> X = np.array([clip(direction) for direction in y])
    >>> model = ConvLSTMClassifier(8, max_iter=30, random_state=0)
    >>> model.fit(X[:60], y[:60]).score(X[60:], y[60:]) > 0.9
    True
    """

    hidden_channels: int | Sequence[int]
    kernel_size: int
    patch_size: int | Sequence[int]
    dropout: float
    forget_bias: float | Literal["chrono"]
    peephole: bool
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    space_pooling: Literal["mean", "max"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    class_weight: dict | list[dict] | Literal["balanced"] | None
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    classes_: np.ndarray
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_channels: int | Sequence[int] = (32,),
        *,
        kernel_size: int = 3,
        patch_size: int | Sequence[int] = 1,
        dropout: float = 0.0,
        forget_bias: float | Literal["chrono"] = 1.0,
        peephole: bool = False,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        space_pooling: Literal["mean", "max"] = "mean",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
    ) -> None: ...

class ConvLSTMForecaster(ClipForecaster):
    """Forecasts of the next frames of clips with convolutional LSTM layers.

    Convolutional LSTM layers [Shi2015]_ read the frames of a clip; as many layers,
    which begin with the states that those have ended with, make the frames that follow.
    The fit is on the clips themselves: on windows of them, contexts that end at any
    frame and the horizon behind. Nothing is remembered of the clips of the fit:
    :meth:`predict` forecasts what comes after the end of those it is given, whose
    height and width may be others.

    Parameters
    ----------
    hidden_channels : int or tuple of int, default=(32, 32)
        Channels of the states of each layer: images of the height and the width of the
        frames, or of their patches (see `patch_size`). Several layers are stacked: each
        reads the hidden states of the one below.

    kernel_size : int, default=3
        Pixels on a side of the square around a pixel that a convolution reads, of the
        frame or of the layer below and of the states before; outside of a frame there
        are zeros. It bounds how far things can move from a frame to the next: 3 is a
        pixel, or a patch, 5 is two. Stacked layers see further.

    patch_size : int, default=1
        Pixels on a side of the patches that frames are cut into [Shi2015]_: the p x p
        pixels of a patch are one pixel of p * p times as many channels. States are then
        so much smaller, and a layer takes about ``1 / p**2`` of the time and of the
        memory. Height and width have to be multiples of it.

    dropout : float, default=0.0
        Share of what each layer hands on to the next, or to the head, that is set to
        zero in training [Srivastava2014]_: at random for every frame and pixel. The
        rest is divided by ``1 - dropout``; predictions drop nothing.

    forget_bias : float or "chrono", default=1.0
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the channels over memories of 1 to as many frames as the
        longest training clip has [Tallec2018]_.

    peephole : bool, default=False
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_. Each channel has its weights, the same
        ones at every pixel, so that frames may be of any size; [Shi2015]_ has others at
        each pixel.

    horizon : int, default=10
        How many frames ahead: those behind the end of a clip, or of a context.

    loss : {"squared_error", "absolute_error", "binary_cross_entropy"}, default="squared_error"
        What is minimised, as the mean over the pixels and channels of the horizon that
        have a number, and over the windows:

        - "squared_error": half the squared difference, in units of the channel (see
          Notes); forecasts are means;
        - "absolute_error": the absolute difference, in these units; forecasts are
          medians, which are sharper than means, and dry where rain is less likely than
          none;
        - "binary_cross_entropy": for frames from 0 to 1, of which forecasts are
          probabilities [Shi2015]_. Frames of other values are refused.

    context_length : int or None, default=None
        Frames of a clip, the last ones, that a forecast is made of; None for all of
        them. The time and the memory of a minibatch grow with it: for clips of hundreds
        of frames set it to some horizons.

    windows_per_epoch : int or "auto" or None, default="auto"
        Windows of an epoch, drawn anew for each: from every clip about as many, spread
        over its time. "auto" is 512. None is all of them, and so is a number that there
        are not. A window is a context that ends at any frame of a clip, and the horizon
        behind it.

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are. With "lbfgs" iterations.
        "auto" is 100, but with "cosine" fewer: as many as make 2500 updates, or as see
        each frame of the clips 20 times in a horizon, and 10 at the least.

    early_stopping : bool, default=False
        Whether to hold the last part of each clip out, to stop when neither the score
        on it (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. Where no clip is long enough for that, whole clips are held
        out. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part of each clip, its last frames, that is held out with `early_stopping`,
        and at least a horizon; where no clip has a window before that, the part of the
        clips. With `X_val` passed to :meth:`fit` it is the last horizon of those.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Clips in a minibatch, or windows of clips, at the most all of them. "auto" is 8,
        but up to 32 are not divided; fewer, where these need more than a gigabyte.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Of X a minibatch is converted to it, and no more.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Of each layer k, of the encoder first and then of the forecaster, in the manner
        of ``torch.nn.LSTM`` and ``torch.nn.Conv2d``: ``weight_ih_l0`` (4 H, F,
        kernel_size, kernel_size), ``weight_hh_l0`` (4 H, H, kernel_size, kernel_size),
        ``bias_ih_l0`` (4 H,), ``bias_hh_l0``, which is zero, and with peepholes
        ``peephole_l0`` (3 H,); gates in the order input, forget, cell, output. The
        lowest layer reads standardised patches, and the lowest of the forecaster
        nothing. The head ``head_weight`` (K, sum of the hidden channels) reads the
        layers of the forecaster side by side, its K = patch_size**2 * channels outputs
        and ``head_bias`` (K,) are in units of X, those of "binary_cross_entropy"
        log-odds. Copies, read-only.

    loss_ : float
        Mean loss of the last epoch over the windows.

    validation_scores_ : list of float or None
        Minus the loss on what is held out, after each epoch. None without early
        stopping.

    out_activation_ : str
        The inverse of the link: "logistic" for "binary_cross_entropy", else "identity".

    n_features_in_ : int
        Channels of a frame.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMForecaster : Forecasts of series of numbers.
    sklstm.inspection.FrameDisplay : Show forecasts below what has come.

    Notes
    -----
    Each channel is standardised inside, by the mean and standard deviation of its
    pixels in all frames of the fit, and forecasts are in units of X: nothing has to be
    scaled before or after. Of X, which may be bytes in files (`numpy.memmap`), only
    the frames of a minibatch are converted, and it is never copied as a whole.

    A missing pixel is NaN. As an input it is what the pixel was last before in the
    clip, or the mean of its channel where it was not seen before; as a target it has no
    loss.

    A clip of more frames than the horizon is cut at every frame behind which there is a
    whole horizon. One of fewer, beside longer ones, is cut in its second half, and the
    frames that its horizon has not have no loss.

    The weights start Glorot-uniform over all taps of a kernel, those of the states
    orthogonal, the forget bias at `forget_bias`, peepholes at zero.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Shi2015] X. Shi, Z. Chen, H. Wang, D.-Y. Yeung, W.-K. Wong and W.-C. Woo,
       "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
       Nowcasting", NIPS 2015.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.

    Examples
    --------
    A dot that moves to the right, and comes back from the left:

    >>> import numpy as np
    >>> from sklstm import ConvLSTMForecaster
    >>> X = np.zeros((8, 8, 8, 8))
    >>> for i, clip in enumerate(X):
    ...     for t, frame in enumerate(clip):
    ...         frame[i, (i + t) % 8] = 1
    >>> model = ConvLSTMForecaster(
    ...     8, horizon=2, learning_rate_init=0.02, max_iter=10, random_state=0
    ... ).fit(X)
    >>> model.predict(X).shape
    (8, 2, 8, 8)
    >>> model.score(X) > 0.5
    True

    As frames come in:

    >>> state = model.initial_state(1, 8, 8)
    >>> for frame in X[0]:
    ...     forecast, state = model.predict_step(frame, state)
    >>> bool((forecast == model.predict(X[:1])).all())
    True
    """

    hidden_channels: int | Sequence[int]
    kernel_size: int
    patch_size: int
    dropout: float
    forget_bias: float | Literal["chrono"]
    peephole: bool
    horizon: int
    loss: Literal["squared_error", "absolute_error", "binary_cross_entropy"]
    context_length: int | None
    windows_per_epoch: int | Literal["auto"] | None
    max_iter: int | Literal["auto"]
    early_stopping: bool
    validation_fraction: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    warm_start: bool
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    weights_: dict[str, np.ndarray]
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_channels: int | Sequence[int] = (32, 32),
        *,
        kernel_size: int = 3,
        patch_size: int = 1,
        dropout: float = 0.0,
        forget_bias: float | Literal["chrono"] = 1.0,
        peephole: bool = False,
        horizon: int = 10,
        loss: Literal["squared_error", "absolute_error", "binary_cross_entropy"] = "squared_error",
        context_length: int | None = None,
        windows_per_epoch: int | Literal["auto"] | None = "auto",
        max_iter: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        warm_start: bool = False,
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class ConvLSTMRegressor(ClipRegressor):
    """Regressor on clips of frames with a convolutional LSTM network [Shi2015]_.

    A clip is a sequence whose step is a frame: an image, a field of rain, a map of
    sensors. Each is read frame by frame by one or several layers whose hidden and cell
    states are images too: what a pixel knows it has from itself and from the pixels
    around it, one frame before. The mean or the maximum over all pixels, at the end or
    on the whole way, goes through a linear head to one or several numbers. Clips may
    have any lengths, each its own. Targets are standardised inside and predictions come
    back in their units, so the scale of y does not matter (with ``loss="poisson"``
    targets stay as they are).

    Parameters
    ----------
    hidden_channels : int or tuple of int, default=(32,)
        Channels of the hidden states of each layer, which are images of the height and
        the width of the frames, or of their patches (see `patch_size`), with
        ``bidirectional=True`` of each direction. Several layers are stacked: each reads
        the hidden states of the one below.

    kernel_size : int, default=3
        Pixels on a side of the square around a pixel that a convolution reads, of the
        frame or of the layer below and of the states before; outside of a frame there
        are zeros. It bounds how far things can move from a frame to the next: 3 is a
        pixel, or a patch, 5 is two. Stacked layers see further.

    patch_size : int or tuple of int, default=1
        Pixels on a side of the patches that frames are cut into: those of a patch are
        channels of one pixel then, which is less work and sees further. A tuple has one
        for each layer, which says how the hidden states of the layer below are cut: (1,
        2, 2) halves height and width twice. Their product has to divide both.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every frame and pixel to the layer above, after
        `pooling` to the head. The rest is divided by ``1 - dropout``; predictions drop
        nothing.

    forget_bias : float or "chrono", default=1.0
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the channels over memories of 1 to as many frames as the
        longest training clip has [Tallec2018]_.

    peephole : bool, default=False
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_. Each channel has its weights, the same
        ones at every pixel, so that frames may be of any size; [Shi2015]_ has others at
        each pixel.

    bidirectional : bool, default=False
        Whether each layer reads the clips in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H channels, one of which begins at each clip's
        own end. The layer above, or the head, gets both side by side: 2 H channels.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer, after `space_pooling`:

        - "last": the hidden state after the last frame, of each direction its own;
        - "mean", "max": the mean or maximum of each channel over the frames of the
          clip;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the frames, with w learnt [Zhou2016]_.

    space_pooling : {"mean", "max"}, default="mean"
        What is made of the pixels of a channel of the uppermost layer: their mean, how
        much there is of something, or their maximum, whether it is anywhere.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="squared_error"
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
        - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of
          the levels `quantile`.

    quantile : float or list of float, default=0.5
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Clips in a minibatch, or windows of clips, at the most all of them. "auto" is 8,
        but up to 32 are not divided; fewer, where these need more than a gigabyte.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the clips.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 200 clips: as many as make 2500 updates, and 10 at
        the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill"}, default="error"
        What to do about missing pixels, which are the NaN in X:

        - "error": refuse them;
        - "ffill": take what the pixel had last before in the clip. Before the first,
          take the mean of the channel over all pixels of the fit; fits that continue
          keep the mean of the first.

    dtype : {"float32", "float64"}, default="float32"
        Precision of the network. Of X a minibatch is converted to it, and no more.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        What belongs to the head is in float64 and in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

        Weights of the network. A layer has ``weight_ih_l0`` (4 H, F, kernel height,
        kernel width), ``weight_hh_l0`` (4 H, H, kernel height, kernel width),
        ``bias_ih_l0`` and ``bias_hh_l0`` (4 H,), with the gates in the order input,
        forget, cell, output, as PyTorch has them: z = conv2d(x, weight_ih) +
        conv2d(h, weight_hh) + bias_ih + bias_hh with zeros around the frame. F are the
        channels of the layer below, those of X standardised, times the pixels of a
        patch. ``bias_hh_l0`` is zero. With ``peephole=True`` there is also
        ``peephole_l0`` (3 H,) of the input, forget and output gate. The next layer has
        ``l1`` in the place of ``l0``, the direction that begins at the end of a clip
        the suffix ``_reverse``. With ``pooling="attention"`` there is ``attention``,
        the vector w (H,) or (2 H,). The head is ``head_weight`` (K, H), of two
        directions (K, 2 H), and ``head_bias`` (K,), with K the number of outputs.
        Copies, read-only.

    n_features_in_ : int
        Channels of a frame.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    ConvLSTMClassifier : The same network for labels.
    ConvLSTMForecaster : Frames to come, for clips alone.
    LSTMRegressor : Numbers for sequences whose steps are vectors.
    sklstm.inspection.FrameDisplay : Show frames of a clip.

    Notes
    -----
    The cell is the one of [Shi2015]_ with the peepholes optional, and one weight for
    each channel there; zeros stand around the frames. Channels are standardised by the
    mean and standard deviation of all pixels of the fit, so that X need not be scaled.
    Input weights start Glorot-uniform over all taps of a kernel, those of the states
    orthogonal, the forget bias at `forget_bias`, peepholes at zero.

    Frames of a call have one height and width. They may be others than in the fit: the
    weights are those of a neighbourhood of pixels, wherever it is.

    Each column of y is standardised on its own, weights included: by mean and standard
    deviation for "squared_error"; by median and interquartile range / 1.35, which is
    the standard deviation of a normal distribution, for "absolute_error", "huber" and
    "quantile", so that outliers do not set the scale. Where the interquartile range is
    zero (a target that is 0 most of the time) a wider range takes its place: the first
    of those without 1/8, 1/16 and 1/32 of the weight at each end that is not zero, else
    the mean absolute deviation from the median, each divided by its value for a
    standard normal distribution. The scale of a constant is 1.

    The head's bias starts at the best constant: the mean of the target, its logarithm
    for "poisson", the median for "absolute_error" and "huber", the quantiles for
    "quantile".

    With a list of Q quantiles the raw outputs for each target are, in ascending order
    of the levels, the quantile in the middle (number Q // 2, counted from 0) and the
    steps to it or from it, of which the softplus is added upwards and subtracted
    downwards, in units of the standardised target. So quantiles cannot cross. This is
    the incremental quantile function of [Park2022]_, started from the middle instead of
    from the lowest quantile, and with softplus instead of ReLU.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Shi2015] X. Shi, Z. Chen, H. Wang, D.-Y. Yeung, W.-K. Wong and W.-C. Woo,
       "Convolutional LSTM Network: A Machine Learning Approach for Precipitation
       Nowcasting", NIPS 2015.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Huber1964] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
       Mathematical Statistics 35(1), 1964.
    .. [Koenker1978] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1),
       1978.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Park2022] Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang,
       "Learning Quantile Functions without Quantile Crossing for Distribution-free Time
       Series Forecasting", AISTATS 2022.

    Examples
    --------
    How fast does the bar move?

    >>> import numpy as np
    >>> from sklstm import ConvLSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> def clip(speed):
    ...     at = rng.integers(8) + np.rint(speed * np.arange(5)).astype(int)
    ...     frames = rng.normal(0, 0.1, (5, 8, 8))
    ...     frames[np.arange(5), :, at % 8] += 1
    ...     return frames
    >>> y = rng.uniform(-2, 2, 100)
    >>> X = np.array([clip(speed) for speed in y])
    >>> model = ConvLSTMRegressor(8, max_iter=40, random_state=0)
    >>> model.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.5
    True
    """

    hidden_channels: int | Sequence[int]
    kernel_size: int
    patch_size: int | Sequence[int]
    dropout: float
    forget_bias: float | Literal["chrono"]
    peephole: bool
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    space_pooling: Literal["mean", "max"]
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
    quantile: float | Sequence[float]
    huber_delta: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_channels: int | Sequence[int] = (32,),
        *,
        kernel_size: int = 3,
        patch_size: int | Sequence[int] = 1,
        dropout: float = 0.0,
        forget_bias: float | Literal["chrono"] = 1.0,
        peephole: bool = False,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        space_pooling: Literal["mean", "max"] = "mean",
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float = 1.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class GRUClassifier(RecurrentClassifier):
    """Classifier of sequences with gated recurrent units [Cho2014]_.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to class
    probabilities. Sequences may have any lengths, each its own. Training minimises the
    log loss.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    forget_bias : float or "chrono", default=0.0
        Where the bias of the update gate starts, which says how much of its state a
        unit keeps. "chrono" spreads the units over memories of 1 to as many steps as
        the longest training sequence has [Tallec2018]_, for dependencies over hundreds
        of steps.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

    tbptt : int or None, default=None
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the score on them (see
        `validation_scores_`) no longer improves, and to keep the weights that scored
        best, of equal accuracy those of the lowest loss. Training also goes on while
        the loss on them falls by `tol`: accuracy may not move for long where a class is
        rare. The split is stratified, except for multilabel targets. With `groups`
        passed to :meth:`fit`, whole groups are set aside, without stratification. Not
        for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; they multiply the sample weights. "balanced" gives every
        class the same total weight.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.GRU`` with its
        G = 3 gates in the order reset, update, new. The single bias of the first two is
        in ``bias_ih``; ``bias_hh`` is zero but for the last.

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
        that of the weights.

    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch, for multilabel targets minus
        the log loss, as the mean over the labels; NaN where a prediction was not
        finite. None without early stopping.

    out_activation_ : str
        "softmax" for more than two classes, otherwise "logistic".

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    GRURegressor : The same network for numbers.
    LSTMClassifier : Long short-term memory.
    RNNClassifier : The plain recurrent network.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    The form of the unit is that of PyTorch, cuDNN and Keras, in which the reset gate
    acts on the product with the recurrent weights and not on what is multiplied with
    them. Input weights start Glorot-uniform, recurrent weights orthogonal for each
    gate, biases at zero except that of the update gate.

    The head's bias starts at the class prior.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm import GRUClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.preprocessing import TimeDistributed
    >>> X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    >>> model = make_pipeline(
    ...     TimeDistributed(StandardScaler()), GRUClassifier(random_state=0)
    ... )
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    forget_bias: float | Literal["chrono"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    tbptt: int | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    class_weight: dict | list[dict] | Literal["balanced"] | None
    weights_: dict[str, np.ndarray]
    classes_: np.ndarray
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        forget_bias: float | Literal["chrono"] = 0.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        tbptt: int | None = None,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
    ) -> None: ...

class GRURegressor(RecurrentRegressor):
    """Regressor on sequences with gated recurrent units [Cho2014]_.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to one or several
    numbers. Sequences may have any lengths, each its own. Targets are standardised
    inside and predictions come back in their units, so the scale of y does not matter
    (with ``loss="poisson"`` targets stay as they are). Their centre and scale suit the
    loss: outliers do not set them where it is robust (see Notes).

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    forget_bias : float or "chrono", default=0.0
        Where the bias of the update gate starts, which says how much of its state a
        unit keeps. "chrono" spreads the units over memories of 1 to as many steps as
        the longest training sequence has [Tallec2018]_, for dependencies over hundreds
        of steps.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="squared_error"
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
        - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of
          the levels `quantile`.

    quantile : float or list of float, default=0.5
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

    tbptt : int or None, default=None
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.GRU`` with its
        G = 3 gates in the order reset, update, new. The single bias of the first two is
        in ``bias_ih``; ``bias_hh`` is zero but for the last.

        What belongs to the head is in float64 and in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    GRUClassifier : The same network for labels.
    LSTMRegressor : Long short-term memory.
    RNNRegressor : The plain recurrent network.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    The form of the unit is that of PyTorch, cuDNN and Keras, in which the reset gate
    acts on the product with the recurrent weights and not on what is multiplied with
    them. Input weights start Glorot-uniform, recurrent weights orthogonal for each
    gate, biases at zero except that of the update gate.

    Each column of y is standardised on its own, weights included: by mean and standard
    deviation for "squared_error"; by median and interquartile range / 1.35, which is
    the standard deviation of a normal distribution, for "absolute_error", "huber" and
    "quantile", so that outliers do not set the scale. Where the interquartile range is
    zero (a target that is 0 most of the time) a wider range takes its place: the first
    of those without 1/8, 1/16 and 1/32 of the weight at each end that is not zero, else
    the mean absolute deviation from the median, each divided by its value for a
    standard normal distribution. The scale of a constant is 1.

    The head's bias starts at the best constant: the mean of the target, its logarithm
    for "poisson", the median for "absolute_error" and "huber", the quantiles for
    "quantile".

    With a list of Q quantiles the raw outputs for each target are, in ascending order
    of the levels, the quantile in the middle (number Q // 2, counted from 0) and the
    steps to it or from it, of which the softplus is added upwards and subtracted
    downwards, in units of the standardised target. So quantiles cannot cross. This is
    the incremental quantile function of [Park2022]_, started from the middle instead of
    from the lowest quantile, and with softplus instead of ReLU.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Huber1964] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
       Mathematical Statistics 35(1), 1964.
    .. [Koenker1978] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1),
       1978.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Park2022] Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang,
       "Learning Quantile Functions without Quantile Crossing for Distribution-free Time
       Series Forecasting", AISTATS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import GRURegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(5, 15, size=200)]
    >>> y = [1000 * x.mean() for x in X]
    >>> model = GRURegressor(16, learning_rate_init=0.005, random_state=0)
    >>> model = model.fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True

    A median and an interval that holds four fifths of the targets:

    >>> model = GRURegressor(
    ...     16,
    ...     loss="quantile",
    ...     quantile=[0.5, 0.1, 0.9],
    ...     learning_rate_init=0.005,
    ...     random_state=0,
    ... ).fit(X[:150], y[:150])
    >>> middle, low, high = model.predict(X[150:]).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    forget_bias: float | Literal["chrono"]
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
    quantile: float | Sequence[float]
    huber_delta: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    tbptt: int | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    weights_: dict[str, np.ndarray]
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        forget_bias: float | Literal["chrono"] = 0.0,
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float = 1.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        tbptt: int | None = None,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class LSTMAnomalyDetector(RecurrentDetector):
    """Anomalies in sequences, by the errors of a recurrent network.

    The network reads features in robust units of their own (median, interquartile range
    / 1.35), so that X need not be scaled, and learns to predict the next steps, or to
    reconstruct the last ones, of sequences that are normal. How large its errors
    usually are it finds on a part of X that it was not trained on
    (`validation_fraction`), and so where the scores of normal sequences end.

    Scores have scikit-learn's sign: higher is more normal. That of a step is minus the
    squared Mahalanobis distance of its errors by component, so about -1 where it is
    normal, and a function of the steps of its own sequence up to there: not of later
    ones, of other sequences or of the number of threads.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer. Several layers are stacked: each reads the hidden
        states of the one below. With ``method="reconstruction"`` the encoder has these
        layers, and the decoder the same in the other order.

    dropout : float, default=0.0
        Share of what each layer hands on to the next, or to the head, that is set to
        zero in training [Srivastava2014]_: at random for every step. The rest is
        divided by ``1 - dropout``; scores drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights, not the biases. For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the windows of the minibatch times the mean weight of all (with
        "lbfgs" by the weight of all).

    batch_size : int or "auto", default="auto"
        Windows in a minibatch, at the most all of them. "auto" is a sixteenth of them,
        but 8 to 32; up to 32 windows are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to stop when the loss on what is held out no longer improves, and to
        keep the weights of the lowest. Not for "lbfgs".

    validation_fraction : float, default=0.2
        The part of X that is not trained on, where the distribution of the errors and
        the thresholds come from, and the score of `early_stopping`. These are whole
        sequences (with `groups` whole groups) where that makes two at the least, and
        else the ends of all sequences. `X_val` takes its place.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    method : {"prediction", "reconstruction"}, default="prediction"
        What the network has to do with a sequence, at whose errors the scores look:

        - "prediction": predict the next steps from those so far [Malhotra2015]_. A
          score needs one step before it, and no more work than a step of the network;
        - "reconstruction": give back the window of steps that ends with the one that is
          scored, through the last state of an encoder, which a decoder reads
          [Malhotra2016]_. Each score takes two passes over a window.

    window : int or "auto", default="auto"
        Steps of a window. For "prediction" training cuts longer sequences into parts of
        so many steps, and scores know all steps so far whatever it is. For
        "reconstruction" it is what is given back, and the first ``window - 1`` steps of
        a sequence have no score. "auto" is 100, for "reconstruction" no more than the
        shortest sequence of 10 steps or more has.

    n_ahead : int, default=1
        How many of the next steps "prediction" predicts at each. A step then has as
        many errors as there were predictions of it.

    covariance : {"full", "diagonal"}, default="full"
        Which errors are normal: "full" knows how those of features, and those of
        predictions from further back, go together; "diagonal" takes each for itself.

    aggregate : {"mean", "worst"}, default="mean"
        The score of a sequence: the mean over its steps, or that of its most unusual
        one.

    contamination : "auto" or float, default="auto"
        The share of what is held out that is flagged, of its sequences and of its
        steps, which places `offset_` and `step_offset_`. "auto" flags one in a hundred
        of the sequences and one in a thousand of the steps; where less than half a
        sequence or step would be left, it goes by a normal distribution of the cube
        roots [Wilson1931]_ of the distances, with their median and interquartile range.

    Attributes
    ----------
    offset_ : float
        Threshold of :meth:`score_samples`: ``decision_function = score_samples -
        offset_``, and a sequence below is an outlier. It may be set to another.

    step_offset_ : float
        Threshold of :meth:`score_steps`. It may be set to another.

    window_ : int
        Steps of a window.

    weights_ : dict of str to ndarray
        Here the lowest layer reads standardised features, and the head is in units of
        X. The layers of a decoder come behind those of the encoder.

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    out_activation_ : str
        "identity".

    loss_ : float
        Mean loss of the last epoch: Huber's, of standardised features.

    validation_scores_ : list of float or None
        Minus the loss on what is held out after each epoch; None without early
        stopping.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMStepRegressor : Numbers for every step.
    sklstm.inspection.AnomalyDisplay : Show a sequence, its scores and the threshold.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Sequences of X should be normal, of any lengths; a few outliers among them move
    neither units nor thresholds by much.

    Of the first step there is nothing to say, nor of the first ``window - 1`` with
    ``method="reconstruction"``: their scores are NaN, and :meth:`predict_steps` has 1
    there. A missing value has no error; the others of its step have.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Malhotra2015] P. Malhotra, L. Vig, G. Shroff and P. Agarwal, "Long Short Term Memory
       Networks for Anomaly Detection in Time Series", ESANN 2015.
    .. [Malhotra2016] P. Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor
       Anomaly Detection", ICML 2016 Anomaly Detection Workshop, arXiv:1607.00148.
    .. [Wilson1931] E. B. Wilson and M. M. Hilferty, "The Distribution of Chi-Square",
       Proceedings of the National Academy of Sciences 17(12), 1931.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> def machine(n_steps):
    ...     wave = np.sin(np.arange(n_steps) / 3 + rng.uniform(0, 6))
    ...     return (wave + rng.normal(0, 0.05, n_steps))[:, np.newaxis]
    >>> X = [machine(rng.integers(60, 120)) for _ in range(40)]
    >>> model = LSTMAnomalyDetector(16, random_state=0).fit(X)
    >>> broken = machine(100)
    >>> broken[70:] = broken[70]
    >>> model.predict([machine(100), broken]).tolist()
    [1, -1]
    >>> bool(np.nanargmin(model.score_steps([broken])[0]) >= 70)
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    dropout: float
    recurrent_dropout: float
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    method: Literal["prediction", "reconstruction"]
    window: int | Literal["auto"]
    n_ahead: int
    covariance: Literal["full", "diagonal"]
    aggregate: Literal["mean", "worst"]
    contamination: Literal["auto"] | float
    offset_: float
    step_offset_: float
    window_: int
    weights_: dict[str, np.ndarray]
    out_activation_: str
    loss_: float
    validation_scores_: list[float] | None
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        method: Literal["prediction", "reconstruction"] = "prediction",
        window: int | Literal["auto"] = "auto",
        n_ahead: int = 1,
        covariance: Literal["full", "diagonal"] = "full",
        aggregate: Literal["mean", "worst"] = "mean",
        contamination: Literal["auto"] | float = "auto",
    ) -> None: ...

class LSTMClassifier(RecurrentClassifier):
    """Classifier of sequences with an LSTM network [Hochreiter1997]_, [Gers2000]_.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to class
    probabilities. Sequences may have any lengths, each its own. Training minimises the
    log loss.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    forget_bias : float or "chrono", default=1.0
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the units over memories of 1 to as many steps as the longest
        training sequence has [Tallec2018]_, for dependencies over hundreds of steps.

    peephole : bool, default=False
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

    tbptt : int or None, default=None
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the score on them (see
        `validation_scores_`) no longer improves, and to keep the weights that scored
        best, of equal accuracy those of the lowest loss. Training also goes on while
        the loss on them falls by `tol`: accuracy may not move for long where a class is
        rare. The split is stratified, except for multilabel targets. With `groups`
        passed to :meth:`fit`, whole groups are set aside, without stratification. Not
        for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; they multiply the sample weights. "balanced" gives every
        class the same total weight.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.LSTM`` with its
        G = 4 gates in the order input, forget, cell, output. The single bias of a gate
        is in ``bias_ih``, ``bias_hh`` is zero. With ``peephole=True`` there is also
        ``peephole_l0`` (3 H,) of the input, forget and output gate.

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
        that of the weights.

    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch, for multilabel targets minus
        the log loss, as the mean over the labels; NaN where a prediction was not
        finite. None without early stopping.

    out_activation_ : str
        "softmax" for more than two classes, otherwise "logistic".

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMRegressor : The same network for numbers.
    GRUClassifier : Gated recurrent units, three quarters of an LSTM's weights.
    RNNClassifier : The plain recurrent network.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Input weights start Glorot-uniform, recurrent weights orthogonal for each gate, the
    forget bias at `forget_bias`, peepholes at zero.

    The head's bias starts at the class prior.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.

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

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    forget_bias: float | Literal["chrono"]
    peephole: bool
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    tbptt: int | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    class_weight: dict | list[dict] | Literal["balanced"] | None
    weights_: dict[str, np.ndarray]
    classes_: np.ndarray
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        forget_bias: float | Literal["chrono"] = 1.0,
        peephole: bool = False,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        tbptt: int | None = None,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
    ) -> None: ...

class LSTMForecaster(RecurrentForecaster):
    """Forecasts of many series with one recurrent network.

    The network reads what is known of a series, its context, and then the steps of the
    horizon, at which the target is absent and the features known ahead are there: one
    pass gives the forecasts of all of them. It is trained on contexts that end anywhere
    in the series. It has no memory of the series of the fit: :meth:`predict` forecasts
    what comes after the end of the series that it is given.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : list of these or None, default=None
        Columns of X that are ids, such as those of shops or of weekdays, where others
        are numbers: their indices, their names or a mask. The network reads their rows
        side by side, and behind them the numbers. At the steps of the horizon a column
        that is not known ahead has row 0.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    horizon : int, default=1
        How many steps ahead: those behind the end of a series, or of a context.

    target : int or str or list of these, default=0
        What is forecast: a column of X by its index or its name, or a list of columns.
        NaN in them is a value that is not known: it has no loss.

    future_features : list of these or None, default=None
        Columns of X that are known ahead, such as the calendar, holidays or prices. The
        network sees them at the steps of the horizon, and :meth:`predict` is given them
        as `X_future`. All others are known up to the end of the context only.

    static_features : list of these or None, default=None
        Columns of X that do not change in a series: their last value holds for the
        horizon too, without `X_future`.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="absolute_error"
        What is minimised, as the mean over the steps of the horizon, the targets and
        the windows, in units of the window (see `scale`). The losses are those of
        :class:`LSTMRegressor`: "absolute_error" forecasts medians, "squared_error"
        means. With `quantile` it is the pinball loss, whatever this is. "poisson" needs
        ``scale="mean"`` or None and no `seasonal_lag`.

    quantile : float or list of float or None, default=None
        Level of a quantile to forecast, between 0 and 1, or a list of levels: then
        forecasts have a last axis for them, in the order of the list, along which they
        never cross. None forecasts one number, as `loss` says.

    scale : {"mean", "std", "last"} or None, default="std"
        Units in which the network sees the targets of a window, taken of its context
        alone, so that small and large series are alike. It is told beside how large the
        values are in these units. Forecasts come back in the units of X.

        - "mean": divided by the mean of the absolute values [Salinas2020]_;
        - "std": standardised by mean and standard deviation;
        - "last": the difference from the last value, divided by the mean absolute
          difference of a value from the one before;
        - None: no units of its own. As a feature it is standardised by the mean and
          standard deviation of all steps of the fit. For one long series, whose level
          tells.

    seasonal_lag : int or None, default=None
        Steps of a season, 12 for months of years. The network then sees at each step
        also the value one season before, and forecasts the difference from the last
        value of the same season, which is the seasonal naive forecast.

    context_length : int or "auto" or None, default="auto"
        Steps of a series, the last ones, that a forecast is made of; None for all of
        the past. "auto" is three seasons where there is a `seasonal_lag`, but at least
        a horizon, else three horizons, but at least 64 steps.

    windows_per_epoch : int or "auto" or None, default="auto"
        Windows of an epoch, drawn anew for each: from every series about as many,
        spread over its time. "auto" is 512, but at least one of each series. None is
        all of them, and so is a number that there are not. A window is a context that
        ends anywhere in a series, and the horizon behind it.

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are. With "lbfgs" iterations.
        "auto" is 100, but with "cosine" fewer: as many as make 2500 updates, or as see
        each step of the series 20 times in a horizon, and 10 at the least. Windows of
        a long series overlap, and more epochs learn it by heart.

    early_stopping : bool, default=False
        Whether to hold the last part of each series out, to stop when neither the score
        on it (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part of each series, its last steps, that is held out with `early_stopping`,
        and at least a horizon; of a series that is too short nothing is. With `X_val`
        passed to :meth:`fit` it is the last horizon of those.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    n_outputs_ : int
        Outputs of the head at a step of the horizon: with a list of quantiles one for
        each of them and each target.

    target_columns_ : tuple of int
        Columns of X that are forecast.

    future_columns_ : tuple of int
        Columns of X that are known ahead and given as `X_future`.

    static_columns_ : tuple of int
        Columns of X that do not change in a series.

    levels_ : tuple of float or None
        Levels of the quantiles that are forecast, where there is an axis of them.

    loss_ : float
        Mean loss of the last epoch over the steps with a target, in units of the
        standardised target of a window.

    validation_scores_ : list of float or None
        Minus the loss on the last part of each series, which training does not see,
        after each epoch. None without early stopping.

    out_activation_ : str
        The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
        of several quantiles, otherwise "identity".

    weights_ : dict of str to ndarray
        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMRegressor : Numbers for a whole sequence.
    LSTMStepRegressor : Numbers for every step of a sequence.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Features are standardised inside, by the mean and standard deviation of all steps of
    the fit, and targets by the units of each window (see `scale`). So neither needs to
    be scaled before, and nothing has to be scaled back.

    A window begins at least one horizon, or one season and a step, behind the beginning
    of its series, and ends with a whole horizon. A series too short for that is cut in
    its second half, whatever is behind; the steps that its horizon has not have no
    loss.

    With `early_stopping` the last part of each series that is long enough for a window
    before it is held out (`validation_fraction`), and no window that is trained on
    reaches into it.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Salinas2020] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR:
       Probabilistic Forecasting with Autoregressive Recurrent Networks", International
       Journal of Forecasting 36(3), 2020.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecaster
    >>> series = [k + np.sin(np.arange(T) / 2) for k, T in enumerate(range(60, 100))]
    >>> model = LSTMForecaster(16, horizon=5, random_state=0).fit(series)
    >>> model.predict(series).shape
    (40, 5)
    >>> model.score(series) > 0.8
    True

    What is known ahead, and intervals:

    >>> rng = np.random.default_rng(0)
    >>> X = []
    >>> for T in range(60, 100):
    ...     price = rng.uniform(1, 2, T)
    ...     X.append(np.c_[100 / price, price])
    >>> model = LSTMForecaster(
    ...     16, horizon=3, future_features=[1], quantile=[0.1, 0.5, 0.9], random_state=0
    ... ).fit(X)
    >>> low, middle, high = model.predict(X[:1], [[[1.1], [1.5], [1.9]]])[0].T
    >>> bool((np.diff(middle) < 0).all() and (low <= high).all())
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | None
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    horizon: int
    target: int | str | Sequence[int] | Sequence[str]
    future_features: Sequence[int] | Sequence[str] | None
    static_features: Sequence[int] | Sequence[str] | None
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
    quantile: float | Sequence[float] | None
    scale: Literal["mean", "std", "last"] | None
    seasonal_lag: int | None
    context_length: int | Literal["auto"] | None
    windows_per_epoch: int | Literal["auto"] | None
    max_iter: int | Literal["auto"]
    early_stopping: bool
    validation_fraction: float
    huber_delta: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    n_outputs_: int
    target_columns_: tuple[int, ...]
    future_columns_: tuple[int, ...]
    static_columns_: tuple[int, ...]
    levels_: tuple[float, ...] | None
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | None = None,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        horizon: int = 1,
        target: int | str | Sequence[int] | Sequence[str] = 0,
        future_features: Sequence[int] | Sequence[str] | None = None,
        static_features: Sequence[int] | Sequence[str] | None = None,
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] = "absolute_error",
        quantile: float | Sequence[float] | None = None,
        scale: Literal["mean", "std", "last"] | None = "std",
        seasonal_lag: int | None = None,
        context_length: int | Literal["auto"] | None = "auto",
        windows_per_epoch: int | Literal["auto"] | None = "auto",
        max_iter: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        huber_delta: float = 1.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class LSTMLanguageModel(RecurrentLanguageModel):
    """A distribution over documents, by a recurrent network.

    A density estimator in scikit-learn's sense: there is no y, :meth:`score_samples`
    gives log-likelihoods. A document is a text, or a list of tokens of any kind. The
    network reads a mark and then its tokens, and says at each step how probable which
    token is next, or the end of the document: the same mark again.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    level : {"word", "char"}, default="word"
        What the tokens of a text are: words and punctuation, as TokenEncoder finds
        them, but in their case, or characters. Documents that are lists hold their
        tokens already.

    min_count : int or "auto", default="auto"
        How often a token has to be in X to be one of the vocabulary. What is rarer is
        "<unk>", the unknown token, and so learnt. "auto" is 2 for words, also of
        documents that are lists, and 1 for characters.

    max_tokens : int or None, default=None
        How many tokens the vocabulary has at most, the most frequent ones, beside
        "<unk>".

    embedding_dim : int, default=64
        Length of the row of numbers that stands for each token [Bengio2003]_; it is
        trained with the network, which reads it.

    tie_weights : bool, default=False
        Whether the rows of the tokens are the weights of the head too [Press2017]_: as
        many parameters less, and often a better model. `embedding_dim` has to be the
        size of the last layer. `alpha` then reaches them, as weights of the head, and
        each update all of them.

    contiguous : bool, default=False
        Whether all documents are one text, in their order [Mikolov2010]_. In training
        it is cut into `batch_size` streams that are read side by side, whose states go
        on from each segment of `tbptt` steps to the next, also from a document into the
        one after it, and begin at zero in each epoch. In :meth:`score` and
        :meth:`perplexity` the state goes on through all of X. False begins each
        document anew. It may be set after a fit, for these two.

    tbptt : int or None, default=64
        Truncated back-propagation through time [Williams1990]_: documents, or streams,
        are read in segments of so many steps. Each is an update of the weights, and
        begins with the states that the one before has ended with, to which gradients
        do not go back. Of a minibatch the documents that have ended are not in later
        segments. `recurrent_dropout` drops other units in each. None reads documents as
        a whole.

    batch_size : int or "auto", default="auto"
        Documents in a minibatch, at the most all of them; with ``contiguous=True``
        streams, at the most as many as the text has segments. "auto" is a sixteenth of
        the documents, or of the segments, up to 32.

    shuffle : bool, default=True
        Whether to take the documents in another order in each epoch. No effect with
        ``contiguous=True``.

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the documents.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" as many as make 2500 updates, and 10 at the least.

    early_stopping : bool, default=False
        Whether to set a part of the documents aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With ``contiguous=True`` it is the last part of the text. With
        `groups` passed to :meth:`fit`, whole groups are set aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`: of the documents,
        with `groups` of the groups, with ``contiguous=True`` of the segments.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    vocabulary_ : tuple
        The tokens that are known, by id. The first is "<unk>", which stands for all
        others; then they fall in frequency, and of those that are there equally often
        the one seen first comes first. Outputs are of these and, as the last one, of
        the end of a document.

    weights_ : dict of str to ndarray
        Here ``embedding`` (V, E) has a row for each of the `vocabulary_` and a last one
        for the mark, and ``head_weight`` (V, H) and ``head_bias`` (V,) have the end of
        a document as the last one. With ``tie_weights=True`` ``head_weight`` is equal
        to ``embedding``.

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    n_features_in_ : int
        1: a step is one token.

        Features per step; for 2-D X the number of columns.

    loss_ : float
        Mean loss of the last epoch over all tokens, ends of documents counted.

    t_ : int
        Documents seen in training, with ``contiguous=True`` segments, each epoch
        counted.

        Samples seen in training, each epoch (with "lbfgs" each iteration) counted.

    validation_scores_ : list of float or None
        The score on what is held out after each epoch; None without early stopping.

    out_activation_ : str
        "softmax".

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has them.

    n_iter_ : int
        Epochs of the last fit, with "lbfgs" iterations.

    n_layers_ : int
        Layers with the input and the output.

    best_loss_ : float or None
        Lowest mean loss of an epoch; None with early stopping.

    loss_curve_ : list of float
        Mean loss of each epoch, with "lbfgs" the loss after each iteration.

    best_validation_score_ : float or None
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMClassifier : One label for a whole document.
    LSTMTagger : A label for every token.
    sklstm.preprocessing.TokenEncoder : Tokens with other rules, in front of it.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Where X is ids of a :class:`~sklstm.preprocessing.TokenEncoder`, which know their
    tokens, all of its vocabulary is known. Otherwise tokens that X has less often than
    `min_count` are "<unk>", as all that was not in X is later: a document of unknown
    tokens has the probability of a document of "<unk>". Where no token of X is rare,
    "<unk>" is as improbable as the network has begun with, but not impossible: no score
    is minus infinity. It is never generated.

    The bias of the head starts at the shares of the tokens, so that training begins at
    the loss of a model of single tokens.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Press2017] O. Press and L. Wolf, "Using the Output Embedding to Improve Language
       Models", EACL 2017.
    .. [Mikolov2010] T. Mikolov, M. Karafiát, L. Burget, J. Černocký and S. Khudanpur,
       "Recurrent Neural Network Based Language Model", Interspeech 2010.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.

    Examples
    --------
    >>> from sklstm import LSTMLanguageModel
    >>> numbers = ["one two three four", "two three four five", "three four five six"]
    >>> model = LSTMLanguageModel(16, embedding_dim=8, random_state=0).fit(numbers * 4)
    >>> model.perplexity(["two three four"]) < model.perplexity(["four three two"])
    True
    >>> model.generate(2, prefix="two three", temperature=0)
    [['four', 'five']]
    >>> names = ["anna", "hanna", "hannah", "ann", "nan"]
    >>> model = LSTMLanguageModel(16, level="char", random_state=0).fit(names)
    >>> model.score_samples(["anna", "aann"]).shape
    (2,)
    >>> [type(name) for name in model.generate(10, n=2, random_state=0)]
    [<class 'str'>, <class 'str'>]
    """

    hidden_layer_sizes: int | Sequence[int]
    dropout: float
    recurrent_dropout: float
    level: Literal["word", "char"]
    min_count: int | Literal["auto"]
    max_tokens: int | None
    embedding_dim: int
    tie_weights: bool
    contiguous: bool
    tbptt: int | None
    batch_size: int | Literal["auto"]
    shuffle: bool
    max_iter: int | Literal["auto"]
    early_stopping: bool
    validation_fraction: float
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    warm_start: bool
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    vocabulary_: tuple
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    loss_: float
    t_: int
    validation_scores_: list[float] | None
    out_activation_: str
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        level: Literal["word", "char"] = "word",
        min_count: int | Literal["auto"] = "auto",
        max_tokens: int | None = None,
        embedding_dim: int = 64,
        tie_weights: bool = False,
        contiguous: bool = False,
        tbptt: int | None = 64,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        max_iter: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        warm_start: bool = False,
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class LSTMRegressor(RecurrentRegressor):
    """Regressor on sequences with an LSTM network [Hochreiter1997]_, [Gers2000]_.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to one or several
    numbers. Sequences may have any lengths, each its own. Targets are standardised
    inside and predictions come back in their units, so the scale of y does not matter
    (with ``loss="poisson"`` targets stay as they are). Their centre and scale suit the
    loss: outliers do not set them where it is robust (see Notes).

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    forget_bias : float or "chrono", default=1.0
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the units over memories of 1 to as many steps as the longest
        training sequence has [Tallec2018]_, for dependencies over hundreds of steps.

    peephole : bool, default=False
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="squared_error"
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
        - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of
          the levels `quantile`.

    quantile : float or list of float, default=0.5
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

    tbptt : int or None, default=None
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.LSTM`` with its
        G = 4 gates in the order input, forget, cell, output. The single bias of a gate
        is in ``bias_ih``, ``bias_hh`` is zero. With ``peephole=True`` there is also
        ``peephole_l0`` (3 H,) of the input, forget and output gate.

        What belongs to the head is in float64 and in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMClassifier : The same network for labels.
    GRURegressor : Gated recurrent units, three quarters of an LSTM's weights.
    RNNRegressor : The plain recurrent network.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Input weights start Glorot-uniform, recurrent weights orthogonal for each gate, the
    forget bias at `forget_bias`, peepholes at zero.

    Each column of y is standardised on its own, weights included: by mean and standard
    deviation for "squared_error"; by median and interquartile range / 1.35, which is
    the standard deviation of a normal distribution, for "absolute_error", "huber" and
    "quantile", so that outliers do not set the scale. Where the interquartile range is
    zero (a target that is 0 most of the time) a wider range takes its place: the first
    of those without 1/8, 1/16 and 1/32 of the weight at each end that is not zero, else
    the mean absolute deviation from the median, each divided by its value for a
    standard normal distribution. The scale of a constant is 1.

    The head's bias starts at the best constant: the mean of the target, its logarithm
    for "poisson", the median for "absolute_error" and "huber", the quantiles for
    "quantile".

    With a list of Q quantiles the raw outputs for each target are, in ascending order
    of the levels, the quantile in the middle (number Q // 2, counted from 0) and the
    steps to it or from it, of which the softplus is added upwards and subtracted
    downwards, in units of the standardised target. So quantiles cannot cross. This is
    the incremental quantile function of [Park2022]_, started from the middle instead of
    from the lowest quantile, and with softplus instead of ReLU.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Huber1964] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
       Mathematical Statistics 35(1), 1964.
    .. [Koenker1978] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1),
       1978.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Park2022] Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang,
       "Learning Quantile Functions without Quantile Crossing for Distribution-free Time
       Series Forecasting", AISTATS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(5, 15, size=200)]
    >>> y = [1000 * x.mean() for x in X]
    >>> model = LSTMRegressor(16, learning_rate_init=0.005, random_state=0)
    >>> model = model.fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True

    A median and an interval that holds four fifths of the targets:

    >>> model = LSTMRegressor(
    ...     16,
    ...     loss="quantile",
    ...     quantile=[0.5, 0.1, 0.9],
    ...     learning_rate_init=0.005,
    ...     random_state=0,
    ... ).fit(X[:150], y[:150])
    >>> middle, low, high = model.predict(X[150:]).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    forget_bias: float | Literal["chrono"]
    peephole: bool
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
    quantile: float | Sequence[float]
    huber_delta: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    tbptt: int | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    weights_: dict[str, np.ndarray]
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        forget_bias: float | Literal["chrono"] = 1.0,
        peephole: bool = False,
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float = 1.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        tbptt: int | None = None,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class LSTMSeq2Seq(RecurrentSeq2Seq):
    """A sequence of tokens for each sequence, with an encoder and a decoder.

    One recurrent network, the encoder, reads a sequence of X. Another one, the decoder,
    begins where it ended, and says token by token what the answer is: at each step it
    knows the tokens before, and looks back at the sequence by attention. Spelling to
    sound, dates to their standard form, sentences to another language.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=True
        Whether the encoder reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. What the decoder begins with, and reads by attention, is made of both.
        The decoder itself goes in one direction, with layers of the same sizes.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step, in encoder and decoder alike, to
        the layer above and to the head, and of the rows of tokens. The rest is divided
        by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer and vocabularies
        included, instead of starting anew: tokens that it has not seen are unknown.
        "lbfgs" goes on from the weights alone. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    embedding_dim : int or list of int or "auto" or None, default="auto"
        Length of the row of numbers that stands for each id of X [Bengio2003]_, of
        which the encoder reads the rows. "auto" is 64 where X is text, tokens or ids of
        a vocabulary, or where `categorical_features` or `embedding_weights` say that it
        holds ids; else X is read as numbers, as it is with None. Row 0 stands for what
        is not known. For more see :class:`LSTMClassifier`, whose parameters of this
        kind are the same.

    target_embedding_dim : int or None, default=None
        Length of the rows of the tokens of y, which the decoder reads. None is as long
        as those of X, and 64 where X has none or several kinds.

    attention : {"dot", "general", "additive"} or None, default="general"
        How the decoder looks back at the sequence. At each of its steps, of the hidden
        state h, it reads the mean of the outputs s_j of the encoder with weights that
        are a softmax of scores over the steps j:

        - "dot": ``s_j @ h`` [Luong2015]_, for a `bidirectional` of False, where both
          have H units;
        - "general": ``s_j @ W @ h`` [Luong2015]_;
        - "additive": ``v @ tanh(W @ h + U @ s_j)`` [Bahdanau2015]_;
        - None: it does not. All it knows of the sequence is where it begins
          [Sutskever2014]_.

    level : {"char", "word"}, default="char"
        What the tokens of a text are, of X and of y: its characters, or its words and
        punctuation as :class:`~sklstm.preprocessing.TokenEncoder` finds them, but in
        the case they have. Lists of tokens are taken as they are.

    min_count : int or "auto", default="auto"
        How often a token has to be in the training data, of X or of y, to be one of the
        vocabulary: what is rarer is not known, as all that other data may have. "auto"
        is 2 with ``level="word"`` and else 1. An X that is ids of a vocabulary brings
        its own.

    beam_size : int, default=5
        Hypotheses of a sequence that are followed side by side; 1 takes the best token
        at each step. Can be set after :meth:`fit`, as can `length_penalty` and
        `max_length`.

    length_penalty : float, default=0.0
        What is best of the hypotheses that have ended: the one of the largest
        ``log_probability / (n_tokens + 1) ** length_penalty``, the end counted as one
        token. 0 is the most probable, 1 that of the largest mean per token; more
        prefers longer ones.

    max_length : int or "auto", default="auto"
        Tokens of an answer at the most: one of so many ends. "auto" is twice those of
        the longest answer of the training data and, for a sequence longer than all of
        these, as much more as it is longer.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Names of recurrent layers are those below with ``encoder_`` or ``decoder_``
        before them. Of two directions of the encoder, where the decoder begins is made
        by ``bridge_h_weight_l0`` (H, 2 H), ``bridge_h_bias_l0`` (H,), the same of c,
        and so on for each layer. The tables are ``embedding`` and ``target_embedding``.
        With S outputs of the encoder, attention has ``attention_query_weight`` (S, H)
        for "general" scores ``s_j @ W @ h``, (H, H) for "additive" ones, which have
        ``attention_key_weight`` (H, S) and ``attention_v`` (H,) besides. The head reads
        the tanh of what ``attention_combine_weight`` (H, S + H) and
        ``attention_combine_bias`` (H,) make of the context and h side by side.

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    source_vocabulary_ : tuple or None
        The token of each id of X, of which id 0 is any other; None where X is numbers
        or ids without a vocabulary.

    target_vocabulary_ : tuple
        The token of each id of y, "<unk>" at 0. The begin and the end of an answer is
        the id behind the last.

    n_outputs_ : int
        Outputs of the head: one for each token of y and one for the end.

    loss_ : float
        Mean of -log p over the tokens and ends of the last epoch.

    validation_scores_ : list of float or None
        Mean of log p over the tokens and ends of the validation part after each epoch,
        NaN where a prediction was not finite. None without early stopping.

    out_activation_ : str
        "softmax".

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMTagger : A label for each step of a sequence, where these go together.
    LSTMClassifier : One label for a whole sequence.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    In training the decoder is given the tokens of y ("teacher forcing"), and the loss
    is the mean of -log p over all of them and the ends. Predictions run freely: the
    decoder reads what it has said, along `beam_size` hypotheses. Of each source at most
    so many are followed, those of the highest log-probabilities among those of the same
    length. One that ends keeps its place, so that a beam of one takes the best token at
    each step. Of equal ones the better last token comes first, then the better
    hypothesis before it, then the token that is more frequent in y.

    A token of y that is rarer than `min_count`, or that a later fit brings, is unknown:
    it is trained and counts in `score_samples` as such, but no prediction holds it, and
    in `score` an answer that has it is never right.

    Other scores than that of whole answers are those of other packages, of the lists
    that `predict` gives: ``jiwer.wer([" ".join(a) for a in y], [" ".join(a) for a in
    model.predict(X)])`` for errors of tokens, of which it counts edits, and
    ``sacrebleu.corpus_bleu([" ".join(a) for a in model.predict(X)], [references])`` for
    translations.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Luong2015] M.-T. Luong, H. Pham and C. D. Manning, "Effective Approaches to
       Attention-based Neural Machine Translation", EMNLP 2015.
    .. [Bahdanau2015] D. Bahdanau, K. Cho and Y. Bengio, "Neural Machine Translation by
       Jointly Learning to Align and Translate", ICLR 2015.
    .. [Sutskever2014] I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to Sequence Learning
       with Neural Networks", NIPS 2014.

    Examples
    --------
    >>> from sklstm import LSTMSeq2Seq
    >>> words = ["ab", "ba", "aab", "abb", "bab", "bba", "aba", "baa", "a", "b"]
    >>> backwards = [word[::-1] for word in words]
    >>> model = LSTMSeq2Seq(16, learning_rate_init=0.02, random_state=0)
    >>> model.fit(words, backwards).predict(["aab"])[0]
    ['b', 'a', 'a']
    >>> model.score(words, backwards)
    1.0
    >>> ["".join(tokens) for _, tokens in model.predict_n_best(["ab"], n=2)[0]][0]
    'ba'
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    embedding_dim: int | Sequence[int] | Literal["auto"] | None
    target_embedding_dim: int | None
    attention: Literal["dot", "general", "additive"] | None
    level: Literal["char", "word"]
    min_count: int | Literal["auto"]
    beam_size: int
    length_penalty: float
    max_length: int | Literal["auto"]
    weights_: dict[str, np.ndarray]
    source_vocabulary_: tuple | None
    target_vocabulary_: tuple
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        embedding_dim: int | Sequence[int] | Literal["auto"] | None = "auto",
        target_embedding_dim: int | None = None,
        attention: Literal["dot", "general", "additive"] | None = "general",
        level: Literal["char", "word"] = "char",
        min_count: int | Literal["auto"] = "auto",
        beam_size: int = 5,
        length_penalty: float = 0.0,
        max_length: int | Literal["auto"] = "auto",
    ) -> None: ...

class LSTMStepRegressor(RecurrentStepRegressor):
    """One or several numbers for every step of a sequence, with a recurrent network.

    Targets are standardised inside, as those of :class:`LSTMRegressor`, over all steps
    that have one, and predictions come back in their units.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="squared_error"
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
        - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of
          the levels `quantile`.

    quantile : float or list of float, default=0.5
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    n_outputs_ : int
        Outputs of the head: with a list of quantiles one for each of them and each
        target.

    loss_ : float
        Mean loss of the last epoch over the steps with a target, in units of the
        standardised target.

    validation_scores_ : list of float or None
        R² over the steps of the validation part after each epoch, for all losses but
        "squared_error" minus the loss instead, and also where the targets of the
        validation part are constant; NaN where a prediction was not finite. None
        without early stopping.

    out_activation_ : str
        The inverse of the link: "exp" for "poisson", "softplus_increments" for a list
        of several quantiles, otherwise "identity".

    weights_ : dict of str to ndarray
        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMRegressor : Numbers for a whole sequence.
    LSTMTagger : A label for every step.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    NaN in y is a step without target. Where a step has only some of several outputs,
    only these have a loss.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Huber1964] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
       Mathematical Statistics 35(1), 1964.
    .. [Koenker1978] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1),
       1978.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMStepRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=200)]
    >>> y = [x[:, 0].cumsum() for x in X]
    >>> model = LSTMStepRegressor(16, random_state=0).fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True
    >>> [steps.shape for steps in model.predict([np.ones((2, 1)), np.ones((4, 1))])]
    [(2,), (4,)]
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
    quantile: float | Sequence[float]
    huber_delta: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float = 1.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...

class LSTMTagger(RecurrentTagger):
    """A label for every step of a sequence, with a recurrent network.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=True
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    crf : bool, default=True
        Whether the labels of a sequence are those of a conditional random field on top
        of the network [Lafferty2001]_, [Lample2016]_: beside the emissions of each step
        it learns scores of transitions from a label to the next. The loss is that of
        whole paths, predictions are the best path (Viterbi), probabilities exact
        marginals. Without it every step is labelled for itself. Multilabel y has no
        paths: there it has no effect.

    constraints : "auto" or list of pairs or None, default="auto"
        Which labels may follow each other with ``crf=True``; what is not allowed has no
        probability in training and is never predicted.

        - "auto": where the labels are tags of a scheme, IOB2 (BIO), BIOES, BILOU or
          BMES, and y obeys it, what that allows: in IOB2 "I-X" only after "B-X" or
          "I-X". Other labels may follow each other as they like;
        - a list of pairs (label, next label): all that are allowed;
        - None: everything is.

    class_weight : dict, "balanced" or None, default=None
        Weights of the labels; they multiply the weights of the steps that have them.
        "balanced" gives every label the same total weight. With ``crf=True`` a sequence
        has the mean weight of its labelled steps, and steps of weight zero count as
        without label. Not for multilabel y.

    unlabeled : object, default=None
        What stands in y for a step without label, beside None: it has no loss and does
        not count in a score.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch over the labelled steps.

    validation_scores_ : list of float or None
        Accuracy over the labelled steps of the validation part after each epoch, for
        multilabel targets minus the log loss; NaN where a prediction was not finite.
        None without early stopping.

    out_activation_ : str
        "crf", "softmax" without it, or "logistic" for multilabel targets.

    transitions_ : ndarray of shape (n_classes, n_classes)
        With ``crf=True`` the scores of transitions from a label to the next, -inf of
        those that are not allowed.

    start_transitions_ : ndarray of shape (n_classes,)
        With ``crf=True`` the scores of the first label.

    end_transitions_ : ndarray of shape (n_classes,)
        With ``crf=True`` the scores of the last label.

    weights_ : dict of str to ndarray
        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMClassifier : One label for a whole sequence.
    LSTMStepRegressor : A number for every step.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    None in y is a step without label: it has no loss, and with a conditional random
    field any label may be there. The loss is the mean over the labelled steps; with a
    random field that of all sequences, -log p of their labels, divided by the number of
    labelled steps. The head's bias starts at the shares of the labels, the scores of
    transitions at zero.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Lafferty2001] J. Lafferty, A. McCallum and F. Pereira, "Conditional Random Fields:
       Probabilistic Models for Segmenting and Labeling Sequence Data", ICML 2001.
    .. [Lample2016] G. Lample et al., "Neural Architectures for Named Entity Recognition",
       NAACL 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMTagger
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=100)]
    >>> y = [["up" if s > 0 else "down" for s in x.cumsum()] for x in X]
    >>> tagger = LSTMTagger(16, random_state=0).fit(X, y)
    >>> tagger.predict([[[1.0], [-3.0], [0.5]]])[0]
    ['up', 'down', 'down']
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    crf: bool
    constraints: Literal["auto"] | Sequence[tuple] | None
    class_weight: dict | Literal["balanced"] | None
    unlabeled: Any
    classes_: np.ndarray
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    transitions_: np.ndarray
    start_transitions_: np.ndarray
    end_transitions_: np.ndarray
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        crf: bool = True,
        constraints: Literal["auto"] | Sequence[tuple] | None = "auto",
        class_weight: dict | Literal["balanced"] | None = None,
        unlabeled: Any = None,
    ) -> None: ...

class LSTMTranscriber(RecurrentTranscriber):
    """A transcript for every sequence, with a recurrent network.

    Connectionist temporal classification [Graves2006]_: at each step the network gives
    probabilities of the labels and of a blank. A path has one of these for each step,
    and stands for the labels that are left once repetitions are one and blanks are
    gone; the probability of a transcript is the sum over all paths that stand for it.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    cell : {"lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"}, default="lstm"
        What the recurrent layers are made of: long short-term memory [Hochreiter1997]_,
        the same with peepholes [Gers2000b]_, gated recurrent units [Cho2014]_, or a
        plain recurrent network [Elman1990]_ with the activation tanh or ReLU.

    forget_bias : float or {"auto", "chrono"}, default="auto"
        Where the bias of the gate starts that says how much of its state a unit keeps:
        the forget gate of an LSTM, the update gate of a GRU. "auto" is 1 for an LSTM
        [Gers2000]_, [Jozefowicz2015]_ and 0 for a GRU. "chrono" spreads the units over
        memories of 1 to as many steps as the longest training sequence has
        [Tallec2018]_. A plain recurrent network has no such gate.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    infeasible : {"error", "drop"}, default="error"
        What to do in a fit about a transcript that its sequence is too short for: a
        step is needed for each label, and one more between two equal ones. "error"
        names the sample, "drop" leaves such samples out, with a warning.

    beam_size : int, default=1
        Transcripts that a search goes on with from step to step [Hannun2014]_. 1 takes
        the most probable output of each step. It can be set after :meth:`fit`.

    language_model : object or None, default=None
        What scores transcripts by their labels alone, in a search with `beam_size`
        above 1: the ranking is then by

        ``log p(y | x) + lm_weight * log p_lm(y) + insertion_bonus * len(y)``

        where ``log p_lm(y)`` is the sum over the labels and the end of a transcript.

        - a callable of the labels so far, a tuple, and the next label, or None for the
          end, that returns the natural logarithm of its probability;
        - a fitted :class:`LSTMLanguageModel` whose tokens are the labels;
        - a ``kenlm.Model`` whose words are the labels, a space being "<space>".

        It can be set after :meth:`fit`. What :func:`~sklearn.base.clone` cannot copy,
        or makes an unfitted copy of, goes into a
        :class:`~sklearn.frozen.FrozenEstimator`.

    lm_weight : float, default=0.5
        Weight of the logarithm of the probability that `language_model` gives. It can
        be set after :meth:`fit`.

    insertion_bonus : float, default=0.0
        What the ranking adds for each label, with `beam_size` above 1: above 0 it makes
        up for a language model, to which long transcripts are less probable. It can be
        set after :meth:`fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels: characters, where y holds strings.

    blank_ : int
        The column of the blank in probabilities at steps: the last one, behind those of
        `classes_`.

    n_outputs_ : int
        Outputs of the head: the labels and the blank.

    loss_ : float
        Mean loss of the last epoch, for a label: -log p of all transcripts, divided by
        the number of their labels.

    validation_scores_ : list of float or None
        Score of the validation part after each epoch, of the most probable path
        (``beam_size=1``); NaN where an output was not finite. None without early
        stopping.

    out_activation_ : str
        "softmax".

    weights_ : dict of str to ndarray
        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    LSTMTagger : A label for every step.
    LSTMClassifier : One label for a whole sequence.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    Of a minibatch the loss is the sum of -log p of its transcripts, each times its
    sample weight, divided by the number of their labels times the mean weight of a
    label; an empty transcript counts as one label. The head's bias starts at the shares
    that labels have of all steps, one step each, and the blank the rest; and the first
    epoch has the sequences by their lengths, the short ones first (unless
    ``shuffle=False``). Both are against the plateau at which blanks are all that there
    is: training leaves it earlier.

    A search with `beam_size` above 1 goes on from step to step with the transcripts so
    far that are most probable [Hannun2014]_. Those that are left at the end are ranked
    by their exact probability, which :meth:`score_samples` gives, and by what
    `language_model` and `insertion_bonus` add.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Graves2006] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist
       Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural
       Networks", ICML 2006.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Hochreiter1997] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural
       Computation 9(8), 1997.
    .. [Gers2000b] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count",
       IJCNN 2000.
    .. [Cho2014] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder
       for Statistical Machine Translation", EMNLP 2014.
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget: Continual
       Prediction with LSTM", Neural Computation 12(10), 2000.
    .. [Jozefowicz2015] R. Jozefowicz, W. Zaremba and I. Sutskever, "An Empirical
       Exploration of Recurrent Network Architectures", ICML 2015.
    .. [Tallec2018] C. Tallec and Y. Ollivier, "Can Recurrent Neural Networks Warp Time?",
       ICLR 2018.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Hannun2014] A. Y. Hannun, A. L. Maas, D. Jurafsky and A. Y. Ng, "First-Pass Large
       Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs",
       arXiv:1408.2873, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMTranscriber
    >>> rng = np.random.default_rng(0)
    >>> shapes = dict(zip("abc", rng.standard_normal((3, 4, 2))))
    >>> def write(text):
    ...     parts = [np.repeat(shapes[k], rng.integers(1, 3), axis=0) for k in text]
    ...     return np.concatenate([*parts, np.zeros((1, 2))])
    >>> y = ["".join(rng.choice([*"abc"], rng.integers(1, 5))) for _ in range(200)]
    >>> X = [write(text) for text in y]
    >>> model = LSTMTranscriber(32, max_iter=60, random_state=0).fit(X, y)
    >>> model.predict([write("cab"), write("abba")]).tolist()
    ['cab', 'abba']
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
    forget_bias: float | Literal["auto", "chrono"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    infeasible: Literal["error", "drop"]
    beam_size: int
    language_model: Any | None
    lm_weight: float
    insertion_bonus: float
    classes_: np.ndarray
    blank_: int
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    weights_: dict[str, np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        cell: Literal["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"] = "lstm",
        forget_bias: float | Literal["auto", "chrono"] = "auto",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        infeasible: Literal["error", "drop"] = "error",
        beam_size: int = 1,
        language_model: Any | None = None,
        lm_weight: float = 0.5,
        insertion_bonus: float = 0.0,
    ) -> None: ...

class RNNClassifier(RecurrentClassifier):
    """Classifier of sequences with a plain recurrent network [Elman1990]_.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to class
    probabilities. Sequences may have any lengths, each its own. Training minimises the
    log loss.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    activation : {"tanh", "relu"}, default="tanh"
        Activation function of the hidden units. "relu" does not saturate, which carries
        gradients over longer sequences [Le2015]_, but nothing bounds its hidden states.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

    tbptt : int or None, default=None
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when the score on them (see
        `validation_scores_`) no longer improves, and to keep the weights that scored
        best, of equal accuracy those of the lowest loss. Training also goes on while
        the loss on them falls by `tol`: accuracy may not move for long where a class is
        rare. The split is stratified, except for multilabel targets. With `groups`
        passed to :meth:`fit`, whole groups are set aside, without stratification. Not
        for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; they multiply the sample weights. "balanced" gives every
        class the same total weight.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.RNN``, with G = 1
        for there are no gates: the single bias of a unit is in ``bias_ih``, ``bias_hh``
        is zero.

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

    classes_ : ndarray of shape (n_classes,)
        The labels; for multilabel targets the numbers of the columns.

    n_outputs_ : int
        Outputs of the head.

    loss_ : float
        Mean loss of the last epoch, whether or not its weights were kept, with "lbfgs"
        that of the weights.

    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch, for multilabel targets minus
        the log loss, as the mean over the labels; NaN where a prediction was not
        finite. None without early stopping.

    out_activation_ : str
        "softmax" for more than two classes, otherwise "logistic".

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    RNNRegressor : The same network for numbers.
    LSTMClassifier : Long short-term memory.
    GRUClassifier : Gated recurrent units, three quarters of an LSTM's weights.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    It forgets within some ten steps, because its gradients vanish [Pascanu2013]_: see
    :func:`sklstm.inspection.gradient_norms`, and use an LSTM or a GRU for anything
    longer. Input weights start Glorot-uniform, recurrent weights orthogonal, biases at
    zero.

    The head's bias starts at the class prior.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Le2015] Q. V. Le, N. Jaitly and G. E. Hinton, "A Simple Way to Initialize Recurrent
       Networks of Rectified Linear Units", arXiv:1504.00941, 2015.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm import RNNClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.preprocessing import TimeDistributed
    >>> X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    >>> model = make_pipeline(
    ...     TimeDistributed(StandardScaler()), RNNClassifier(random_state=0)
    ... )
    >>> model.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    activation: Literal["tanh", "relu"]
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    tbptt: int | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    class_weight: dict | list[dict] | Literal["balanced"] | None
    weights_: dict[str, np.ndarray]
    classes_: np.ndarray
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        activation: Literal["tanh", "relu"] = "tanh",
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        tbptt: int | None = None,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
    ) -> None: ...

class RNNRegressor(RecurrentRegressor):
    """Regressor on sequences with a plain recurrent network [Elman1990]_.

    Each sequence is read step by step by one or several recurrent layers; what they
    know at its end, or on the whole way, goes through a linear head to one or several
    numbers. Sequences may have any lengths, each its own. Targets are standardised
    inside and predictions come back in their units, so the scale of y does not matter
    (with ``loss="poisson"`` targets stay as they are). Their centre and scale suit the
    loss: outliers do not set them where it is robust (see Notes).

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64,)
        Hidden units of each layer, with ``bidirectional=True`` of each direction.
        Several layers are stacked: each reads the hidden states of the one below.

    bidirectional : bool, default=False
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        What the head reads of the uppermost layer:

        - "last": the hidden state after the last step, of each direction its own;
        - "mean", "max": the mean or maximum of each unit over the steps of the
          sequence;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the steps, with w learnt [Zhou2016]_.

    dropout : float, default=0.0
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step to the layer above, after `pooling`
        to the head, of `embedding_dim` the rows of tokens, but not the numbers beside
        them. The rest is divided by ``1 - dropout``; predictions drop nothing.

    recurrent_dropout : float, default=0.0
        Share of the hidden units that the recurrent weights do not see in training, the
        same ones at all steps of a sequence [Gal2016]_. The rest is divided by
        ``1 - recurrent_dropout``.

    embedding_dim : int or list of int or None, default=None
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

    embedding_weights : array-like, dict or list of these or None, default=None
        Where the rows begin: a table of shape (n_rows, embedding_dim), whose row 0
        stands for what is not known, or a dict of tokens and their rows, of which those
        are taken that X has in its vocabulary; without a vocabulary keys are ids.
        Tokens that are not in the dict begin as without it. With several columns a list
        of these, or of None, one for each of `categorical_features`.

    embedding_trainable : bool, default=True
        Whether the rows are trained, or stay where they begin.

    categorical_features : array-like of int, str or bool, or "from_dtype" or None, default=None
        Columns of X that are ids, where others are numbers: their indices, their names
        or a mask, as in :class:`sklearn.ensemble.HistGradientBoostingClassifier`. The
        network reads their rows side by side, and behind them the numbers. With None
        and `embedding_dim` X is one column. "from_dtype" takes the columns of a
        categorical dtype, pandas' or polars', where X is a list of DataFrames, and
        gives their categories ids: what was no category in the first fit has row 0.

    activation : {"tanh", "relu"}, default="tanh"
        Activation function of the hidden units. "relu" does not saturate, which carries
        gradients over longer sequences [Le2015]_, but nothing bounds its hidden states.

    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, default="squared_error"
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
        - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of
          the levels `quantile`.

    quantile : float or list of float, default=0.5
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.

    huber_delta : float, default=1.0
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.

    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        Optimizer: Adam [Kingma2015]_, Adam with decoupled weight decay
        [Loshchilov2019]_, stochastic gradient descent with momentum, RMSProp
        [Tieleman2012]_, or L-BFGS [Zhu1997]_. "lbfgs" takes all samples at once, which
        suits small data: it has neither minibatches, learning rate nor clipping, so
        that `batch_size`, `learning_rate`, `learning_rate_init`, `max_grad_norm`,
        `shuffle` and `n_iter_no_change` have no effect, cannot be combined with
        `early_stopping`, dropout or `tbptt`, and leaves no ``partial_fit``.

    alpha : float, default=0.0
        Strength of the L2 penalty on the weights (not the biases, nor the rows of
        tokens). For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the samples of the minibatch times the mean weight of all samples
        (with "lbfgs" by the weight of all samples).

    batch_size : int or "auto", default="auto"
        Sequences in a minibatch, at the most all of them. "auto" is a sixteenth of
        them, but 8 to 32, so that few sequences too make several updates an epoch; up
        to 32 sequences are not divided.

    shuffle : bool, default=True
        Whether to take the samples in another order in each epoch.

    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="cosine"
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

    learning_rate_init : float, default=0.005
        Learning rate at the start.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_grad_norm : float or None, default=1.0
        A gradient of a larger global norm is scaled down to it [Pascanu2013]_; None
        does not clip.

    tbptt : int or None, default=None
        Truncated back-propagation through time [Williams1990]_: gradients go back over
        the last `tbptt` steps of each sequence, the steps before only carry their state
        on, so that memory does not grow with the length. None goes back to the first
        step. Needs ``pooling="last"`` and ``bidirectional=False``.

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

    max_iter : int or "auto", default="auto"
        Epochs at the most, with "cosine" all that there are: passes over the samples.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 800 sequences: as many as make 2500 updates, and 10
        at the least.

    max_fun : int, default=15000
        Passes over the samples after which "lbfgs" begins no other iteration.

    tol : float, default=0.0001
        Improvement of the loss (of the validation score with early stopping) that
        counts as one. "lbfgs" stops where no component of the gradient is larger, or
        where an iteration lowers the loss by no more than 2.2e-9 of it.

    n_iter_no_change : int or inf, default=10
        Epochs without such an improvement after which training stops. Where it is the
        loss that stops it, the weights are those between the two epochs in a row whose
        mean loss is lowest. No effect with "cosine" unless with `early_stopping`.

    early_stopping : bool, default=False
        Whether to set a part of the samples aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With `groups` passed to :meth:`fit`, whole groups are set
        aside. Not for "lbfgs".

    validation_fraction : float, default=0.1
        The part set aside, unless `X_val` is passed to :meth:`fit`; with `groups` the
        part of the groups.

    warm_start : bool, default=False
        Whether :meth:`fit` goes on from the last fit, optimizer included, instead of
        starting anew. "lbfgs" goes on from the weights alone. y needs the classes or
        the number of outputs that it had before. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.

    missing : {"error", "ffill", "indicator"}, default="error"
        What to do about missing values, which are the NaN in X that is no padding:

        - "error": refuse them;
        - "ffill": take the last value of the feature that was seen in the sequence.
          Before the first, take the mean of the feature over all steps it was observed
          at in training, each of the weight of its sample, or 0 if it never was; fits
          that continue keep the mean of the first;
        - "indicator": as "ffill", and let the network read F more features, which are 1
          where a value was missing and else 0 [Lipton2016]_. It learns from what is
          missing.

    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision of the network. X is converted to it.

        With "bfloat16" the network is one of float32, of which the recurrent layers,
        and a head over a vocabulary (of a language model, of an encoder-decoder), round
        what they multiply to bfloat16: weights, inputs and states, and on the way back
        gradients [Kalamkar2019]_. They do so in training and in prediction alike. Sums,
        states, logarithms of probabilities, gradients of weights and the optimizer are
        float32, and so are X, predictions and ``weights_``. For wide
        layers on processors that multiply bfloat16 numbers, where it is fast. See the
        user guide.

    random_state : int, RandomState instance or None, default=None
        Determines the initial weights, the order of the samples, what dropout drops and
        the split for early stopping. The same int gives the same bits, whatever the
        number of threads.

    verbose : bool or int, default=False
        Whether to print the loss of each epoch, how long it took and how long it is to
        `max_iter`, and with early stopping the validation score. From 2 on also, as
        long as an epoch takes seconds, its loss so far.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the network, in the names and shapes of ``torch.nn.RNN``, with G = 1
        for there are no gates: the single bias of a unit is in ``bias_ih``, ``bias_hh``
        is zero.

        What belongs to the head is in float64 and in the units of y (those of its
        logarithm for "poisson"; with a list of quantiles those of the raw outputs, see
        Notes).

        The recurrent layers have ``weight_ih_l0`` (G H, F), ``weight_hh_l0`` (G H, H),
        ``bias_ih_l0`` (G H,), ``bias_hh_l0`` (G H,) and so on for each layer, which
        reads the H (of two directions 2 H) outputs of the one below, with the suffix
        ``_reverse`` for the direction that begins at the end. With
        ``pooling="attention"`` there is also ``attention``, the vector w (H,) or
        (2 H,). With ``missing="indicator"`` the lowest layer reads 2 F features: first
        the values, then the indicators. With `embedding_dim` there is ``embedding`` (V,
        E), as the weight of ``torch.nn.Embedding``, or of several columns
        ``embedding_0`` and so on, by the number of the column; the lowest layer reads
        the rows of all columns side by side and behind them the numbers. The head is
        ``head_weight`` (K, H), of two directions (K, 2 H), and ``head_bias`` (K,), with
        K the number of outputs, as in ``torch.nn.Linear``. Copies, read-only;
        :func:`~sklstm.export.from_torch` takes them back.

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
        The best validation score of the last fit, that of the weights kept; where the
        fit went on from another one, perhaps that of the weights it began with. None
        without early stopping.

    See Also
    --------
    RNNClassifier : The same network for labels.
    LSTMRegressor : Long short-term memory.
    GRURegressor : Gated recurrent units, three quarters of an LSTM's weights.
    sklstm.preprocessing.TimeDistributed : Scale or encode the features of every step.
    sklstm.preprocessing.FrameStacker : Shorten long sequences by stacking steps.

    Notes
    -----
    It forgets within some ten steps, because its gradients vanish [Pascanu2013]_: see
    :func:`sklstm.inspection.gradient_norms`, and use an LSTM or a GRU for anything
    longer. Input weights start Glorot-uniform, recurrent weights orthogonal, biases at
    zero.

    Each column of y is standardised on its own, weights included: by mean and standard
    deviation for "squared_error"; by median and interquartile range / 1.35, which is
    the standard deviation of a normal distribution, for "absolute_error", "huber" and
    "quantile", so that outliers do not set the scale. Where the interquartile range is
    zero (a target that is 0 most of the time) a wider range takes its place: the first
    of those without 1/8, 1/16 and 1/32 of the weight at each end that is not zero, else
    the mean absolute deviation from the median, each divided by its value for a
    standard normal distribution. The scale of a constant is 1.

    The head's bias starts at the best constant: the mean of the target, its logarithm
    for "poisson", the median for "absolute_error" and "huber", the quantiles for
    "quantile".

    With a list of Q quantiles the raw outputs for each target are, in ascending order
    of the levels, the quantile in the middle (number Q // 2, counted from 0) and the
    steps to it or from it, of which the softplus is added upwards and subtracted
    downwards, in units of the standardised target. So quantiles cannot cross. This is
    the incremental quantile function of [Park2022]_, started from the middle instead of
    from the lowest quantile, and with softplus instead of ReLU.

    Training is back-propagation through time over minibatches of whole sequences;
    nothing is padded. The prediction for a sequence does not depend, to the bit, on the
    sequences beside it. Where one minibatch holds all samples, identical ones are
    merged and their weights added, which is the same loss.

    References
    ----------
    .. [Elman1990] J. L. Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
    .. [Schuster1997] M. Schuster and K. K. Paliwal, "Bidirectional Recurrent Neural
       Networks", IEEE Transactions on Signal Processing 45(11), 1997.
    .. [Graves2005] A. Graves and J. Schmidhuber, "Framewise Phoneme Classification with
       Bidirectional LSTM and Other Neural Network Architectures", Neural Networks 18, 2005.
    .. [Zhou2016] P. Zhou et al., "Attention-Based Bidirectional Long Short-Term Memory
       Networks for Relation Classification", ACL 2016.
    .. [Srivastava2014] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural
       Networks from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [Gal2016] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout
       in Recurrent Neural Networks", NIPS 2016.
    .. [Bengio2003] Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, "A Neural
       Probabilistic Language Model", Journal of Machine Learning Research 3, 2003.
    .. [Le2015] Q. V. Le, N. Jaitly and G. E. Hinton, "A Simple Way to Initialize Recurrent
       Networks of Rectified Linear Units", arXiv:1504.00941, 2015.
    .. [Huber1964] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of
       Mathematical Statistics 35(1), 1964.
    .. [Koenker1978] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1),
       1978.
    .. [Kingma2015] D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization",
       ICLR 2015.
    .. [Loshchilov2019] I. Loshchilov and F. Hutter, "Decoupled Weight Decay
       Regularization", ICLR 2019.
    .. [Tieleman2012] T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", COURSERA: Neural
       Networks for Machine Learning, 2012.
    .. [Zhu1997] C. Zhu, R. H. Byrd, P. Lu and J. Nocedal, "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23(4), 1997.
    .. [Loshchilov2017] I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with
       Warm Restarts", ICLR 2017.
    .. [Pascanu2013] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013.
    .. [Williams1990] R. J. Williams and J. Peng, "An Efficient Gradient-Based Algorithm for
       On-Line Training of Recurrent Network Trajectories", Neural Computation 2(4), 1990.
    .. [Lipton2016] Z. C. Lipton, D. C. Kale and R. Wetzel, "Modeling Missing Data in
       Clinical Time Series with RNNs", MLHC 2016.
    .. [Kalamkar2019] D. Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training",
       arXiv:1905.12322, 2019.
    .. [Park2022] Y. Park, D. Maddix, F.-X. Aubet, K. Kan, J. Gasthaus and Y. Wang,
       "Learning Quantile Functions without Quantile Crossing for Distribution-free Time
       Series Forecasting", AISTATS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import RNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((T, 1)) for T in rng.integers(5, 15, size=200)]
    >>> y = [1000 * x.mean() for x in X]
    >>> model = RNNRegressor(16, learning_rate_init=0.005, random_state=0)
    >>> model = model.fit(X[:150], y[:150])
    >>> model.score(X[150:], y[150:]) > 0.9
    True

    A median and an interval that holds four fifths of the targets:

    >>> model = RNNRegressor(
    ...     16,
    ...     loss="quantile",
    ...     quantile=[0.5, 0.1, 0.9],
    ...     learning_rate_init=0.005,
    ...     random_state=0,
    ... ).fit(X[:150], y[:150])
    >>> middle, low, high = model.predict(X[150:]).T
    >>> bool((low <= middle).all() and (middle <= high).all())
    True
    """

    hidden_layer_sizes: int | Sequence[int]
    bidirectional: bool
    pooling: Literal["last", "mean", "max", "attention"]
    dropout: float
    recurrent_dropout: float
    embedding_dim: int | Sequence[int] | None
    embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None
    embedding_trainable: bool
    categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None
    activation: Literal["tanh", "relu"]
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"]
    quantile: float | Sequence[float]
    huber_delta: float
    solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"]
    alpha: float
    batch_size: int | Literal["auto"]
    shuffle: bool
    learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"]
    learning_rate_init: float
    power_t: float
    max_grad_norm: float | None
    tbptt: int | None
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int | Literal["auto"]
    max_fun: int
    tol: float
    n_iter_no_change: int | float
    early_stopping: bool
    validation_fraction: float
    warm_start: bool
    missing: Literal["error", "ffill", "indicator"]
    dtype: DTypeLike
    random_state: int | np.random.RandomState | None
    verbose: bool | int
    weights_: dict[str, np.ndarray]
    n_outputs_: int
    loss_: float
    validation_scores_: list[float] | None
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_iter_: int
    n_layers_: int
    t_: int
    best_loss_: float | None
    loss_curve_: list[float]
    best_validation_score_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        *,
        bidirectional: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        embedding_dim: int | Sequence[int] | None = None,
        embedding_weights: ArrayLike | dict | Sequence[ArrayLike | dict | None] | None = None,
        embedding_trainable: bool = True,
        categorical_features: Sequence[int] | Sequence[str] | Sequence[bool] | Literal["from_dtype"] | None = None,
        activation: Literal["tanh", "relu"] = "tanh",
        loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] = "squared_error",
        quantile: float | Sequence[float] = 0.5,
        huber_delta: float = 1.0,
        solver: Literal["adam", "adamw", "sgd", "rmsprop", "lbfgs"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.005,
        power_t: float = 0.5,
        max_grad_norm: float | None = 1.0,
        tbptt: int | None = None,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        max_iter: int | Literal["auto"] = "auto",
        max_fun: int = 15000,
        tol: float = 0.0001,
        n_iter_no_change: int | float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        missing: Literal["error", "ffill", "indicator"] = "error",
        dtype: DTypeLike = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
    ) -> None: ...
