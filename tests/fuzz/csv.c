/* SPDX-License-Identifier: MIT
 * Fuzzing the reader of CSV files. The first byte chooses the options. */
#include "data/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const some[] = {"a", "b"};
  static const borel_csv_typed types[] = {{"a", BOREL_CSV_TEXT}, {"b", BOREL_CSV_F64}, {"c", BOREL_CSV_I64}};
  if (size == 0) return 0;
  borel_csv_options options = {
      .delimiter = data[0] & 1 ? ';' : 0,
      .columns = some,
      .column_count = data[0] & 2 ? 2 : 0,
      .types = types,
      .type_count = data[0] >> 2 & 3,
  };
  borel_table table;
  borel_error error;
  volatile double sink = 0;
  if (borel_csv_parse("input", data + 1, size - 1, &options, &table, &error)) return 0;
  for (size_t i = 0; i < table.count; i++)
    for (size_t row = 0; row < table.rows; row++) {
      const borel_column *column = &table.columns[i];
      sink = column->cells ? (double)column->cells[row].length : borel_array_at(&column->array, (int64_t)row);
    }
  (void)sink;
  borel_table_free(&table);
  return 0;
}
