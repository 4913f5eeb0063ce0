// Loops compiled for several vector widths, the widest that the processor has chosen at run time. Every
// operation is rounded separately in all of them, so that the results are the same bits.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define BITLINE_WIDE __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define BITLINE_WIDE
#endif
