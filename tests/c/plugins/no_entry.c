/* SPDX-License-Identifier: MIT */
/* A shared object, but no plugin. */
__attribute__((visibility("default"))) int borel_plugin_entri(void);
int borel_plugin_entri(void) { return 0; }
