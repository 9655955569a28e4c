"""Frames as convolutions read them, and the bands of lines that they are computed in.

Frames are planes (conv.h): plane i has its pixel (y, x) at
``lead + ((i (height + pad_h) + y) (width + pad_w) + x) depth``. The margins, zeros, are
right of a line and below a plane; what is left of a line is the margin of the one above
it, and what is above a plane that of the plane before. What convolutions read are planes:
x, h and the gates; all else has no margins.

Each time step is cut into bands of lines, of all clips one after the other, of which a
thread has as many as any other; all threads meet after it. A band is a line, or for
kernels of 3 x 3 and 5 x 5 taps a line of the tiles of winograd.h.
"""

cdef extern from "<conv.h>" nogil:
    ctypedef struct window_type:
        Py_ssize_t depth
        const Py_ssize_t* pieces
        Py_ssize_t n
        Py_ssize_t K
    void conv_forward_line(
        const cell_type*, Py_ssize_t, Py_ssize_t, const window_type*, const real*,
        const window_type*, const real*, const real*, const real*, const real*,
        const real*, real*, real*, real*) noexcept
    void conv_backward_line(
        const cell_type*, Py_ssize_t, Py_ssize_t, const window_type*, const real*,
        const real*, const real*, const real*, const real*, const real*, const real*,
        real*, real*) noexcept
    void window_line(
        Py_ssize_t, Py_ssize_t, const window_type*, const real*, const real*,
        real*) noexcept

cdef extern from "<winograd.h>" nogil:
    const int MOST_POSITIONS, N_TILINGS
    ctypedef struct tiling_type:
        int kernel
        int m_y
        int m_x
        int n_y
        int n_x
    const tiling_type tilings[]
    ctypedef struct tiles_type:
        const tiling_type* tiling
        Py_ssize_t height
        Py_ssize_t width
        Py_ssize_t across
        Py_ssize_t first
        Py_ssize_t end
    ctypedef struct image_type:
        Py_ssize_t height
        Py_ssize_t width
        const real* first
        Py_ssize_t line
        Py_ssize_t depth
        Py_ssize_t parts
        Py_ssize_t inner
        Py_ssize_t used
    Py_ssize_t positions_apart(Py_ssize_t) noexcept
    void winograd_inputs(
        const tiling_type*, const image_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, real*,
        Py_ssize_t) noexcept
    void winograd_gradients(
        const tiling_type*, const image_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, real*,
        Py_ssize_t) noexcept
    void winograd_forward(
        const cell_type*, const tiles_type*, Py_ssize_t, const real*, Py_ssize_t,
        const real*, Py_ssize_t, const real*, const real*, const real*, const real*,
        real*, Py_ssize_t, real*, Py_ssize_t, real*) noexcept
    void winograd_backward(
        const cell_type*, const tiles_type*, Py_ssize_t, const real*, Py_ssize_t,
        const real*, const real*, const real*, const real*, const real*, const real*,
        Py_ssize_t, real*, real*, Py_ssize_t) noexcept
    void winograd_convolution(
        const tiles_type*, Py_ssize_t, const real*, Py_ssize_t, const real*,
        real*) noexcept
    void winograd_factors(const tiling_type*, int, real*) noexcept
    void add_rows_times(
        int, const real*, const real*, Py_ssize_t, Py_ssize_t, real*) noexcept

cdef enum:
    CONV_GATES = 4
    # Bytes of the gradients of gates that all products of a thread pass over together.
    CONV_GROUP = 1 << 17
    # Tiles that a thread computes together, at least, and those of gradients of weights.
    TILES_TOGETHER = 12
    GRADIENT_TILES = 128
    MOST_TAPS = 25
    MOST_LANES = 16


cdef struct Frame:
    Py_ssize_t height
    Py_ssize_t width
    Py_ssize_t pad_h
    Py_ssize_t pad_w
    Py_ssize_t kernel_h
    Py_ssize_t kernel_w


