# SPDX-License-Identifier: MIT
# Compile and link flags shared by every target.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wno-psabi -Werror
  # Results must not depend on whether the compiler fuses a multiply with an add.
  -ffp-contract=off
  # errno from math functions is never read; NaN and infinity keep their meaning.
  -fno-math-errno)
add_link_options(-Wl,--as-needed)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wno-error) # the warnings are those of gcc; clang builds the fuzzing harnesses
endif()

if(BOREL_SANITIZE)
  add_compile_options(-fsanitize=${BOREL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BOREL_SANITIZE})
endif()
