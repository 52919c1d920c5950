/* SPDX-License-Identifier: MIT
 * A look at a shared object before the dynamic linker maps it. */
#ifndef BOREL_HOST_ELF_H
#define BOREL_HOST_ELF_H

#include <borel/plugin.h>

/* Is the open file, of `size` bytes, a complete shared object for this machine? Headers, segments and
 * sections must lie inside the file, since touching a mapped page past its end kills the process. Errors: IO
 * and ARG, with `path` in the text. */
borel_status borel_elf_check(int descriptor, size_t size, const char *path, borel_error *);

#endif
