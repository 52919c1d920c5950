# SPDX-License-Identifier: MIT
# Script mode: writes OUTPUT (build_id.h) from what INPUTS names; see BorelBuildId.cmake.

include("${INPUTS}")
set(text "${toolchain}\n")
foreach(file IN LISTS files)
  file(SHA256 "${file}" hash)
  # Paths relative to the tree, so that two checkouts of one source agree.
  cmake_path(RELATIVE_PATH file BASE_DIRECTORY "${root}")
  string(APPEND text "${file} ${hash}\n")
endforeach()
string(SHA256 id "${text}")
string(SUBSTRING "${id}" 0 16 id)
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define BOREL_BUILD_ID \"${id}\"\n")