cdef int read_geometry(geometry, Frame* frame) except -1:
    (
        frame.height, frame.width, frame.pad_h, frame.pad_w, frame.kernel_h,
        frame.kernel_w,
    ) = geometry
    if (
        frame.height < 1 or frame.width < 1 or frame.kernel_h < 1 or frame.kernel_w < 1
        or frame.pad_h < frame.kernel_h // 2 or frame.pad_w < frame.kernel_w // 2
    ):
        raise ValueError(f"There are no frames of the geometry {tuple(geometry)}.")
    return 0


cdef inline Py_ssize_t line_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    """Elements from one line of planes to the next."""
    return (frame.width + frame.pad_w) * depth


cdef inline Py_ssize_t plane_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    return (frame.height + frame.pad_h) * line_size(frame, depth)


cdef inline Py_ssize_t lead_size(const Frame* frame, Py_ssize_t depth) noexcept nogil:
    return padded((frame.pad_h * (frame.width + frame.pad_w) + frame.pad_w) * depth)


def plane_lead(Py_ssize_t width, Py_ssize_t pad_h, Py_ssize_t pad_w, Py_ssize_t depth):
    """Elements before the first plane: zeros."""
    cdef Frame frame
    read_geometry((1, width, pad_h, pad_w, 1, 1), &frame)
    return lead_size(&frame, depth)


def planes_size(
    Py_ssize_t n, Py_ssize_t height, Py_ssize_t width, Py_ssize_t pad_h, Py_ssize_t pad_w,
    Py_ssize_t depth,
):
    """Elements of n planes, with margins and what is before the first."""
    cdef Frame frame
    read_geometry((height, width, pad_h, pad_w, 1, 1), &frame)
    return lead_size(&frame, depth) + n * plane_size(&frame, depth)


cdef pieces_of(
    const Frame* frame, Py_ssize_t depth, Py_ssize_t inner, Py_ssize_t used, bint flipped
):
    """Where the stretches around a pixel begin, and the numbers of each.

    A pixel has `inner` numbers, and that as often as `depth` has it; of each `used`
    count, and behind those that do there is padding. `flipped` is the kernel of the
    gradient, in which every tap is where it was seen from.
    """
    cdef Py_ssize_t top = (frame.kernel_h - 1) // 2, left = (frame.kernel_w - 1) // 2
    if flipped:
        top, left = frame.kernel_h - 1 - top, frame.kernel_w - 1 - left
    lines = (np.arange(frame.kernel_h) - top) * line_size(frame, depth)
    if used == inner:
        return (lines - left * depth).astype(np.intp), frame.kernel_w * depth
    taps = (np.arange(frame.kernel_w) - left) * depth
    parts = np.arange(0, depth, inner)
    pieces = lines[:, None, None] + taps[:, None] + parts
    return pieces.ravel().astype(np.intp), used


cdef window_type window_of(
    Py_ssize_t depth, const Py_ssize_t[::1] pieces, Py_ssize_t K
) noexcept:
    cdef window_type window
    window.depth = depth
    window.pieces = address(pieces)
    window.n = pieces.shape[0] if K else 0
    window.K = K
    return window


