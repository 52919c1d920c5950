# SPDX-License-Identifier: MIT
# borel_plugin(<name> [MUTANTS <n>])
#
# Called from plugins/<kind>/<name>/CMakeLists.txt. Builds <build>/plugins/<kind>/<name>.so from <name>.c, which
# sees only the public headers and links only libm. With MUTANTS it also builds <build>/mutants/<name>-<k>.so for
# k = 1..n with -DBOREL_MUTANT=<k>: wrong on purpose, to show that the checks of the claims would notice.

add_custom_target(mutants)

# A module with the flags every plugin is built with, from one file into one folder.
function(borel_module target source folder output)
  add_library(${target} MODULE "${source}")
  set_target_properties(${target} PROPERTIES
    PREFIX "" SUFFIX ".so" OUTPUT_NAME "${output}"
    LIBRARY_OUTPUT_DIRECTORY "${folder}"
    C_VISIBILITY_PRESET hidden)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}/runtime/include")
  target_link_libraries(${target} PRIVATE m)
endfunction()

function(borel_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MUTANTS" "")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "borel_plugin(${name}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR PARENT_PATH kind_folder)
  cmake_path(GET kind_folder FILENAME kind)
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${name}.c")

  borel_module(plugin_${kind}_${name} "${source}" "${CMAKE_BINARY_DIR}/plugins/${kind}" ${name})
  target_link_options(plugin_${kind}_${name} PRIVATE -Wl,--no-undefined)
  install(TARGETS plugin_${kind}_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/borel/plugins/${kind})

  if(arg_MUTANTS)
    foreach(k RANGE 1 ${arg_MUTANTS})
      set(mutant mutant_${kind}_${name}_${k})
      borel_module(${mutant} "${source}" "${CMAKE_BINARY_DIR}/mutants" ${name}-${k})
      target_compile_definitions(${mutant} PRIVATE BOREL_MUTANT=${k})
      # A mutant drops code, so what that code used may stand idle.
      target_compile_options(${mutant} PRIVATE -Wno-unused)
      target_link_options(${mutant} PRIVATE -Wl,--no-undefined)
      add_dependencies(mutants ${mutant})
    endforeach()
  endif()
endfunction()
