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
borel_optional(CAIRO cairo-svg "pictures")

# SUNDIALS has no pkg-config file. Its interface changes with each major version: 6 is the one used here.
find_path(SUNDIALS_INCLUDE_DIR cvodes/cvodes.h)
find_library(SUNDIALS_CVODES_LIBRARY sundials_cvodes)
mark_as_advanced(SUNDIALS_INCLUDE_DIR SUNDIALS_CVODES_LIBRARY)
set(SUNDIALS_MAJOR 0)
if(SUNDIALS_INCLUDE_DIR AND SUNDIALS_CVODES_LIBRARY)
  file(STRINGS "${SUNDIALS_INCLUDE_DIR}/sundials/sundials_config.h" line REGEX "define SUNDIALS_VERSION_MAJOR")
  string(REGEX MATCH "[0-9]+" SUNDIALS_MAJOR "${line}")
endif()
if(SUNDIALS_MAJOR EQUAL 6)
  add_library(borel_sundials INTERFACE)
  target_include_directories(borel_sundials SYSTEM INTERFACE "${SUNDIALS_INCLUDE_DIR}")
  target_link_libraries(borel_sundials INTERFACE "${SUNDIALS_CVODES_LIBRARY}")
  target_compile_definitions(borel_sundials INTERFACE BOREL_HAVE_SUNDIALS)
  message(STATUS "Optional: sundials ${SUNDIALS_MAJOR} found (stiff differential equations)")
else()
  message(STATUS "Optional: sundials 6 missing (stiff differential equations)")
endif()
