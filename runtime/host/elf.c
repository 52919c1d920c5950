/* SPDX-License-Identifier: MIT */
#include "host/elf.h"

#include "core/error.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { MACHINE = EM_RISCV };
#elif defined(__powerpc64__)
enum { MACHINE = EM_PPC64 };
#else
#error "name this machine's ELF number here"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { BYTE_ORDER_HERE = ELFDATA2LSB };
#else
enum { BYTE_ORDER_HERE = ELFDATA2MSB };
#endif

static const char *machine_name(unsigned machine) {
  switch (machine) {
  case EM_X86_64: return "x86-64";
  case EM_386: return "i386";
  case EM_AARCH64: return "AArch64";
  case EM_ARM: return "ARM";
  case EM_RISCV: return "RISC-V";
  case EM_PPC64: return "PowerPC64";
  default: return "another machine";
  }
}

/* Do `size` bytes at `offset` fit into the file? */
static int inside(size_t file, uint64_t offset, uint64_t size) {
  return offset <= file && size <= file - offset;
}

static int read_at(int descriptor, void *out, size_t size, uint64_t offset) {
  return pread(descriptor, out, size, (off_t)offset) == (ssize_t)size;
}

static borel_status truncated(const char *path, size_t size, borel_error *error) {
  return borel_fail(error, BOREL_ARG,
                    "%s: the file is truncated: it ends at byte %zu, before what its headers name", path,
                    size);
}

borel_status borel_elf_check(int descriptor, size_t size, const char *path, borel_error *error) {
  ElfW(Ehdr) head;
  unsigned char mark[EI_NIDENT];
  if (size < sizeof mark || !read_at(descriptor, mark, sizeof mark, 0) || memcmp(mark, ELFMAG, SELFMAG) != 0)
    return borel_fail(error, BOREL_ARG, "%s: not a shared object (no ELF mark at its start)", path);
  if (size < sizeof head || !read_at(descriptor, &head, sizeof head, 0)) return truncated(path, size, error);
  int class_here = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
  if (mark[EI_CLASS] != class_here || mark[EI_DATA] != BYTE_ORDER_HERE || head.e_machine != MACHINE)
    return borel_fail(error, BOREL_ARG, "%s: built for %s%s, but this is %s", path,
                      machine_name(head.e_machine),
                      mark[EI_CLASS] == class_here ? "" : " with another word size", machine_name(MACHINE));
  if (head.e_type != ET_DYN)
    return borel_fail(error, BOREL_ARG,
                      "%s: not a shared object, but another kind of ELF file; link it with -shared", path);
  if (head.e_phnum == 0 || head.e_phentsize != sizeof(ElfW(Phdr)))
    return borel_fail(error, BOREL_ARG, "%s: its ELF header is damaged", path);
  if (!inside(size, head.e_phoff, (uint64_t)head.e_phnum * head.e_phentsize) ||
      !inside(size, head.e_shoff, (uint64_t)head.e_shnum * head.e_shentsize))
    return truncated(path, size, error);
  for (unsigned i = 0; i < head.e_phnum; i++) {
    ElfW(Phdr) segment;
    if (!read_at(descriptor, &segment, sizeof segment, head.e_phoff + i * sizeof segment))
      return borel_fail(error, BOREL_IO, "%s: cannot be read", path);
    if (segment.p_type != PT_GNU_STACK && !inside(size, segment.p_offset, segment.p_filesz))
      return truncated(path, size, error);
  }
  return BOREL_OK;
}
