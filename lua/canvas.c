/* SPDX-License-Identifier: MIT
 * core.canvas(path, width, height): a picture, drawn by Cairo into a PNG or SVG file. Units are points, (0,
 * 0) is the upper left corner; colours are r, g, b, alpha from 0 to 1. stdlib/borel/plot.lua draws charts
 * with it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "values.h"

#ifdef BOREL_HAVE_CAIRO
#include <cairo-svg.h>
#include <cairo.h>

#define CANVAS "borel.canvas"

enum { LARGEST = 20000 };          /* points on a side */
static const double PNG_SCALE = 2; /* pixels for a point */

typedef struct {
  cairo_surface_t *surface;
  cairo_t *context;
  int png;
  char path[1000];
} canvas;

static canvas *check(lua_State *L) {
  canvas *c = luaL_checkudata(L, 1, CANVAS);
  if (!c->context) borel_lua_fail(L, "this picture is finished");
  return c;
}

static void close_canvas(canvas *c) {
  if (c->context) cairo_destroy(c->context);
  if (c->surface) cairo_surface_destroy(c->surface);
  c->context = NULL;
  c->surface = NULL;
}

static int canvas_gc(lua_State *L) {
  close_canvas(luaL_checkudata(L, 1, CANVAS));
  return 0;
}

static int canvas_new(lua_State *L) {
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  double width = luaL_checknumber(L, 2), height = luaL_checknumber(L, 3);
  int png = length > 4 && !strcmp(path + length - 4, ".png");
  if (!png && !(length > 4 && !strcmp(path + length - 4, ".svg")))
    borel_lua_fail(L, "a picture is a .png or .svg file, not '%s'", path);
  if (!(width >= 1 && width <= LARGEST && height >= 1 && height <= LARGEST))
    borel_lua_fail(L, "a picture has sides of 1 to %d points, not %g x %g", LARGEST, width, height);
  canvas *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (canvas){.png = png};
  luaL_setmetatable(L, CANVAS);
  if (length >= sizeof c->path) borel_lua_fail(L, "the path of the picture is too long");
  memcpy(c->path, path, length + 1);
  if (png)
    c->surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * PNG_SCALE), (int)(height * PNG_SCALE));
  else
    c->surface = cairo_svg_surface_create(path, width, height);
  c->context = cairo_create(c->surface);
  if (cairo_status(c->context))
    borel_lua_fail(L, "%s: %s", path, cairo_status_to_string(cairo_status(c->context)));
  if (png) cairo_scale(c->context, PNG_SCALE, PNG_SCALE);
  cairo_set_source_rgb(c->context, 1, 1, 1);
  cairo_paint(c->context);
  cairo_set_line_join(c->context, CAIRO_LINE_JOIN_ROUND);
  cairo_select_font_face(c->context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  return 1;
}

/* canvas:colour(r, g, b [, alpha]) */
static int canvas_colour(lua_State *L) {
  cairo_set_source_rgba(check(L)->context, luaL_checknumber(L, 2), luaL_checknumber(L, 3),
                        luaL_checknumber(L, 4), luaL_optnumber(L, 5, 1));
  return 0;
}

/* Numbers of the list or array at `index`; NULL when it holds none. Freed with free. */
static double *numbers(lua_State *L, int index, size_t *count) {
  const borel_array *array = borel_lua_toarray(L, index);
  *count = (size_t)borel_shape_size(&array->shape);
  double *out = malloc((*count + 1) * sizeof *out);
  if (!out) borel_lua_fail(L, "out of memory for a line of %d points", (int)*count);
  for (size_t i = 0; i < *count; i++) out[i] = borel_array_at(array, (int64_t)i);
  return out;
}

/* Both coordinate lists, of the same length, at 2 and 3. */
static size_t coordinates(lua_State *L, double **x, double **y) {
  size_t n, m;
  borel_lua_toarray(L, 2); /* before memory is taken that an error would leave behind */
  borel_lua_toarray(L, 3);
  *x = numbers(L, 2, &n);
  *y = numbers(L, 3, &m);
  if (n == m) return n;
  free(*x);
  free(*y);
  borel_lua_fail(L, "a line has %d abscissas and %d ordinates", (int)n, (int)m);
}

/* canvas:line(xs, ys, width [, dash]): through all points; not finite ones part it. */
static int canvas_line(lua_State *L) {
  cairo_t *context = check(L)->context;
  double width = luaL_optnumber(L, 4, 1), dash = luaL_optnumber(L, 5, 0), *x, *y;
  size_t n = coordinates(L, &x, &y);
  int down = 0;
  cairo_set_line_width(context, width);
  cairo_set_dash(context, &dash, dash > 0, 0);
  for (size_t i = 0; i < n; i++) {
    int finite = isfinite(x[i]) && isfinite(y[i]);
    if (finite && down)
      cairo_line_to(context, x[i], y[i]);
    else if (finite)
      cairo_move_to(context, x[i], y[i]);
    down = finite;
  }
  cairo_stroke(context);
  free(x);
  free(y);
  return 0;
}

