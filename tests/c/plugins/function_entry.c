/* SPDX-License-Identifier: MIT */
/* Exports code under the name of the entry. */
__attribute__((visibility("default"))) int borel_plugin_entry(void);
int borel_plugin_entry(void) { return 0; }
