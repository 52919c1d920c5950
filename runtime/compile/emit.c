/* SPDX-License-Identifier: MIT
 * C emission. An emitted function is
 *     void NAME(void *const *b, const double *c, const long long *n)
 * b: slots (arrays padded to whole lanes) and vectors of the caller, c: numbers of model and data, n:
 * extents. It includes no header and carries its own prototypes; on x86-64 those of libm carry the `simd`
 * attribute, which lets gcc use libmvec without -ffast-math. Loops run over whole lanes, beyond the true
 * size; sums have BOREL_LANES accumulators, so that no compiler may choose their order.
 *
 * Native code and the interpreter give the same bits, with one exception: a loop that calls a function of
 * libm which special.h does not replace (sin, cos, tan, pow, erf, tanh, expm1 and their like) gets libmvec's
 * result, which is within 4 ulp of libm's. */
#include "compile/emit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"
#include "graph/special_functions.h"

/* ---- spelling -------------------------------------------------------------------------------- */

const char *borel_emit_type(const borel_node_info *node) {
  return node->dtype == BOREL_I64 ? "long long" : "double";
}

void borel_emit_extent(const borel_program *p, int64_t extent, borel_text *out) {
  for (size_t k = 0; k < p->tables->extent_count; k++)
    if (p->tables->extents[k] == extent) {
      borel_text_printf(out, "n[%zu]", k);
      return;
    }
  borel_text_printf(out, "%lld", (long long)extent);
}

void borel_emit_size(const borel_program *p, const borel_shape *shape, borel_text *out) {
  int64_t constant = 1;
  int symbols = 0;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->extent[i] <= BOREL_EXTENT_CONSTANT) {
      constant *= shape->extent[i];
      continue;
    }
    if (symbols++) borel_text_printf(out, " * ");
    borel_emit_extent(p, shape->extent[i], out);
  }
  if (!symbols)
    borel_text_printf(out, "%lld", (long long)constant);
  else if (constant != 1)
    borel_text_printf(out, " * %lld", (long long)constant);
}

static void emit_number(const borel_program *p, const borel_node_info *node, borel_text *out) {
  const borel_tables *tables = p->tables;
  if (node->dtype == BOREL_I64 && (int64_t)node->value != node->attr) { /* not exact as a double */
    borel_text_printf(out, "(long long)0x%llxULL", (unsigned long long)node->attr);
    return;
  }
  for (size_t k = 0; k < tables->constant_count; k++)
    if (memcmp(&tables->constants[k], &node->value, sizeof node->value) == 0) {
      borel_text_printf(out, node->dtype == BOREL_I64 ? "(long long)c[%zu]" : "c[%zu]", k);
      return;
    }
  if (node->dtype == BOREL_I64)
    borel_text_printf(out, "%lldLL", (long long)node->attr);
  else
    borel_text_printf(out, "%.1f", node->value);
}

void borel_emit_scalar(const borel_program *p, borel_node i, borel_text *out) {
  const borel_node_info *node = borel_graph_at(p->graph, i);
  if (node->op == BOREL_OP_SCALAR)
    emit_number(p, node, out);
  else
    borel_text_printf(out, "s%d", p->number[i]);
}

