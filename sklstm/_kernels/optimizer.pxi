"""Passes over the flat parameter vector: its norm and the steps of optimizers."""
cdef extern from "<optimizer.h>" nogil:
    const int UPDATE_CHUNK
    const double LEAST
    double sum_of_squares(Py_ssize_t, const real*) noexcept
    ctypedef struct update:
        void (*rule)(const update*, Py_ssize_t, Py_ssize_t) noexcept nogil
        real* p
        const real* gradient
        real* m
        real* v
        const real* decay
        real scale, rate, step, momentum, beta_1, rest_1, beta_2, rest_2, epsilon
        int nesterov
    void adam(const update*, Py_ssize_t, Py_ssize_t) noexcept
    void rmsprop(const update*, Py_ssize_t, Py_ssize_t) noexcept
    void sgd(const update*, Py_ssize_t, Py_ssize_t) noexcept


def gradient_norm(const real[::1] gradient, int n_threads=1):
    """Euclidean norm, the sum in float64 and in an order that no thread changes."""
    cdef Py_ssize_t n = gradient.shape[0], chunks = ceil_div(n, UPDATE_CHUNK), i
    cdef double[::1] partial = np.empty(chunks)
    for i in prange(chunks, nogil=True, schedule="static", num_threads=n_threads):
        partial[i] = sum_of_squares(
            min(<Py_ssize_t>UPDATE_CHUNK, n - i * UPDATE_CHUNK),
            &gradient[i * UPDATE_CHUNK],
        )
    cdef double total = 0
    for i in range(chunks):
        total += partial[i]
    return sqrt(total)


cdef void run(update* u, Py_ssize_t n, int n_threads) noexcept:
    """A step of an optimizer, chunk by chunk."""
    cdef Py_ssize_t i
    cdef unsigned long long denormals = 0
    with nogil, parallel(num_threads=n_threads):
        denormals = flush_denormals()
        for i in prange(ceil_div(n, UPDATE_CHUNK), schedule="static"):
            u.rule(u, i * UPDATE_CHUNK, min((i + 1) * UPDATE_CHUNK, n))
        restore_denormals(denormals)


cdef int check_sizes(Py_ssize_t n, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c) except -1:
    """Every vector of a step has an element for each parameter."""
    if not a == b == c == n:
        raise ValueError("The vectors of an optimizer step differ in size.")
    return 0


def adam_step(
    real[::1] parameters,      # IN/OUT
    const real[::1] gradient,  # IN
    real[::1] m,               # IN/OUT
    real[::1] v,               # IN/OUT
    const real[::1] decay or None,  # IN
    double scale,
    double rate,
    double step,
    double beta_1,
    double beta_2,
    double epsilon,
    int n_threads=1,
):
    """A step of Adam with `scale` times the gradient; `step` is the rate corrected."""
    cdef update u
    cdef Py_ssize_t n = parameters.shape[0]
    check_sizes(n, gradient.shape[0], m.shape[0], v.shape[0])
    if decay is not None:
        check_sizes(n, decay.shape[0], n, n)
    if n == 0:
        return
    u.rule = adam
    u.p, u.gradient, u.m, u.v = &parameters[0], &gradient[0], &m[0], &v[0]
    u.decay = &decay[0] if decay is not None else NULL
    u.scale, u.rate, u.step = <real>scale, <real>rate, <real>step
    u.beta_1, u.rest_1 = <real>beta_1, <real>(1 - beta_1)
    u.beta_2, u.rest_2 = <real>beta_2, <real>(1 - beta_2)
    u.epsilon = <real>max(epsilon, LEAST)
    run(&u, n, n_threads)


def rmsprop_step(
    real[::1] parameters,      # IN/OUT
    const real[::1] gradient,  # IN
    real[::1] v,               # IN/OUT
    double scale,
    double rate,
    double beta_2,
    double epsilon,
    int n_threads=1,
):
    """A step of RMSProp with `scale` times the gradient."""
    cdef update u
    cdef Py_ssize_t n = parameters.shape[0]
    check_sizes(n, gradient.shape[0], v.shape[0], n)
    if n == 0:
        return
    u.rule = rmsprop
    u.p, u.gradient, u.v = &parameters[0], &gradient[0], &v[0]
    u.scale, u.rate = <real>scale, <real>rate
    u.beta_2, u.rest_2 = <real>beta_2, <real>(1 - beta_2)
    u.epsilon = <real>max(epsilon, LEAST)
    run(&u, n, n_threads)


def sgd_step(
    real[::1] parameters,      # IN/OUT
    const real[::1] gradient,  # IN
    real[::1] velocity,        # IN/OUT
    double scale,
    double rate,
    double momentum,
    bint nesterov,
    int n_threads=1,
):
    """A step of gradient descent with momentum, with `scale` times the gradient."""
    cdef update u
    cdef Py_ssize_t n = parameters.shape[0]
    check_sizes(n, gradient.shape[0], velocity.shape[0], n)
    if n == 0:
        return
    u.rule = sgd
    u.p, u.gradient, u.v = &parameters[0], &gradient[0], &velocity[0]
    u.scale, u.rate = <real>scale, <real>rate
    u.momentum, u.nesterov = <real>momentum, nesterov
    run(&u, n, n_threads)