cdef real* planes(
    name, a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except? NULL:
    """The first pixel of the first of n planes; NULL for None."""
    cdef real[::1] view = a
    if a is None:
        return NULL
    check_planes(name, view, frame, n, depth)
    return &view[0] + lead_size(frame, depth) if view.shape[0] else NULL


cdef const real* read_planes(
    name, a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except? NULL:
    cdef const real[::1] view = a
    if a is None:
        return NULL
    check_planes(name, view, frame, n, depth)
    return &view[0] + lead_size(frame, depth) if view.shape[0] else NULL


cdef int check_planes(
    name, const real[::1] a, const Frame* frame, Py_ssize_t n, Py_ssize_t depth
) except -1:
    cdef Py_ssize_t size = lead_size(frame, depth) + n * plane_size(frame, depth)
    if a.shape[0] != size:
        raise ValueError(
            f"{name} has {a.shape[0]} elements, {n} planes of depth {depth} have {size}."
        )
    return 0


cdef inline void end_line(
    const Frame* frame, Py_ssize_t depth, Py_ssize_t y, real* line
) noexcept nogil:
    """The margins behind line y, whose pixels begin at `line`."""
    memset(line + frame.width * depth, 0, frame.pad_w * depth * sizeof(real))
    if y == frame.height - 1:
        memset(
            line + line_size(frame, depth), 0,
            frame.pad_h * line_size(frame, depth) * sizeof(real),
        )


cdef inline void begin_planes(
    const Frame* frame, Py_ssize_t depth, real* first
) noexcept nogil:
    """The zeros before the first plane."""
    cdef Py_ssize_t n = lead_size(frame, depth)
    memset(first - n, 0, n * sizeof(real))


cdef inline void copy_line(const real* source, Py_ssize_t n, real* target) noexcept nogil:
    """NULL stands for zeros."""
    if source == NULL:
        memset(target, 0, n * sizeof(real))
    else:
        memcpy(target, source, n * sizeof(real))


cdef inline const real* at(const real* a, Py_ssize_t offset) noexcept nogil:
    if a == NULL:
        return NULL
    return a + offset


# ---- bands ----------------------------------------------------------------------------


cdef struct Bands:
    # of a frame
    const tiling_type* tiling  # NULL: bands are lines, and products are of all taps
    Py_ssize_t lines           # of a band
    Py_ssize_t n
    Py_ssize_t across          # tiles of a band
    Py_ssize_t together        # bands that a thread computes at once, at the most


cdef Bands bands_of(const Frame* frame) noexcept nogil:
    cdef Bands bands
    cdef int i
    bands.tiling = NULL
    bands.lines, bands.across, bands.together = 1, 0, 1
    for i in range(N_TILINGS):
        if frame.kernel_h == tilings[i].kernel == frame.kernel_w:
            bands.tiling = &tilings[i]
            bands.lines = tilings[i].m_y
            bands.across = ceil_div(frame.width, tilings[i].m_x)
            bands.together = ceil_div(TILES_TOGETHER, bands.across)
    bands.n = ceil_div(frame.height, bands.lines)
    return bands


cdef inline Py_ssize_t positions(const Bands* bands) noexcept nogil:
    """Products in place of those of all taps; 0 where they are not replaced."""
    return 0 if bands.tiling == NULL else bands.tiling.n_y * bands.tiling.n_x


cdef inline Py_ssize_t transformed(
    const Bands* bands, Py_ssize_t channels
) noexcept nogil:
    """Numbers of the inputs that a thread computes at once."""
    return positions(bands) * positions_apart(bands.together * bands.across * channels)


cdef inline Py_ssize_t n_factors(int kernel_h, int kernel_w) noexcept nogil:
    """Matrices of weights: taps, or what takes their place."""
    cdef Frame frame
    cdef Bands bands
    frame.height = frame.width = 1
    frame.kernel_h, frame.kernel_w = kernel_h, kernel_w
    bands = bands_of(&frame)
    return positions(&bands) or kernel_h * kernel_w


cdef inline tiles_type tiles_of(
    const Frame* frame, const Bands* bands, Py_ssize_t first, Py_ssize_t n
) noexcept nogil:
    """The tiles of n bands."""
    cdef tiles_type tiles
    tiles.tiling = bands.tiling
    tiles.height, tiles.width, tiles.across = frame.height, frame.width, bands.across
    tiles.first, tiles.end = first * bands.across, (first + n) * bands.across
    return tiles


cdef inline image_type image_of(
    const Frame* frame, const real* plane, Py_ssize_t depth, Py_ssize_t inner,
    Py_ssize_t used,
) noexcept nogil:
    """A plane as tiles read it: of each pixel depth / inner parts."""
    cdef image_type image
    image.height, image.width, image.first = frame.height, frame.width, plane
    image.line, image.depth = line_size(frame, depth), depth
    image.inner, image.used = inner, used
    image.parts = depth // inner if depth else 0
    return image
