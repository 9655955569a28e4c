"""The kernels of recurrent layers, and of a head over a vocabulary, that multiply
bfloat16 numbers (operands.h).

All that is no product of matrices is in float32, and so are all arrays.
"""
import numpy as np

include "common.pxi"
include "packing.pxi"
include "weight_gradients.pxi"
include "rows.pxi"
include "rounded.pxi"
include "forward.pxi"
include "backward.pxi"
include "one_step.pxi"
include "softmax.pxi"
