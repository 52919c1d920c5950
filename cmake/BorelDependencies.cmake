# SPDX-License-Identifier: MIT
# What Borel needs (configure stops without it) and what it can use (one status line each).
# docs/dependencies.md names the Debian packages.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET QUIET jansson)
pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET QUIET openblas)
pkg_check_modules(LAPACKE REQUIRED IMPORTED_TARGET QUIET lapacke)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET QUIET libzip)
pkg_check_modules(LUA REQUIRED IMPORTED_TARGET QUIET lua5.4)

# libcsv comes without a pkg-config file.
find_path(LIBCSV_INCLUDE_DIR csv.h REQUIRED)
find_library(LIBCSV_LIBRARY csv REQUIRED)
add_library(LibCSV::LibCSV UNKNOWN IMPORTED)
set_target_properties(LibCSV::LibCSV PROPERTIES
  IMPORTED_LOCATION "${LIBCSV_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${LIBCSV_INCLUDE_DIR}")

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
