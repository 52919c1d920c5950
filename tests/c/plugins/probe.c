/* SPDX-License-Identifier: MIT */
/* A good plugin: one parameter and one field of each sort, and an ops table that ends right after `step`. */
#include "skeleton.h"

static const borel_param params[] = {
    {.name = "count", .type = BOREL_INT, .number = 3, .min = 0, .max = 1e6, .unit = "things"},
    {.name = "rate", .type = BOREL_REAL, .number = 0.5, .min = 0, .max = 1},
    {.name = "verbose", .type = BOREL_FLAG, .number = 1},
    {.name = "shape", .type = BOREL_CHOICE, .choices = "round|square|flat"},
    {.name = "weights",
     .type = BOREL_REALS,
     .min = -10,
     .max = 10,
     .required = 1,
     .doc = "one for each thing"},
    {0}};

static const borel_field tuning[] = {{"rate", BOREL_F64, {0}, "scalar"},
                                     {"matrix", BOREL_F32, {BOREL_DIM_PARAM(0), BOREL_DIM_D}, "count x D"},
                                     {0}};
static const borel_field state[] = {
    {"flags", BOREL_BOOL, {BOREL_DIM_N, 5}, "N x 5"}, {"levels", BOREL_I64, {BOREL_DIM_K}, "K"}, {0}};

static const borel_kernel_ops ops = {.size = offsetof(borel_kernel_ops, adapt),
                                     .tuning = tuning,
                                     .state = state,
                                     .create = skeleton_create,
                                     .destroy = skeleton_destroy,
                                     .step = skeleton_step};

static const borel_component component = {.size = sizeof component,
                                          .kind = BOREL_KERNEL,
                                          .name = "probe",
                                          .summary = "for a test",
                                          .params = params,
                                          .claims = {.preserves = BOREL_PRESERVES_ORDER,
                                                     .order = 2,
                                                     .flags = BOREL_ERGODIC,
                                                     .checks = BOREL_CHECK_MATRIX,
                                                     .note = "only a probe"},
                                          .ops = &ops};
SKELETON_ENTRY(BOREL_ABI, 1);
