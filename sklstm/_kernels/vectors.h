/* Vectors of LANES numbers, and the few operations on them that GCC's extension lacks.

   One source for all instruction sets and both precisions: the compiler flags of an
   extension (setup.py) choose the type below, everything else is written in terms of
   `real`, `vec` and LANES. */
#ifndef SKLSTM_VECTORS_H
#define SKLSTM_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

#ifdef SKLSTM_FLOAT64
typedef double real;
typedef int64_t bits;
#else
typedef float real;
typedef int32_t bits;
#endif

#if defined(__AVX512F__)
#include <immintrin.h>
#define VECTOR_BYTES 64
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define VECTOR_BYTES 32
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#define VECTOR_BYTES 16
#else
#define VECTOR_BYTES 16
#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#endif

#define LANES ((int)(VECTOR_BYTES / sizeof(real)))

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef bits ivec __attribute__((vector_size(VECTOR_BYTES)));
typedef real vec_unaligned
    __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

INLINE vec load(const real *p) { return *(const vec_unaligned *)p; }
INLINE void store(real *p, vec a) { *(vec_unaligned *)p = a; }
/* a - 0 is a for every a, also for -0, so the compiler drops the subtraction */
INLINE vec broadcast(real a) { return a - (vec){0}; }

/* a * b + c in one rounding (two on x86-64 without FMA) */
INLINE vec fma_vec(vec a, vec b, vec c)
{
#if defined(__AVX512F__) && defined(SKLSTM_FLOAT64)
    return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__) && defined(SKLSTM_FLOAT64)
    return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON) && defined(__aarch64__) && defined(SKLSTM_FLOAT64)
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* min(max(a, low), high); NaN comes through, because a comparison with it is false */
INLINE vec clamp(vec a, real low, real high)
{
#if defined(__AVX512F__) && defined(SKLSTM_FLOAT64)
    a = (vec)_mm512_max_pd(_mm512_set1_pd(low), (__m512d)a);
    return (vec)_mm512_min_pd(_mm512_set1_pd(high), (__m512d)a);
#elif defined(__AVX512F__)
    a = (vec)_mm512_max_ps(_mm512_set1_ps(low), (__m512)a);
    return (vec)_mm512_min_ps(_mm512_set1_ps(high), (__m512)a);
#else
    const vec lo = broadcast(low), hi = broadcast(high);
    ivec under = (ivec)(a < lo), over;
    a = (vec)((under & (ivec)lo) | (~under & (ivec)a));
    over = (ivec)(a > hi);
    return (vec)((over & (ivec)hi) | (~over & (ivec)a));
#endif
}

/* ---- denormals ---------------------------------------------------------------- */

/* Flush denormals to zero in this thread and return what was set before: a denormal
   operand costs about twenty times a normal one and carries nothing here. */
static inline uint64_t flush_denormals(void)
{
#if defined(__SSE2__)
    unsigned int before = _mm_getcsr();
    _mm_setcsr(before | 0x8040u); /* FTZ, DAZ */
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
#else
    return 0;
#endif
}

static inline void restore_denormals(uint64_t before)
{
#if defined(__SSE2__)
    _mm_setcsr((unsigned int)before);
#elif defined(__aarch64__)
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

#endif
