/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of run manifests. */
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  json_t *manifest;
  borel_error error;
  if (borel_manifest_parse((const char *)data, size, "input", &manifest, &error) == BOREL_OK)
    json_decref(manifest);
  return 0;
}
