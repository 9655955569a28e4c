"""What the classifier and the regressor of clips share: one answer for each clip."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np

from .._network.build import clip_network
from .._typing import ArrayLike, ClipsLike, Estimator
from .checks import hidden_sizes
from .clip_state import begin_clips, check_clip_state, read_frames
from .clips import ReadsClips
from .fitted import fitted_of
from .state import State


class WholeClips(ReadsClips):
    """Clips of frames in, one answer for each of them out.

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

    See Also
    --------
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
    """

    _build = staticmethod(clip_network)
    _not_said = "", "Examples"

    def _check_own_parameters(self):
        sizes, n_layers = self.patch_size, len(hidden_sizes(self))
        for size in np.atleast_1d(np.asarray(sizes, dtype=object)):
            if not isinstance(size, Integral) or size < 1:
                raise ValueError(
                    "patch_size must be a positive integer or a tuple of them, got "
                    f"{sizes!r}."
                )
        if np.ndim(sizes) and len(sizes) != n_layers:
            raise ValueError(
                f"patch_size={sizes!r} has {len(sizes)} number(s), but hidden_channels="
                f"{self.hidden_channels!r} has {n_layers} layer(s). Pass one for each, "
                "or an integer for the frames alone."
            )

    def _asked_architecture(self):
        return {
            **super()._asked_architecture(),
            "bidirectional": bool(self.bidirectional),
            "pooling": self.pooling,
            "space_pooling": self.space_pooling,
        }

    def fit(
        self: Estimator,
        X: ClipsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ClipsLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the model to clips X and targets y.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips: an array, which may be a memory map and of any type of numbers,
            since frames are read and converted as they are needed, or a list of arrays
            of shape (n_frames_i, height, width[, n_channels]), each with its own number
            of frames. Without an axis of channels there is one.

        y : array-like of shape (n_clips,) or (n_clips, n_outputs)
            The targets: one for each clip.

        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips. A clip of weight zero is not there. The loss of a
            minibatch of B clips is ``sum(w_i * loss_i) / (B * w_mean)`` with the mean
            weight of all clips, times those of their classes.

        X_val : as X, default=None
            Clips for early stopping, instead of a part of X.

        y_val : array-like, default=None
            Targets of `X_val`.

        sample_weight_val : array-like, default=None
            Weights of `X_val`.

        groups : array-like of shape (n_clips,), default=None
            The group of each clip, for example the video that it was cut from. The part
            of X that is set aside for early stopping is then `validation_fraction` of
            the groups, and no group is on both sides. Only with
            ``early_stopping=True`` and without `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If X is of a type that cannot hold clips.
        ValueError
            If a parameter, X, y, a weight or a group is not valid, or if they cannot be
            combined. The message names the offending value, in X by clip, frame and
            pixel; an earlier fit stays as it was.
        MemoryError
            If a minibatch needs more memory than can be had.

        Warns
        -----
        ConvergenceWarning
            As :meth:`LSTMClassifier.fit`.
        UserWarning
            If training was interrupted from the keyboard; the estimator is fitted with
            the weights of that moment.
        """
        return super().fit(
            X, y, sample_weight, X_val=X_val, y_val=y_val,
            sample_weight_val=sample_weight_val, groups=groups,
        )  # fmt: skip

    # ---- streams -----------------------------------------------------------------

    def initial_state(
        self,
        n_clips: int | None = None,
        height: int | None = None,
        width: int | None = None,
        *,
        h: list[ArrayLike] | None = None,
        c: list[ArrayLike] | None = None,
    ) -> State:
        """The state of clips before their first frame.

        Parameters
        ----------
        n_clips : int, default=None
            Clips that are read side by side. None is as many as `h` and `c` are of, and
            without them 1.

        height : int, default=None
            Height of the frames to come; None is that of the fit.

        width : int, default=None
            Width of the frames to come; None is that of the fit.

        h : list of array-like of shape (n_clips, height, width, H), default=None
            Hidden states to begin with, for each layer, of each layer the direction
            that begins at the end behind the other. Height and width are those of the
            layer, with patches those of the frame divided by the patches so far. None
            is zeros.

        c : list of array-like of shape (n_clips, height, width, H), default=None
            Cell states to begin with, as `h`.

        Returns
        -------
        state : State
            To be passed to :meth:`predict_step`, or as ``initial_state`` to
            ``predict`` and :meth:`transform`.

        Raises
        ------
        TypeError
            If a number is no integer, or `h` or `c` are no lists of real numbers.
        ValueError
            If a number is below 1, or if `h` or `c` have other shapes than the states
            of the network or hold NaN or infinity.

        See Also
        --------
        predict_step : Read a frame and predict.
        """
        fitted = fitted_of(self)
        with fitted.network() as network:
            return begin_clips(network, fitted, n_clips, height, width, h, c)

    def predict_step(
        self,
        X: ArrayLike,
        state: State,
        *,
        method: Literal[
            "predict", "predict_proba", "predict_log_proba", "decision_function"
        ] = "predict",
    ) -> tuple[np.ndarray, State]:
        """Read one frame of each clip and predict from all frames so far.

        The prediction is the one of `method` for the clips up to here, to the bit.

        Parameters
        ----------
        X : array-like of shape (n_clips, height, width[, n_channels])
            The next frame of each clip. With one clip a frame of shape (height, width)
            or (height, width, n_channels) will do.

        state : State
            What :meth:`initial_state` or the last call returned. It is not changed.

        method : {"predict", "predict_proba", "predict_log_proba", \
                "decision_function"}, default="predict"
            Which prediction to return.

        Returns
        -------
        y : ndarray of shape (n_clips,) or (n_clips, n_outputs)
            The predictions, as `method` returns them for n_clips clips.

        state : State
            The state after the frame.

        Raises
        ------
        TypeError
            If `state` is no state, or X cannot be read as an array.
        ValueError
            If X has another shape than the state, a value that is not finite (but for
            NaN where `missing` is not "error"), if the state is one of a network of
            another architecture or a part of it was changed, or if the network is
            bidirectional: one of its directions reads every clip from its end, which a
            stream does not have yet.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import ConvLSTMRegressor
        >>> X = np.random.default_rng(0).random((20, 4, 6, 6))
        >>> y = X.mean(axis=(1, 2, 3))
        >>> model = ConvLSTMRegressor(4, max_iter=5, random_state=0).fit(X, y)
        >>> state = model.initial_state()
        >>> for frame in X[0]:
        ...     prediction, state = model.predict_step(frame, state)
        >>> bool(prediction == model.predict(X[:1]))
        True
        """
        return super().predict_step(X, state, method=method)

    def _read_step(self, fitted, X, state):
        return read_frames(self, fitted, X, state)[1:]

    @staticmethod
    def _check_state(name, state, network, fitted):
        """A state once it is one of what is fitted, whatever the size of its frames."""
        return check_clip_state(name, state, network, fitted)

    def _check_X(self, fitted, X, state=None):
        X = super()._check_X(fitted, X, state)
        if state is not None:
            own = state.network["height"], state.network["width"]
            if X.frame_shape[:2] != own:
                height, width, _ = X.frame_shape
                raise ValueError(
                    f"initial_state is of frames of {own[0]} x {own[1]} pixels, but X "
                    f"has frames of {height} x {width}. Pass a state of this size: "
                    f"initial_state(n_clips, {height}, {width})."
                )
        return X

    # ---- hidden states as features -------------------------------------------------

    def transform(
        self,
        X: ClipsLike,
        output: Literal["last", "sequence"] = "last",
        *,
        initial_state: State | None = None,
    ) -> Any:
        """Hidden states of the uppermost layer, pooled over space.

        Parameters
        ----------
        X : array-like of shape (n_clips, n_frames, height, width[, n_channels]), or \
                list of arrays
            The clips, as in :meth:`fit`.

        output : {"last", "sequence"}, default="last"
            What to return:

            - "last": the hidden state after the last frame of each clip, as features
              for another estimator;
            - "sequence": the hidden states after every frame, as features for an
              estimator of sequences.

            Of each channel it is the mean or the maximum over the pixels, as
            `space_pooling` says. Only the first is a table, for which
            :meth:`set_output` chooses the container; with "pandas" or "polars" the
            second bears the names of :meth:`get_feature_names_out`. `pooling` has no
            part in any of them.

        initial_state : State, default=None
            What :meth:`initial_state` or :meth:`predict_step` returned, for as many
            clips as X has: where the network begins. None is a state of zeros.

        Returns
        -------
        X_out : ndarray of shape (n_clips, H) or SequenceArray
            With two directions side by side 2 H instead of H columns.

        Raises
        ------
        ValueError
            If X is not valid, as in ``predict``, or `output` none of the two.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import ConvLSTMRegressor
        >>> X = np.random.default_rng(0).random((20, 4, 6, 6))
        >>> y = X.mean(axis=(1, 2, 3))
        >>> model = ConvLSTMRegressor(4, max_iter=5, random_state=0).fit(X, y)
        >>> model.transform(X).shape
        (20, 4)
        >>> model.transform(X, "sequence")
        <SequenceArray: 20 sequences, 4 steps, 4 features, float32>
        """
        if output == "gates":
            raise ValueError(
                "output='gates' is for sequences of vectors: of frames gates are an "
                "image for each channel, layer and frame. Use output='sequence' for "
                "the hidden states after every frame, pooled over space."
            )
        if output not in ("last", "sequence"):
            raise ValueError(f"output={output!r} is none of 'last' and 'sequence'.")
        return super().transform(X, output, initial_state=initial_state)

    @property
    def _n_features_out(self):
        """Columns of `transform`, from which their names are made."""
        architecture = fitted_of(self).architecture
        directions = 1 + architecture["bidirectional"]
        return architecture["hidden_channels"][-1] * directions
