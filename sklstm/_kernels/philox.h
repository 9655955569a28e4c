/* Philox 4x32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as
   1, 2, 3"): a draw is a function of what it is for. */
#ifndef SKLSTM_PHILOX_H
#define SKLSTM_PHILOX_H

#include <stdint.h>

/* Four numbers of 32 bits in place of a counter, with a key of two. */
static inline void philox_rounds(uint32_t *c, uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53 * c[0];
        const uint64_t b = (uint64_t)0xCD9E8D57 * c[2];
        c[0] = (uint32_t)(b >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)a;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
}

#endif
