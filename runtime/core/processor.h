/* SPDX-License-Identifier: MIT
 * For which processor code is made. Two levels of x86-64 only, so that machines of a fleet share results:
 * baseline, and v3 (AVX2, FMA). Native code and the interpreter both ask here, since exp, log and what is
 * made of them round differently with fused multiply-add. BOREL_BASELINE=1 asks for the baseline on any
 * machine. */
#ifndef BOREL_CORE_PROCESSOR_H
#define BOREL_CORE_PROCESSOR_H

int borel_processor_has_fma(void);
/* The compiler's flag for it, which is also what engine ids name it by. */
const char *borel_processor_flag(void);

#endif
