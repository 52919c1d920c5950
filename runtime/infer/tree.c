/* SPDX-License-Identifier: MIT */
#include "infer/tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

enum { UNKNOWN = 0, ROOT = 1 }; /* numbers of places */

typedef struct {
  borel_tree_place what;
  uint32_t children; /* CHOICE: place in `child` of the first */
} place;

typedef struct {
  uint32_t support, count;
  size_t first; /* place in p and log_p */
} law;

struct borel_tree {
  borel_tree_program program;
  place *places; /* [capacity], UNKNOWN is not used */
  size_t count, capacity, most;
  uint32_t *child; /* places by choice, UNKNOWN where nobody was */
  size_t child_count, child_capacity;
  law *laws; /* number 0 is not used */
  size_t law_count, law_capacity;
  double *p, *log_p;
  size_t p_count, p_capacity;
  uint64_t forgotten; /* how often */
};

/* The places along a run, its choices there, and the end. */
typedef struct {
  uint32_t *place, *choice;
  size_t count;
  double score;
  uint32_t end;
} path;

struct borel_tree_run {
  borel_tree *tree;
  path now, next;
  size_t capacity;  /* of both paths */
  uint32_t *where;  /* by site: 1 + its place on the path `now`, when stamped */
  uint64_t *stamp;  /* by site: the path that it was noted for */
  size_t sites;     /* of where and stamp */
  uint64_t version; /* of the path */
  int placed;       /* are the places of `now` those of the tree as it is? */
  uint64_t forgotten;
};

/* ---- memory ---------------------------------------------------------------------------------- */

static int grow(void *array, size_t *capacity, size_t need, size_t size) {
  if (need <= *capacity) return 1;
  size_t wanted = *capacity ? *capacity : 16;
  while (wanted < need) wanted *= 2;
  if (wanted > SIZE_MAX / size) return 0;
  void *larger = realloc(*(void **)array, wanted * size);
  if (!larger) return 0;
  memset((char *)larger + *capacity * size, 0, (wanted - *capacity) * size);
  *(void **)array = larger;
  *capacity = wanted;
  return 1;
}

static borel_status no_memory(borel_error *error) {
  return borel_fail(error, BOREL_INTERNAL, "out of memory for the tree of runs");
}

borel_tree *borel_tree_create(borel_tree_program program, size_t places) {
  borel_tree *tree = calloc(1, sizeof *tree);
  if (!tree) return NULL;
  tree->program = program;
  tree->most = places < 16 ? 16 : places;
  tree->count = ROOT;
  tree->law_count = 1;
  return tree;
}

void borel_tree_destroy(borel_tree *tree) {
  if (!tree) return;
  free(tree->places);
  free(tree->child);
  free(tree->laws);
  free(tree->p);
  free(tree->log_p);
  free(tree);
}

size_t borel_tree_places(const borel_tree *tree) { return tree->count - ROOT; }

