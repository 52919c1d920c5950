# SPDX-License-Identifier: MIT
# What Borel needs (configure stops without it) and what it can use (one status line each).
# docs/dependencies.md names the Debian packages.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET QUIET jansson)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET QUIET openblas)
pkg_check_modules(LAPACKE REQUIRED IMPORTED_TARGET QUIET lapacke)
pkg_check_modules(LUA REQUIRED IMPORTED_TARGET QUIET lua5.4)

# borel_optional(<PREFIX> <pkg-config module> <what it is for>): PkgConfig::<PREFIX> when found.
macro(borel_optional prefix module purpose)
  pkg_check_modules(${prefix} IMPORTED_TARGET QUIET GLOBAL ${module})
  if(${prefix}_FOUND)
    message(STATUS "Optional: ${module} ${${prefix}_VERSION} found (${purpose})")
  else()
    message(STATUS "Optional: ${module} missing (${purpose})")
  endif()
endmacro()

borel_optional(CRITERION criterion "C tests")
borel_optional(GSL gsl "reference values in C tests")
