"""Weights and their gradients where products at the positions of tiles take the place
of those of taps (winograd.h)."""


cdef void winograd_rows(
    const tiling_type* tiling, int s, const real* weights, Py_ssize_t n, Py_ssize_t H,
    Py_ssize_t block, real* packed,
) noexcept nogil:
    """At position s one block of the columns of n channels."""
    cdef Py_ssize_t columns = min(<Py_ssize_t>LANES, H - block * LANES), k, g
    cdef Py_ssize_t width = CONV_GATES * H
    cdef real factors[MOST_TAPS]
    winograd_factors(tiling, s, factors)
    memset(packed, 0, n * CONV_GATES * LANES * sizeof(real))
    for k in range(n):
        for g in range(CONV_GATES):
            add_rows_times(
                tiling.kernel * tiling.kernel, factors,
                weights + k * width + g * H + block * LANES, n * width, columns,
                packed + (k * CONV_GATES + g) * LANES,
            )


cdef void winograd_columns(
    const tiling_type* tiling, int s, const real* weights, Py_ssize_t n_channels,
    Py_ssize_t H, Py_ssize_t n, Py_ssize_t panel_width, real* packed,
) noexcept nogil:
    """At position s one gate of n channels transposed; taps in the opposite order."""
    cdef Py_ssize_t unit, column, tap, i, part
    cdef Py_ssize_t width = CONV_GATES * H, taps = tiling.kernel * tiling.kernel
    cdef real factors[MOST_TAPS]
    cdef real flipped[MOST_TAPS]
    cdef real some[MOST_LANES]
    winograd_factors(tiling, s, factors)
    for tap in range(taps):
        flipped[tap] = factors[taps - 1 - tap]
    memset(packed, 0, H * panel_width * sizeof(real))
    for column in range(n):
        for unit from 0 <= unit < H by MOST_LANES:
            part = min(<Py_ssize_t>MOST_LANES, H - unit)
            memset(some, 0, sizeof(some))
            add_rows_times(
                <int>taps, flipped, weights + column * width + unit, n_channels * width,
                part, some,
            )
            for i in range(part):
                packed[(unit + i) * panel_width + column] = some[i]


cdef void winograd_weight_gradients(
    const ConvBackward* layer, int n_shares, int thread, int n_threads
) noexcept nogil:
    """All threads together: the transforms of some bands, then the products of their own
    parts, and in the end what these are of the taps."""
    cdef const Frame* frame = &layer.frame
    cdef const Bands* bands = &layer.bands
    cdef const tiling_type* tiling = bands.tiling
    cdef Py_ssize_t width = CONV_GATES * layer.units, S = positions(bands)
    cdef Py_ssize_t total = layer.N * bands.n, begin, n, i, m, band, rows, column, k
    cdef Py_ssize_t z_plane = plane_size(frame, width), at_row, channels
    cdef const Py_ssize_t* task
    cdef image_type image
    cdef int share, operand, C
    for begin from 0 <= begin < total by layer.gradient_bands:
        n = min(layer.gradient_bands, total - begin)
        rows = n * bands.across
        for i in range(n * thread // n_threads, n * (thread + 1) // n_threads):
            m, band = (begin + i) // bands.n, (begin + i) % bands.n
            at_row = i * bands.across
            image = image_of(
                frame, layer.kept + m * z_plane, width, layer.units, layer.units
            )
            winograd_gradients(
                tiling, &image, bands.across, band * bands.across,
                (band + 1) * bands.across, layer.d_z_transformed + at_row * width,
                positions_apart(rows * width),
            )
            for operand in range(2):
                channels = layer.channels[operand]
                if not channels:
                    continue
                image = image_of(
                    frame,
                    layer.inputs[operand] + layer.input_rows[operand][m]
                    * plane_size(frame, layer.windows[operand].depth),
                    layer.windows[operand].depth, layer.windows[operand].depth, channels,
                )
                winograd_inputs(
                    tiling, &image, bands.across, band * bands.across,
                    (band + 1) * bands.across,
                    layer.transformed[operand] + at_row * channels,
                    positions_apart(rows * channels),
                )
        wait_for_all()
        for share from thread <= share < n_shares by n_threads:
            for i in range(layer.task_ends[share], layer.task_ends[share + 1]):
                task = layer.tasks + 5 * i
                operand, column = <int>task[0], task[4] * PANEL * LANES
                channels = layer.channels[operand]
                C = <int>min(<Py_ssize_t>PANEL, width // LANES - task[4] * PANEL)
                outer(
                    0, rows,
                    layer.transformed[operand]
                    + task[1] * positions_apart(rows * channels) + task[2],
                    layer.in_order, channels, task[3],
                    layer.d_z_transformed
                    + task[1] * positions_apart(rows * width) + column, width, C,
                    layer.gradients[operand]
                    + (task[1] * channels + task[2]) * width + column,
                    width, NULL,
                )
        wait_for_all()
    n = tiling.kernel * tiling.kernel
    for operand in range(2):
        for i in range(n * thread // n_threads, n * (thread + 1) // n_threads):
            taps_from_positions(layer, operand, <int>i, layer.channels[operand], S)
    k = width // LANES
    for i in range(k * thread // n_threads, k * (thread + 1) // n_threads):
        add_pixels(layer, i * LANES)


cdef void taps_from_positions(
    const ConvBackward* layer, int operand, int tap, Py_ssize_t channels, Py_ssize_t S
) noexcept nogil:
    """Gradients of the weights of one tap."""
    cdef real factors[MOST_TAPS]
    cdef real of_tap[MOST_POSITIONS]
    cdef Py_ssize_t units = layer.units, H = layer.H, channel, g
    cdef int s
    for s in range(<int>S):
        winograd_factors(layer.bands.tiling, s, factors)
        of_tap[s] = factors[tap]
    for channel in range(channels):
        for g in range(CONV_GATES):
            add_rows_times(
                <int>S, of_tap,
                layer.gradients[operand] + (channel * CONV_GATES + g) * units,
                channels * CONV_GATES * units, H,
                layer.given[operand] + ((tap * channels + channel) * CONV_GATES + g) * H,
            )


cdef void add_pixels(const ConvBackward* layer, Py_ssize_t column) noexcept nogil:
    """d_b += sum of d_z, one vector of columns: a chain over frames, lines and pixels."""
    cdef const Frame* frame = &layer.frame
    cdef Py_ssize_t width = CONV_GATES * layer.units, m, y, x, i
    cdef const real* pixel
    cdef real total[MOST_LANES]
    memcpy(total, layer.d_b + column, LANES * sizeof(real))
    for m in range(layer.N):
        for y in range(frame.height):
            pixel = (
                layer.kept + m * plane_size(frame, width) + y * line_size(frame, width)
                + column
            )
            for x in range(frame.width):
                for i in range(LANES):
                    total[i] += pixel[x * width + i]
    memcpy(layer.d_b + column, total, LANES * sizeof(real))