uint32_t borel_tree_law(borel_tree *tree, uint32_t support, const double *p, size_t count) {
  size_t capacity = tree->p_capacity;
  if (!grow(&tree->laws, &tree->law_capacity, tree->law_count + 1, sizeof *tree->laws) ||
      !grow(&tree->log_p, &capacity, tree->p_count + count, sizeof *tree->p) ||
      !grow(&tree->p, &tree->p_capacity, tree->p_count + count, sizeof *tree->p))
    return 0;
  tree->laws[tree->law_count] = (law){support, (uint32_t)count, tree->p_count};
  for (size_t i = 0; i < count; i++) {
    tree->p[tree->p_count + i] = p[i];
    tree->log_p[tree->p_count + i] = log(p[i]);
  }
  tree->p_count += count;
  return (uint32_t)tree->law_count++;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Asks the program what comes after these choices; *at is its new place, which `from` leads to. */
static borel_status discover(borel_tree *tree, const path *run, size_t count, uint32_t *at,
                             borel_error *error) {
  if (!grow(&tree->places, &tree->capacity, tree->count + 1, sizeof *tree->places)) return no_memory(error);
  borel_tree_place what = {0};
  borel_status status = tree->program.next(tree->program.self, run->choice, count, &what, error);
  if (status) return status;
  place new = {what, 0};
  if (what.kind == BOREL_TREE_CHOICE) {
    size_t branches = tree->laws[what.law].count;
    if (!grow(&tree->child, &tree->child_capacity, tree->child_count + branches, sizeof *tree->child))
      return no_memory(error);
    new.children = (uint32_t)tree->child_count;
    memset(tree->child + tree->child_count, 0, branches * sizeof *tree->child);
    tree->child_count += branches;
  }
  *at = (uint32_t)tree->count++;
  tree->places[*at] = new;
  return BOREL_OK;
}

/* The place after the first `count` choices of a run, whose places so far are known. */
static borel_status follow(borel_tree *tree, const path *run, size_t count, uint32_t *at,
                           borel_error *error) {
  if (count == 0) {
    *at = ROOT;
    return tree->count > ROOT ? BOREL_OK : discover(tree, run, 0, at, error);
  }
  size_t slot = tree->places[run->place[count - 1]].children + run->choice[count - 1];
  *at = tree->child[slot];
  if (*at != UNKNOWN) return BOREL_OK;
  borel_status status = discover(tree, run, count, at, error);
  if (!status) tree->child[slot] = *at;
  return status;
}

static void forget(borel_tree *tree) {
  tree->count = ROOT;
  tree->child_count = 0;
  tree->forgotten++;
}

/* ---- runs ------------------------------------------------------------------------------------ */

borel_tree_run *borel_tree_run_create(borel_tree *tree) {
  borel_tree_run *run = calloc(1, sizeof *run);
  if (run) run->tree = tree;
  return run;
}

void borel_tree_run_destroy(borel_tree_run *run) {
  if (!run) return;
  free(run->now.place);
  free(run->now.choice);
  free(run->next.place);
  free(run->next.choice);
  free(run->where);
  free(run->stamp);
  free(run);
}

static int room(borel_tree_run *run, size_t need) {
  uint32_t **arrays[] = {&run->now.place, &run->now.choice, &run->next.place, &run->next.choice};
  size_t capacity = run->capacity;
  for (size_t i = 0; i < 4; i++) {
    capacity = run->capacity;
    if (!grow(arrays[i], &capacity, need, sizeof **arrays[i])) return 0;
  }
  run->capacity = capacity;
  return 1;
}

/* How the choice at a place is made in a new run. */
typedef struct {
  borel_rng *rng;
  size_t picked;    /* choice of the old run that is drawn anew; SIZE_MAX: there is no old run */
  double log_ratio; /* of kept choices */
} choosing;

/* Where the old run has a choice of this site; SIZE_MAX: nowhere. */
static size_t old_place(const borel_tree_run *run, uint32_t site) {
  return site < run->sites && run->stamp[site] == run->version ? run->where[site] : SIZE_MAX;
}

static uint32_t choose(const borel_tree_run *run, const place *at, choosing *how) {
  const borel_tree *tree = run->tree;
  const law *mine = &tree->laws[at->what.law];
  size_t j = how->picked == SIZE_MAX ? SIZE_MAX : old_place(run, at->what.site);
  if (j != SIZE_MAX && j != how->picked) {
    uint32_t before = tree->places[run->now.place[j]].what.law, value = run->now.choice[j];
    if (before == at->what.law) return value;
    const law *old = &tree->laws[before];
    if (old->support == mine->support) {
      how->log_ratio += tree->log_p[mine->first + value] - tree->log_p[old->first + value];
      return value;
    }
  }
  return (uint32_t)how->rng->ops->categorical(how->rng, tree->p + mine->first, mine->count);
}

/* Goes on from the `count` choices in `next` to the end of the run, or to a zero weight. */
static borel_status complete(borel_tree_run *run, size_t count, choosing *how, borel_error *error) {
  borel_tree *tree = run->tree;
  path *y = &run->next;
  for (;; count++) {
    if (count == run->capacity && !room(run, count + 1)) return no_memory(error);
    uint32_t at;
    borel_status status = follow(tree, y, count, &at, error);
    if (status) return status;
    const place *here = &tree->places[at];
    y->score += here->what.score;
    y->place[count] = at;
    y->count = count;
    if (here->what.kind == BOREL_TREE_DEAD) y->score = -INFINITY;
    if (y->score == -INFINITY || here->what.kind == BOREL_TREE_END) break;
    y->choice[count] = choose(run, here, how);
    if (how->rng->status) return how->rng->status;
    if (how->log_ratio == -INFINITY) {
      y->score = -INFINITY;
      break;
    }
  }
  if (y->score > -INFINITY) y->end = tree->places[y->place[y->count]].what.end;
  return BOREL_OK;
}

/* The new run becomes the current one: its sites are found from now on. */
static borel_status adopt(borel_tree_run *run, borel_error *error) {
  path old = run->now;
  run->now = run->next;
  run->next = old;
  run->version++;
  for (size_t i = 0; i < run->now.count; i++) {
    uint32_t site = run->tree->places[run->now.place[i]].what.site;
    if (site >= run->sites) {
      size_t capacity = run->sites;
      if (!grow(&run->where, &capacity, site + 1, sizeof *run->where)) return no_memory(error);
      capacity = run->sites;
      if (!grow(&run->stamp, &capacity, site + 1, sizeof *run->stamp)) return no_memory(error);
      run->sites = capacity;
    }
    run->where[site] = (uint32_t)i;
    run->stamp[site] = run->version;
  }
  return BOREL_OK;
}

borel_status borel_tree_draw(borel_tree_run *run, borel_rng *rng, borel_error *error) {
  choosing how = {rng, SIZE_MAX, 0.0};
  if (borel_tree_places(run->tree) > run->tree->most) forget(run->tree);
  run->next.score = 0.0;
  run->next.count = 0;
  borel_status status = complete(run, 0, &how, error);
  if (status) return status;
  run->forgotten = run->tree->forgotten;
  return adopt(run, error);
}

borel_status borel_tree_take(borel_tree_run *run, const uint32_t *choices, size_t count, borel_error *error) {
  borel_tree *tree = run->tree;
  path *y = &run->next;
  if (run->capacity < count + 1 && !room(run, count + 1)) return no_memory(error);
  y->score = 0.0;
  for (size_t i = 0; i <= count; i++) {
    uint32_t at;
    borel_status status = follow(tree, y, i, &at, error);
    if (status) return status;
    const place *here = &tree->places[at];
    int more = i < count;
    if (here->what.kind != (more ? BOREL_TREE_CHOICE : BOREL_TREE_END) ||
        (more && choices[i] >= tree->laws[here->what.law].count))
      return borel_fail(error, BOREL_INTERNAL, "the choices of a run do not lead to its end any more");
    y->score += here->what.score;
    y->place[i] = at;
    y->count = i;
    if (more) y->choice[i] = choices[i];
  }
  y->end = tree->places[y->place[count]].what.end;
  run->forgotten = tree->forgotten;
  return adopt(run, error);
}

/* After the tree was forgotten: the places of the current run once more. */
static borel_status find_again(borel_tree_run *run, borel_error *error) {
  for (size_t i = 0; i <= run->now.count; i++) {
    borel_status status = follow(run->tree, &run->now, i, &run->now.place[i], error);
    if (status) return status;
  }
  run->forgotten = run->tree->forgotten;
  return BOREL_OK;
}

borel_status borel_tree_step(borel_tree_run *run, borel_rng *rng, int *accepted, borel_error *error) {
  borel_tree *tree = run->tree;
  if (borel_tree_places(tree) > tree->most) forget(tree);
  if (run->forgotten != tree->forgotten) {
    borel_status status = find_again(run, error);
    if (status) return status;
  }
  path *x = &run->now, *y = &run->next;
  *accepted = -1;
  if (x->count == 0) return BOREL_OK;
  choosing how = {rng, (size_t)rng->ops->uniform_int(rng, x->count), 0.0};
  if (rng->status) return rng->status;
  y->score = 0.0;
  for (size_t i = 0; i <= how.picked; i++) { /* nothing changes before it */
    y->place[i] = x->place[i];
    y->choice[i] = x->choice[i];
    y->score += tree->places[x->place[i]].what.score;
  }
  const law *at = &tree->laws[tree->places[x->place[how.picked]].what.law];
  y->choice[how.picked] = (uint32_t)rng->ops->categorical(rng, tree->p + at->first, at->count);
  borel_status status = rng->status ? rng->status : complete(run, how.picked + 1, &how, error);
  if (status) return status;
  *accepted = 0;
  if (y->score == -INFINITY) return BOREL_OK;
  double log_ratio = y->score - x->score + how.log_ratio;
  if (x->count != y->count) log_ratio += log((double)x->count) - log((double)y->count);
  if (!rng->ops->accept(rng, log_ratio)) return rng->status;
  *accepted = 1;
  return adopt(run, error);
}

double borel_tree_score(const borel_tree_run *run) { return run->now.score; }
uint32_t borel_tree_end(const borel_tree_run *run) { return run->now.end; }
const uint32_t *borel_tree_choices(const borel_tree_run *run, size_t *count) {
  *count = run->now.count;
  return run->now.choice;
}