void borel_emit_pointer(const borel_program *p, borel_node i, int writable, borel_text *out) {
  if (p->in_place[i]) {
    borel_text_printf(out, "row%d", p->slot_of[i]);
    return;
  }
  borel_text_printf(out, "((%s%s *)b[%d])", writable ? "" : "const ",
                    borel_emit_type(borel_graph_at(p->graph, i)), p->slot_of[i]);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void emit_scalars(const borel_program *p, int32_t k, borel_text *out) {
  for (size_t j = 0; j < p->groups[k].count; j++) {
    borel_node i = p->groups[k].nodes[j];
    borel_text_printf(out, "  const %s s%d = ", borel_emit_type(borel_graph_at(p->graph, i)), p->number[i]);
    borel_emit_value(p, k, i, out);
    borel_text_printf(out, ";\n");
    borel_emit_store(p, i, out);
  }
}

static void emit_structured(const borel_program *p, int32_t k, borel_text *out) {
  static void (*const rules[BOREL_OP_COUNT])(const borel_program *, borel_node, borel_text *) = {
#define STRUCTURED(NAME, lua) [BOREL_OP_##NAME] = borel_emit_##NAME,
#include "graph/ops.def"
  };
  borel_node i = p->groups[k].nodes[0];
  if (p->in_place[i]) return; /* written by the scan around */
  borel_text_printf(out, "  {\n");
  rules[borel_graph_at(p->graph, i)->op](p, i, out);
  borel_text_printf(out, "  }\n");
  if (borel_graph_at(p->graph, i)->shape.rank == 0) {
    borel_text_printf(out, "  const double s%d = ", p->number[i]);
    borel_emit_pointer(p, i, 0, out);
    borel_text_printf(out, "[0];\n");
  }
}

/* Scalar inputs of a body are read from their slots into locals. */
void borel_emit_inputs(const borel_program *p, borel_text *out) {
  for (borel_node i = 0; i < p->nodes; i++) {
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (node->op != BOREL_OP_INPUT || p->slot_of[i] < 0 || node->shape.rank > 0) continue;
    borel_text_printf(out, "  const %s s%d = ", borel_emit_type(node), p->number[i]);
    borel_emit_pointer(p, i, 0, out);
    borel_text_printf(out, "[0];\n");
  }
}

void borel_emit_body(const borel_program *p, borel_text *out) {
  for (borel_node i = 0; i < p->nodes; i++) { /* numbers that somebody reads from memory */
    const borel_node_info *node = borel_graph_at(p->graph, i);
    if (node->op != BOREL_OP_SCALAR || p->slot_of[i] < 0) continue;
    borel_text_printf(out, "  ");
    borel_emit_pointer(p, i, 1, out);
    borel_text_printf(out, "[0] = ");
    emit_number(p, node, out);
    borel_text_printf(out, ";\n");
  }
  for (size_t k = 0; k < p->group_count; k++) switch (p->groups[k].kind) {
    case BOREL_GROUP_SCALARS: emit_scalars(p, (int32_t)k, out); break;
    case BOREL_GROUP_LOOP: borel_emit_loop(p, (int32_t)k, out); break;
    case BOREL_GROUP_STRUCTURED: emit_structured(p, (int32_t)k, out); break;
    case BOREL_GROUP_REGION: borel_emit_region(p, (int32_t)k, out); break;
    }
}

static void emit_bound(const borel_program *p, borel_text *out) {
  const borel_tables *tables = p->tables;
  for (size_t i = 0; i < tables->slot_count; i++) {
    const borel_slot *slot = &tables->slots[i];
    if (slot->caller == BOREL_CALLER_NONE) continue;
    borel_text_printf(out, "  ((void **)b)[%zu] = (double *)b[%zu] + ", i,
                      tables->slot_count + slot->caller - BOREL_CALLER_POINT);
    borel_emit_extent(p, (int64_t)slot->first, out);
    borel_text_printf(out, ";\n");
  }
}

void borel_emit_program(const borel_program *p, const char *name, borel_text *out) {
  borel_emit_ode_functions(p, name, out);
  borel_text_printf(
      out,
      "\nvoid %s(void *const *restrict b, const double *restrict c, const long long *restrict n) {\n"
      "  (void)c, (void)n;\n",
      name);
  emit_bound(p, out);
  borel_emit_inputs(p, out);
  borel_emit_body(p, out);
  borel_text_printf(out, "}\n");
}

/* ---- prelude --------------------------------------------------------------------------------- */

void borel_emit_note_ops(const borel_program *p, uint8_t *used) {
  for (size_t k = 0; k < p->group_count; k++) {
    for (size_t j = 0; j < p->groups[k].count; j++)
      used[borel_graph_at(p->graph, p->groups[k].nodes[j])->op] = 1;
    if (p->groups[k].body) borel_emit_note_ops(p->groups[k].body, used);
    if (p->groups[k].otherwise) borel_emit_note_ops(p->groups[k].otherwise, used);
  }
}

static const struct {
  const char *name, *text;
} specials[] = {
#define SPECIAL(name, ...) {#name, #__VA_ARGS__},
#include "graph/special.h"
};

enum { SPECIAL_COUNT = sizeof specials / sizeof *specials };

/* What is called for whole arrays, and of how many. */
static const struct {
  const char *name;
  int arguments;
} of_many[] = {
#define ONE(name) {#name, 1},
#define TWO(name) {#name, 2},
    BOREL_MANY(ONE, TWO)
#undef ONE
#undef TWO
};
enum { MANY_COUNT = sizeof of_many / sizeof *of_many };

int borel_emit_is_many(borel_op op) {
  for (size_t m = 0; m < MANY_COUNT; m++)
    if (strcmp(of_many[m].name, borel_op_get(op)->name) == 0) return 1;
  return 0;
}

/* Functions of libm that may be called for a vector at once. */
static const char *const vector_functions[] = {"log", "sin",  "cos",  "expm1", "tanh", "erf",  "erfc",
                                               "tan", "asin", "acos", "atan",  "sinh", "cosh", "pow"};

/* Does a text call the function? */
static int calls(const char *text, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = text; at && (at = strstr(at, name)); at += length)
    if (at[length] == '(' && (at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_'))) return 1;
  return 0;
}

static int text_needs_libm(const char *text) {
  for (size_t f = 0; f < sizeof vector_functions / sizeof *vector_functions; f++)
    if (calls(text, vector_functions[f])) return 1;
  for (size_t s = 0; s < SPECIAL_COUNT; s++)
    if (text != specials[s].text && calls(text, specials[s].name) && text_needs_libm(specials[s].text))
      return 1;
  return 0;
}

int borel_emit_needs_libm(borel_op op) {
  const char *text = borel_op_get(op)->expression;
  return text && text_needs_libm(text);
}

static void emit_many(borel_text *out) {
  borel_text_printf(out, "#if defined(__x86_64__) && defined(__FMA__)\n"
                         "#define OF_MANY(name) borel_many_##name##_fma\n"
                         "#else\n#define OF_MANY(name) borel_many_##name\n#endif\n");
  for (size_t m = 0; m < MANY_COUNT; m++)
    borel_text_printf(out, "void OF_MANY(%s)(long long, const double *, %sdouble *);\n", of_many[m].name,
                      of_many[m].arguments == 2 ? "const double *, " : "");
}

static const struct {
  const char *name, *arguments;
} functions[] = {
#define FUNCTION(name, ...) {#name, #__VA_ARGS__},
    BOREL_SPECIAL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

int borel_emit_is_library(borel_op op) {
  for (size_t f = 0; f < FUNCTION_COUNT; f++)
    if (calls(borel_op_get(op)->expression, functions[f].name)) return 1;
  return 0;
}

/* Functions of special.h that the operations use, and those that these use: a text uses only what stands
 * before it. Before them the prototypes of libborel's functions that either call. */
static void emit_specials(const uint8_t *used, borel_text *out) {
  uint8_t wanted[SPECIAL_COUNT] = {0}, called[FUNCTION_COUNT] = {0};
  for (size_t s = SPECIAL_COUNT; s-- > 0;) {
    for (int op = 0; op < BOREL_OP_COUNT; op++)
      wanted[s] |= used[op] && calls(borel_op_get((borel_op)op)->expression, specials[s].name);
    for (size_t later = s + 1; later < SPECIAL_COUNT; later++)
      wanted[s] |= wanted[later] && calls(specials[later].text, specials[s].name);
  }
  for (size_t f = 0; f < FUNCTION_COUNT; f++) {
    for (int op = 0; op < BOREL_OP_COUNT; op++)
      called[f] |= used[op] && calls(borel_op_get((borel_op)op)->expression, functions[f].name);
    for (size_t s = 0; s < SPECIAL_COUNT; s++)
      called[f] |= wanted[s] && calls(specials[s].text, functions[f].name);
    if (called[f])
      borel_text_printf(out, "double %s(%s) __attribute__((const));\n", functions[f].name,
                        functions[f].arguments);
  }
  for (size_t s = 0; s < SPECIAL_COUNT; s++)
    if (wanted[s]) borel_text_printf(out, "%s\n", specials[s].text);
}

/* How functions take part in vector loops: those of libm through libmvec; ours as part of the loop, which is
 * faster, or through a clone that the compiler makes of them, which costs less of its time than the same text
 * in many places (MANY). Clones are for several processors and take time too, so there are none where no loop
 * wants them (ALONE). The results are the same. */
static const char attributes[] = "#if defined(__x86_64__) && defined(__linux__)\n"
                                 "#define VECTOR __attribute__((simd(\"notinbranch\"), const))\n"
                                 "#define MANY __attribute__((simd(\"notinbranch\"), const, noinline))\n"
                                 "#else\n#define VECTOR __attribute__((const))\n"
                                 "#define MANY inline __attribute__((always_inline))\n#endif\n"
                                 "#define FEW inline __attribute__((always_inline))\n"
                                 "#define INLINED static FEW\n"
                                 "#define ALONE __attribute__((const, noinline))\n"
                                 "#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)\n" /* as in special.h */
                                 "#define FMA(a, b, c) __builtin_fma(a, b, c)\n"
                                 "#else\n#define FMA(a, b, c) ((a) * (b) + (c))\n#endif\n";

/* The BOREL_LANES accumulators of a reduction, in registers: as vectors of the machine's width, which changes
 * nothing in the result. TOTAL adds in the order of evaluation in structured.c. */
static const char reductions[] =
    "#if defined(__AVX__)\n"
    "typedef double vec __attribute__((vector_size(32), aligned(8), may_alias));\n"
    "#define LANES(a) vec a##0 = {0}, a##1 = {0};\n"
    "#define ADD(a, t) a##0 += *(const vec *)(t), a##1 += *(const vec *)((t) + 4);\n"
    "#define SET(a, t) a##0 = *(const vec *)(t), a##1 = *(const vec *)((t) + 4);\n"
    "#define ZERO(t) *(vec *)(t) = *(vec *)((t) + 4) = (vec){0};\n"
    "#define TOTAL(a) borel_total(a##0 + a##1)\n"
    "static inline double borel_total(vec v) { return (v[0] + v[1]) + (v[2] + v[3]); }\n"
    "#else\n"
    "typedef double vec __attribute__((vector_size(16), aligned(8), may_alias));\n"
    "#define LANES(a) vec a##0 = {0}, a##1 = {0}, a##2 = {0}, a##3 = {0};\n"
    "#define ADD(a, t) a##0 += *(const vec *)(t), a##1 += *(const vec *)((t) + 2), "
    "a##2 += *(const vec *)((t) + 4), a##3 += *(const vec *)((t) + 6);\n"
    "#define SET(a, t) a##0 = *(const vec *)(t), a##1 = *(const vec *)((t) + 2), "
    "a##2 = *(const vec *)((t) + 4), a##3 = *(const vec *)((t) + 6);\n"
    "#define ZERO(t) *(vec *)(t) = *(vec *)((t) + 2) = *(vec *)((t) + 4) = *(vec *)((t) + 6) "
    "= (vec){0};\n"
    "#define TOTAL(a) borel_total(a##0 + a##2, a##1 + a##3)\n"
    "static inline double borel_total(vec v, vec w) { return (v[0] + v[1]) + (w[0] + w[1]); }\n"
    "#endif\n";

/* A product of many numbers for its logarithm, as SUM_LOG in structured.c defines it: significands in the
 * lanes, exponents added. `odd` gets a top bit where an exponent field is 0 or 2047 or there is a sign. */
static const char products[] =
    "typedef unsigned long long bits __attribute__((vector_size(sizeof(vec)), aligned(8), may_alias));\n"
    "enum { VECTORS = 64 / sizeof(vec), WIDTH = 8 / VECTORS };\n"
    "typedef struct { vec lane[VECTORS]; double twos, others; } product;\n"
    "#if defined(__AVX__)\n"
    "#define PRODUCT {{{1, 1, 1, 1}, {1, 1, 1, 1}}, 0, 0}\n#else\n"
    "#define PRODUCT {{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, 0, 0}\n#endif\n"
    "#define SIGNIFICAND(x) (((x) & 0xfffffffffffffULL) | 0x3ff0000000000000ULL)\n"
    "static __attribute__((noinline)) void borel_multiply_odd(product *p, const double *t, long long n) {\n"
    "  double *lane = (double *)p->lane;\n"
    "  for (long long l = 0; l < n; l++) {\n"
    "    const unsigned long long x = borel_bits(t[l]);\n"
    "    if ((x >> 52) - 1 > 2045) { p->others += borel_ln(t[l]); continue; }\n"
    "    const unsigned long long y = borel_bits(lane[l & 7] * borel_from(SIGNIFICAND(x)));\n"
    "    p->twos += (double)(long long)((x >> 52) + (y >> 52) - 2046);\n"
    "    lane[l & 7] = borel_from(SIGNIFICAND(y));\n"
    "  }\n"
    "}\n"
    "static inline void borel_multiply(product *p, const double *t, long long n) {\n"
    "  vec lane[VECTORS];\n  bits odd = {0}, sum = {0};\n"
    "#pragma GCC unroll 4\n"
    "  for (int v = 0; v < VECTORS; v++) lane[v] = p->lane[v];\n"
    "  for (long long l = 0; l < n; l += 8) {\n"
    "#pragma GCC unroll 4\n"
    "    for (int v = 0; v < VECTORS; v++) {\n"
    "      const bits x = *(const bits *)(t + l + v * WIDTH), less = x - 0x0010000000000000ULL;\n"
    "      odd |= less | (less + 0x0020000000000000ULL);\n"
    "      sum += x >> 52;\n"
    "      lane[v] *= (vec)SIGNIFICAND(x);\n"
    "    }\n"
    "  }\n"
    "  unsigned long long any = 0, fields = 0;\n"
    "#pragma GCC unroll 4\n"
    "  for (int w = 0; w < WIDTH; w++) any |= odd[w];\n"
    "  if (any >> 63) { borel_multiply_odd(p, t, n); return; }\n"
    "#pragma GCC unroll 4\n"
    "  for (int v = 0; v < VECTORS; v++) {\n"
    "    sum += (bits)lane[v] >> 52;\n"
    "    p->lane[v] = (vec)SIGNIFICAND((bits)lane[v]);\n"
    "  }\n"
    "#pragma GCC unroll 4\n"
    "  for (int w = 0; w < WIDTH; w++) fields += sum[w];\n"
    "  p->twos += (double)(long long)(fields - 1023ULL * (unsigned long long)(n + 8));\n"
    "}\n"
    "static inline double borel_log_of(const product *p) {\n"
    "  const double *x = (const double *)p->lane;\n"
    "  const double all = ((x[0] * x[4]) * (x[1] * x[5])) * ((x[2] * x[6]) * (x[3] * x[7]));\n"
    "  return (p->twos * 6.93147180369123816490e-01 + (p->twos * 1.90821492927058770002e-10 + "
    "borel_ln(all))) + p->others;\n"
    "}\n";

/* Uses of exp and log of special.h by elementwise operations; `loops` counts those in loops over arrays. */
static void count_uses(const borel_program *p, size_t *all, size_t *loops) {
  for (size_t k = 0; k < p->group_count; k++) {
    const borel_group *group = &p->groups[k];
    for (size_t j = 0; j < group->count; j++) {
      borel_op op = borel_graph_at(p->graph, group->nodes[j])->op;
      const char *text = borel_op_get(op)->expression;
      if (!text || borel_emit_is_many(op) || (!strstr(text, "borel_exp") && !strstr(text, "borel_l")))
        continue;
      ++*all;
      *loops += group->kind == BOREL_GROUP_LOOP;
    }
    if (group->body) count_uses(group->body, all, loops);
    if (group->otherwise) count_uses(group->otherwise, all, loops);
  }
}

/* Forms of operations for straight lines of numbers: the same bits as their expressions in ops.def, which
 * vectors need without branches. Here one comparison, which seldom surprises, decides that most is not to be
 * done: neither zero nor NaN; neither overflow nor subnormal; normal; within what needs no reduction. */
static const struct {
  borel_op op;
  const char *text;
} singles[] = {
    {BOREL_OP_MULZ, "static inline double one_mulz(double a, double b) {\n"
                    "  const double ab = a * b;\n"
                    "  return __builtin_expect(ab < 0.0 || ab > 0.0, 1) ? ab : op_mulz(a, b);\n}\n"},
    {BOREL_OP_EXP, "static SINGLE double one_exp(double x) {\n"
                   "  if (__builtin_expect(!(fabs(x) < 708.0), 0)) return borel_exp(x);\n"
                   "  const double shifted = FMA(x, 1.4426950408889634, 0x1.8p52 + 2046.0);\n"
                   "  const double y = borel_exp_rest(x, shifted - (0x1.8p52 + 2046.0)),\n"
                   "               two = borel_from((borel_bits(shifted) - 1023ULL) << 52);\n"
                   "  return FMA(y, two, two);\n}\n"},
    {BOREL_OP_LOG, "static SINGLE double one_log(double x) {\n"
                   "  return __builtin_expect(x >= 0x1p-1022 && x <= 1.7976931348623157e308, 1) ? "
                   "borel_ln_normal(x, 0.0) : borel_ln(x);\n}\n"},
    {BOREL_OP_LOG1P, "static SINGLE double one_log1p(double x) {\n"
                     "  return x > -0.24 && x < 0.49 ? borel_ln_parts(0.0, x, 0.0) : borel_ln1p(x);\n}\n"},
};

int borel_emit_has_single(borel_op op) {
  for (size_t s = 0; s < sizeof singles / sizeof *singles; s++)
    if (singles[s].op == op) return 1;
  return 0;
}

void borel_emit_prelude_of(const borel_program *const *programs, size_t count, int lanes, borel_text *out) {
  uint8_t used[BOREL_OP_COUNT] = {0};
  for (size_t i = 0; i < count; i++) borel_emit_note_ops(programs[i], used);
  if (used[BOREL_OP_LOG_SUM_EXP]) used[BOREL_OP_EXP] = used[BOREL_OP_LOG] = used[BOREL_OP_LOG_ADD_EXP] = 1;
  if (used[BOREL_OP_SUM_LOG]) used[BOREL_OP_LOG] = 1;
  enum { FEW_USES = 4, FEW_SINGLES = 8 };
  size_t all = 0, loops = 0;
  for (size_t i = 0; i < count; i++) count_uses(programs[i], &all, &loops);
  if (lanes) loops = all;
  const int structured = used[BOREL_OP_LOG_SUM_EXP] || used[BOREL_OP_SUM_LOG];
  borel_text_printf(out, "%s#define LOOP_FUNCTION %s\n#define SINGLE %s\n%s", attributes,
                    loops > 0 && all <= FEW_USES ? "FEW"
                    : loops > 0 || structured    ? "MANY"
                                                 : "ALONE",
                    all - loops <= FEW_SINGLES ? "FEW" : "__attribute__((noinline))", reductions);
  for (size_t i = 0; i < sizeof vector_functions / sizeof *vector_functions; i++)
    borel_text_printf(out, "VECTOR double %s(double%s);\n", vector_functions[i],
                      strcmp(vector_functions[i], "pow") ? "" : ", double");
  borel_text_printf(out, "double fabs(double), floor(double), ceil(double), sqrt(double);\n");
  emit_many(out);
  emit_specials(used, out);
  if (used[BOREL_OP_SUM_LOG]) borel_text_printf(out, "%s", products);
  borel_emit_linear_prelude(used, out);
  if (used[BOREL_OP_ODE]) borel_emit_ode_prelude(out);
  for (int op = 0; op < BOREL_OP_COUNT; op++) {
    const borel_op_info *info = borel_op_get((borel_op)op);
    if (!used[op] || info->kind != BOREL_CLASS_ELEMENTWISE) continue;
    borel_text_printf(out, "static inline __attribute__((always_inline)) %s op_%s(",
                      info->result == 'I' ? "long long" : "double", info->name);
    for (int a = 0; a < info->arity; a++)
      borel_text_printf(out, "%s%s %c", a ? ", " : "", info->types[a] == 'I' ? "long long" : "double",
                        'a' + a);
    borel_text_printf(out, ") { return %s; }\n", info->expression);
  }
  for (size_t s = 0; s < sizeof singles / sizeof *singles; s++)
    if (used[singles[s].op]) borel_text_printf(out, "%s", singles[s].text);
}

void borel_emit_prelude(const borel_program *const *programs, size_t count, borel_text *out) {
  borel_emit_prelude_of(programs, count, 0, out);
}