/* canvas:area(xs, ys): the polygon, filled. */
static int canvas_area(lua_State *L) {
  cairo_t *context = check(L)->context;
  double *x, *y;
  size_t n = coordinates(L, &x, &y);
  for (size_t i = 0; i < n; i++)
    if (isfinite(x[i]) && isfinite(y[i])) cairo_line_to(context, x[i], y[i]);
  cairo_fill(context);
  free(x);
  free(y);
  return 0;
}

/* canvas:points(xs, ys, radius): discs. */
static int canvas_points(lua_State *L) {
  cairo_t *context = check(L)->context;
  double radius = luaL_optnumber(L, 4, 1.5), *x, *y;
  size_t n = coordinates(L, &x, &y);
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(x[i]) || !isfinite(y[i])) continue;
    cairo_arc(context, x[i], y[i], radius, 0, 2 * M_PI);
    cairo_fill(context);
  }
  free(x);
  free(y);
  return 0;
}

/* canvas:box(x, y, width, height): filled. */
static int canvas_box(lua_State *L) {
  cairo_t *context = check(L)->context;
  cairo_rectangle(context, luaL_checknumber(L, 2), luaL_checknumber(L, 3), luaL_checknumber(L, 4),
                  luaL_checknumber(L, 5));
  cairo_fill(context);
  return 0;
}

/* canvas:extent(text, size): width and height */
static int canvas_extent(lua_State *L) {
  cairo_t *context = check(L)->context;
  cairo_text_extents_t box;
  cairo_set_font_size(context, luaL_checknumber(L, 3));
  cairo_text_extents(context, luaL_checkstring(L, 2), &box);
  lua_pushnumber(L, box.x_advance);
  lua_pushnumber(L, box.height);
  return 2;
}

/* canvas:text(x, y, text, size, across, down [, turned]): across 0 starts at x, 0.5 is centred, 1 ends there;
 * down the same from the top of capitals to the base line; turned: a quarter to the left. */
static int canvas_text(lua_State *L) {
  cairo_t *context = check(L)->context;
  const char *text = luaL_checkstring(L, 4);
  double size = luaL_checknumber(L, 5), across = luaL_optnumber(L, 6, 0), down = luaL_optnumber(L, 7, 1);
  cairo_text_extents_t box, capital;
  cairo_set_font_size(context, size);
  cairo_text_extents(context, text, &box);
  cairo_text_extents(context, "X", &capital);
  cairo_save(context);
  cairo_translate(context, luaL_checknumber(L, 2), luaL_checknumber(L, 3));
  if (lua_toboolean(L, 8)) cairo_rotate(context, -M_PI / 2);
  cairo_move_to(context, -across * box.x_advance, (1 - down) * capital.height);
  cairo_show_text(context, text);
  cairo_restore(context);
  return 0;
}

/* canvas:clip(x, y, width, height) and canvas:unclip(), once each */
static int canvas_clip(lua_State *L) {
  cairo_t *context = check(L)->context;
  cairo_save(context);
  cairo_rectangle(context, luaL_checknumber(L, 2), luaL_checknumber(L, 3), luaL_checknumber(L, 4),
                  luaL_checknumber(L, 5));
  cairo_clip(context);
  return 0;
}

static int canvas_unclip(lua_State *L) {
  cairo_restore(check(L)->context);
  return 0;
}

/* canvas:finish(): writes the file. */
static int canvas_finish(lua_State *L) {
  canvas *c = check(L);
  cairo_status_t status = cairo_status(c->context);
  cairo_surface_flush(c->surface);
  if (!status && c->png) status = cairo_surface_write_to_png(c->surface, c->path);
  if (!status && !c->png) {
    cairo_surface_finish(c->surface);
    status = cairo_surface_status(c->surface);
  }
  close_canvas(c);
  if (status) borel_lua_fail(L, "%s: %s", c->path, cairo_status_to_string(status));
  return 0;
}

void borel_lua_open_canvas(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"colour", canvas_colour}, {"line", canvas_line},     {"area", canvas_area}, {"points", canvas_points},
      {"box", canvas_box},       {"extent", canvas_extent}, {"text", canvas_text}, {"clip", canvas_clip},
      {"unclip", canvas_unclip}, {"finish", canvas_finish}, {NULL, NULL}};
  luaL_newmetatable(L, CANVAS);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, canvas_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushcfunction(L, canvas_new);
  lua_setfield(L, -2, "canvas");
}

#else

static int no_canvas(lua_State *L) {
  borel_lua_fail(
      L, "this Borel was built without Cairo, which draws pictures; install libcairo2-dev and build again");
}

void borel_lua_open_canvas(lua_State *L) {
  lua_pushcfunction(L, no_canvas);
  lua_setfield(L, -2, "canvas");
}

#endif
