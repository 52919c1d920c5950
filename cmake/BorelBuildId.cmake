# SPDX-License-Identifier: MIT
# borel_build_id(<target>): gives the target a generated build_id.h with
#
#   #define BOREL_BUILD_ID "<16 hex digits>"
#
# the start of a SHA-256 over every file of runtime/, the compiler and the flags. It is made again at build time
# when one of these changes, and rewritten only when the value differs.

function(borel_build_id target)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS
    "${CMAKE_SOURCE_DIR}/runtime/*.c" "${CMAKE_SOURCE_DIR}/runtime/*.h" "${CMAKE_SOURCE_DIR}/runtime/*.def")
  get_directory_property(options COMPILE_OPTIONS)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  set(toolchain "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} ${CMAKE_SYSTEM_PROCESSOR}")
  string(APPEND toolchain " ${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${config}} ${options}")

  set(folder "${CMAKE_BINARY_DIR}/generated")
  set(inputs "${folder}/build_id_inputs.cmake")
  file(CONFIGURE OUTPUT "${inputs}" @ONLY CONTENT [[
set(root "@CMAKE_SOURCE_DIR@")
set(toolchain "@toolchain@")
set(files "@files@")
]])
  set(script "${CMAKE_SOURCE_DIR}/cmake/write_build_id.cmake")
  add_custom_command(
    OUTPUT "${folder}/build_id.h"
    COMMAND ${CMAKE_COMMAND} -DINPUTS=${inputs} -DOUTPUT=${folder}/build_id.h -P "${script}"
    DEPENDS ${files} "${inputs}" "${script}"
    COMMENT "Build id of ${target}"
    VERBATIM)
  target_sources(${target} PRIVATE "${folder}/build_id.h")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()
