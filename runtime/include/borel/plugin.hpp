/* SPDX-License-Identifier: MIT
 *
 * borel/plugin.hpp - plugins in C++17. A kernel, density, resampler or involution is a class; its constructor takes
 * the parameters, its const methods are the ops. No exception leaves it: borel::failure becomes its status and message, std::bad_alloc
 * and other std::exceptions become BOREL_INTERNAL with their text, and so does anything else that is thrown.
 *
 *   class walk {
 *   public:
 *     static constexpr borel_field tuning[] = {borel::scalar("scale", "..."), borel::end};   // likewise state,
 *     static constexpr borel_field info[] = {borel::scalar("accept", "..."), borel::end};    // scratch
 *     explicit walk(const borel::parameters &p) : scale_(p.number(0)) {}
 *     void step(const borel::context &c, borel::point &p, double *info) const;               // required
 *     void begin(const borel::context &c, borel::point &p) const;                            // optional
 *     void warm(const borel::context &c, borel::point &p, void *const *tuning) const;        // optional
 *     void adapt(const borel::context &c, borel::point &p, const double *info, void *const *tuning) const;
 *   };
 *   static constexpr borel_component component = borel::kernel<walk>("walk", "summary", "reference", params, claims);
 *   BOREL_CPP_PLUGIN("org.example.walk", "1.0", "MIT", &component)
 *
 * docs/plugins.md has the rules that hold for all languages, borel/plugin.h the reference. */
#ifndef BOREL_PLUGIN_HPP
#define BOREL_PLUGIN_HPP

#include <borel/plugin.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace borel {

/* Thrown by ops: what a C op would return. */
class failure : public std::runtime_error {
public:
  failure(borel_status code, const std::string &message) : std::runtime_error(message), code_(code) {}
  borel_status code() const noexcept { return code_; }

private:
  borel_status code_;
};

/* Thrown by the map of an involution where it does not apply. */
class stay : public failure {
public:
  stay() : failure(BOREL_REJECT, "") {}
};

/* ---- declarations: fields, parameters, claims ------------------------------------------------ */

constexpr borel_field array(const char *name, borel_dtype dtype, int32_t rows, int32_t columns, const char *doc) {
  borel_field field{};
  field.name = name;
  field.dtype = dtype;
  field.dim[0] = rows;
  field.dim[1] = columns;
  field.doc = doc;
  return field;
}
constexpr borel_field scalar(const char *name, const char *doc) { return array(name, BOREL_F64, 0, 0, doc); }
constexpr borel_field vector(const char *name, int32_t extent, const char *doc) {
  return array(name, BOREL_F64, extent, 0, doc);
}
inline constexpr borel_field end{}; /* of a list of fields */

constexpr borel_param real(const char *name, double number, double min, double max, const char *doc) {
  borel_param param{};
  param.name = name;
  param.type = BOREL_REAL;
  param.number = number;
  param.min = min;
  param.max = max;
  param.doc = doc;
  return param;
}
constexpr borel_param integer(const char *name, double number, double min, double max, const char *doc) {
  borel_param param = real(name, number, min, max, doc);
  param.type = BOREL_INT;
  return param;
}
constexpr borel_param flag(const char *name, bool on, const char *doc) {
  borel_param param = real(name, on ? 1 : 0, 0, 1, doc);
  param.type = BOREL_FLAG;
  return param;
}
constexpr borel_param choice(const char *name, const char *words, const char *doc) { /* "first|second" */
  borel_param param = real(name, 0, 0, 0, doc);
  param.type = BOREL_CHOICE;
  param.choices = words;
  return param;
}
constexpr borel_param reals(const char *name, double min, double max, bool required, const char *doc) {
  borel_param param = real(name, 0, min, max, doc);
  param.type = BOREL_REALS;
  param.required = required;
  return param;
}
inline constexpr borel_param no_more{}; /* ends a list of parameters */

constexpr borel_claims claims(borel_preserves preserves, uint32_t flags, uint32_t checks = 0,
                              const char *note = nullptr) {
  borel_claims all{};
  all.preserves = preserves;
  all.flags = flags;
  all.checks = checks;
  all.note = note;
  return all;
}

/* ---- what ops receive ------------------------------------------------------------------------ */

/* The parameters, by their place in the list. */
class parameters {
public:
  explicit parameters(const borel_value *values) : values_(values) {}
  double number(size_t i) const { return values_[i].number; }
  bool flag(size_t i) const { return values_[i].number != 0; }
  size_t word(size_t i) const { return static_cast<size_t>(values_[i].number); }
  std::vector<double> list(size_t i) const {
    return std::vector<double>(values_[i].reals, values_[i].reals + values_[i].count);
  }

private:
  const borel_value *values_;
};

/* The source of all randomness. */
class random {
public:
  explicit random(borel_rng *rng) : rng_(rng) {}
  bool accept(double log_ratio) const { return rng_->ops->accept(rng_, log_ratio) != 0; }
  int direction() const { return rng_->ops->direction(rng_); }
  bool bernoulli(double p) const { return rng_->ops->bernoulli(rng_, p) != 0; }
  size_t categorical(const double *p, size_t n) const { return rng_->ops->categorical(rng_, p, n); }
  size_t categorical_log(const double *lw, size_t n) const { return rng_->ops->categorical_log(rng_, lw, n); }
  uint64_t uniform_int(uint64_t n) const { return rng_->ops->uniform_int(rng_, n); }
  uint64_t binomial(uint64_t n, double p) const { return rng_->ops->binomial(rng_, n, p); }
  borel_unif unif() const { return rng_->ops->unif(rng_); } /* on [0, 1), only compared: */
  bool below(borel_unif &u, double cut) const { return rng_->ops->unif_lt(rng_, &u, cut) != 0; }
  double uniform() const { return rng_->ops->uniform(rng_); }
  double normal() const { return rng_->ops->normal(rng_); }
  double exponential() const { return rng_->ops->exponential(rng_); }
  double gamma(double shape) const { return rng_->ops->gamma(rng_, shape); }
  double beta(double a, double b) const { return rng_->ops->beta(rng_, a, b); }
  void normals(double *out, size_t n) const { rng_->ops->fill_normal(rng_, out, 1, n); }
  borel_rng *c() const { return rng_; }

private:
  borel_rng *rng_;
};

class context {
public:
  explicit context(const borel_context *c) : c_(c) {}
  random rng() const { return random(c_->rng); }
  const borel_phase &phase() const { return *c_->phase; }
  bool warmup_ends() const { return c_->phase->iteration + 1 == c_->phase->warmup; }
  const borel_host &host() const { return *c_->host; }
  template <class T> const T *tuning(size_t i) const { return static_cast<const T *>(c_->tuning[i]); }
  template <class T> T *state(size_t i) const { return static_cast<T *>(c_->state[i]); }
  template <class T> T *scratch(size_t i) const { return static_cast<T *>(c_->scratch[i]); }
  const borel_context *c() const { return c_; }

private:
  const borel_context *c_;
};

/* Where the chain is, and the target that it is for. */
class point {
public:
  point(const borel_host *host, borel_target *target, borel_point *p) : host_(host), target_(target), p_(p) {}
  size_t D() const { return p_->D; }
  size_t K() const { return p_->K; }
  const double *u() const { return p_->u; }
  const int64_t *z() const { return p_->z; }
  const borel_layout &layout() const { return *target_->ops->layout(target_, p_->layout); }

  /* Log-density where the chain is; free when it is known. */
  double logdensity() {
    evaluate(BOREL_LOGDENSITY);
    return p_->logdensity;
  }
  const double *gradient() {
    evaluate(BOREL_LOGDENSITY | BOREL_GRADIENT);
    return p_->gradient;
  }
  /* Log-density elsewhere: -infinity outside the support and where it is not a number. */
  double at(const double *u) { return at(u, p_->z); }
  double at(const double *u, const int64_t *z) {
    borel_error error{};
    double value = nowhere;
    borel_status status = target_->ops->logdensity(target_, p_->layout, u, z, &value, &error);
    return judge(status, value, error);
  }
  double at(const double *u, const int64_t *z, double *gradient) {
    if (!target_->ops->gradient) throw failure(BOREL_ARG, "this target has no gradient");
    borel_error error{};
    double value = nowhere;
    borel_status status = target_->ops->gradient(target_, p_->layout, u, z, &value, gradient, &error);
    return judge(status, value, error);
  }
  /* Moves, and states what is known there (nothing, without the second). */
  void move(const double *u) { host_->move_u(p_, u); }
  void move_z(size_t k, int64_t value) { host_->move_z(p_, k, value); }
  void know(double logdensity, const double *gradient = nullptr) { host_->know(p_, logdensity, gradient); }

private:
  static constexpr double nowhere = -std::numeric_limits<double>::infinity();
  void evaluate(uint32_t want) {
    borel_error error{};
    borel_status status = host_->evaluate(target_, p_, want, &error);
    if (status == BOREL_REJECT) throw failure(BOREL_DOMAIN, "the current point is outside the support");
    if (status != BOREL_OK) throw failure(status, error.message);
  }
  static double judge(borel_status status, double value, const borel_error &error) {
    if (status == BOREL_REJECT || status == BOREL_DOMAIN) return nowhere;
    if (status != BOREL_OK) throw failure(status, error.message);
    return std::isnan(value) ? nowhere : value;
  }
  const borel_host *host_;
  borel_target *target_;
  borel_point *p_;
};

/* Where a density is evaluated. */
class place {
public:
  place(const double *at_u, const int64_t *at_z, void *const *scratch) : u(at_u), z(at_z), scratch_(scratch) {}
  const double *const u;
  const int64_t *const z;
  template <class T> T *scratch(size_t i) const { return static_cast<T *>(scratch_[i]); }

private:
  void *const *scratch_;
};

/* What a resampler draws the parents of: `count` offspring of n particles. */
class population {
public:
  population(size_t its_n, const double *its_weights, size_t its_count, void *const *scratch)
      : n(its_n), count(its_count), weights(its_weights), scratch_(scratch) {}
  const size_t n, count;
  const double *const weights; /* [n], sum to 1 */
  template <class T> T *scratch(size_t i) const { return static_cast<T *>(scratch_[i]); }

private:
  void *const *scratch_;
};

/* The layout of a density, which keeps one as a member. Names are not copied. */
class layout {
public:
  layout &continuous(const char *name, size_t size) {
    borel_site site{};
    site.name = name;
    site.offset = D_;
    site.size = size;
    D_ += size;
    sites_.push_back(site);
    return finish();
  }
  layout &discrete(const char *name, size_t size, int64_t lowest, int64_t count) {
    borel_site site{};
    site.name = name;
    site.block = BOREL_SITE_Z;
    site.offset = K_;
    site.size = size;
    site.lowest = lowest;
    site.count = count;
    K_ += size;
    sites_.push_back(site);
    return finish();
  }
  layout() = default;
  layout(const layout &other) : D_(other.D_), K_(other.K_), sites_(other.sites_) { finish(); }
  layout &operator=(const layout &) = delete;
  const borel_layout *c() const { return &layout_; }

private:
  layout &finish() {
    layout_.size = sizeof layout_;
    layout_.D = D_;
    layout_.K = K_;
    layout_.site_count = sites_.size();
    layout_.sites = sites_.data();
    return *this;
  }
  size_t D_ = 0, K_ = 0;
  std::vector<borel_site> sites_;
  borel_layout layout_{};
};

/* ---- the boundary ---------------------------------------------------------------------------- */

namespace detail {

inline borel_status put(borel_error *error, borel_status code, const char *text) noexcept {
  error->code = code;
  std::snprintf(error->message, sizeof error->message, "%s", text);
  return code;
}

/* Runs an op; nothing that it throws gets further. */
template <class Op> borel_status guard(borel_error *error, Op &&op) noexcept {
  try {
    op();
    return BOREL_OK;
  } catch (const failure &f) {
    if (f.code() == BOREL_REJECT || f.code() == BOREL_OK) return f.code(); /* no errors */
    return put(error, f.code(), f.what());
  } catch (const std::bad_alloc &) {
    return put(error, BOREL_INTERNAL, "out of memory");
  } catch (const std::exception &e) {
    return put(error, BOREL_INTERNAL, e.what());
  } catch (...) {
    return put(error, BOREL_INTERNAL, "a C++ exception that is no std::exception");
  }
}

/* has_x<K>: does the class have a method or a list of that name? */
#define BOREL_DETECT(name)                                                                                   \
  template <class K, class = void> struct has_##name : std::false_type {};                                   \
  template <class K> struct has_##name<K, std::void_t<decltype(&K::name)>> : std::true_type {};
BOREL_DETECT(tuning)
BOREL_DETECT(state)
BOREL_DETECT(scratch)
BOREL_DETECT(info)
BOREL_DETECT(begin)
BOREL_DETECT(warm)
BOREL_DETECT(adapt)
BOREL_DETECT(gradient)
BOREL_DETECT(trace_0)
BOREL_DETECT(auxiliary_0)
BOREL_DETECT(trace_1)
BOREL_DETECT(auxiliary_1)
BOREL_DETECT(log_jacobian)
BOREL_DETECT(draw)
#undef BOREL_DETECT

template <class K> borel_status create(const borel_host *, const borel_value *values, void **self, borel_error *error) {
  return guard(error, [&] { *self = new K(parameters(values)); });
}
template <class K> void destroy(const borel_host *, void *self) { delete static_cast<K *>(self); }

template <class K>
borel_status begin(const void *self, const borel_context *c, borel_target *t, borel_point *p, borel_error *error) {
  point at(c->host, t, p);
  return guard(error, [&] { static_cast<const K *>(self)->begin(context(c), at); });
}
template <class K>
borel_status warm(const void *self, const borel_context *c, borel_target *t, borel_point *p, void *const *tuning,
                  borel_error *error) {
  point at(c->host, t, p);
  return guard(error, [&] { static_cast<const K *>(self)->warm(context(c), at, tuning); });
}
template <class K>
borel_status step(const void *self, const borel_context *c, borel_target *t, borel_point *p, double *info,
                  borel_error *error) {
  point at(c->host, t, p);
  return guard(error, [&] { static_cast<const K *>(self)->step(context(c), at, info); });
}
template <class K>
borel_status adapt(const void *self, const borel_context *c, borel_target *t, borel_point *p, const double *info,
                   void *const *tuning, borel_error *error) {
  point at(c->host, t, p);
  return guard(error, [&] { static_cast<const K *>(self)->adapt(context(c), at, info, tuning); });
}

template <class K> constexpr borel_kernel_ops kernel_ops() {
  borel_kernel_ops ops{};
  ops.size = sizeof ops;
  if constexpr (has_tuning<K>::value) ops.tuning = K::tuning;
  if constexpr (has_state<K>::value) ops.state = K::state;
  if constexpr (has_scratch<K>::value) ops.scratch = K::scratch;
  if constexpr (has_info<K>::value) ops.info = K::info;
  ops.create = create<K>;
  ops.destroy = destroy<K>;
  if constexpr (has_begin<K>::value) ops.begin = begin<K>;
  if constexpr (has_warm<K>::value) ops.warm = warm<K>;
  ops.step = step<K>;
  if constexpr (has_adapt<K>::value) ops.adapt = adapt<K>;
  return ops;
}
template <class K> inline constexpr borel_kernel_ops kernel_table = kernel_ops<K>();

template <class D> const borel_layout *layout_of(const void *self) { return static_cast<const D *>(self)->layout(); }
template <class D>
borel_status logdensity(const void *self, void *const *scratch, const double *u, const int64_t *z, double *value,
                        borel_error *error) {
  return guard(error, [&] { *value = static_cast<const D *>(self)->logdensity(place(u, z, scratch)); });
}
template <class D>
borel_status gradient(const void *self, void *const *scratch, const double *u, const int64_t *z, double *value,
                      double *slope, borel_error *error) {
  return guard(error, [&] { *value = static_cast<const D *>(self)->gradient(place(u, z, scratch), slope); });
}

template <class D> constexpr borel_density_ops density_ops() {
  borel_density_ops ops{};
  ops.size = sizeof ops;
  if constexpr (has_scratch<D>::value) ops.scratch = D::scratch;
  ops.create = create<D>;
  ops.destroy = destroy<D>;
  ops.layout = layout_of<D>;
  ops.logdensity = logdensity<D>;
  if constexpr (has_gradient<D>::value) ops.gradient = gradient<D>;
  return ops;
}
template <class D> inline constexpr borel_density_ops density_table = density_ops<D>();

template <class R>
borel_status resample(const void *self, void *const *scratch, borel_rng *rng, size_t n, const double *weights,
                      size_t count, int64_t *ancestors, borel_error *error) {
  return guard(error, [&] {
    static_cast<const R *>(self)->resample(population(n, weights, count, scratch), random(rng), ancestors);
  });
}

template <class R> constexpr borel_resampler_ops resampler_ops() {
  borel_resampler_ops ops{};
  ops.size = sizeof ops;
  if constexpr (has_scratch<R>::value) ops.scratch = R::scratch;
  ops.create = create<R>;
  ops.destroy = destroy<R>;
  ops.resample = resample<R>;
  return ops;
}
template <class R> inline constexpr borel_resampler_ops resampler_table = resampler_ops<R>();

template <class I>
borel_status map(const void *self, uint32_t side, const double *in, double *out, borel_error *error) {
  return guard(error, [&] { static_cast<const I *>(self)->map(side, in, out); });
}
template <class I>
borel_status log_jacobian(const void *self, uint32_t side, const double *in, double *value, borel_error *error) {
  return guard(error, [&] { *value = static_cast<const I *>(self)->log_jacobian(side, in); });
}
template <class I>
borel_status draw(const void *self, uint32_t side, borel_rng *rng, double *in, borel_error *error) {
  return guard(error, [&] { static_cast<const I *>(self)->draw(side, random(rng), in); });
}

template <class I> constexpr borel_involution_ops involution_ops() {
  borel_involution_ops ops{};
  ops.size = sizeof ops;
  if constexpr (has_trace_0<I>::value) ops.trace[0] = I::trace_0;
  if constexpr (has_auxiliary_0<I>::value) ops.auxiliary[0] = I::auxiliary_0;
  if constexpr (has_trace_1<I>::value) ops.trace[1] = I::trace_1;
  if constexpr (has_auxiliary_1<I>::value) ops.auxiliary[1] = I::auxiliary_1;
  ops.create = create<I>;
  ops.destroy = destroy<I>;
  ops.map = map<I>;
  if constexpr (has_log_jacobian<I>::value) ops.log_jacobian = log_jacobian<I>;
  if constexpr (has_draw<I>::value) ops.draw = draw<I>;
  return ops;
}
template <class I> inline constexpr borel_involution_ops involution_table = involution_ops<I>();

} // namespace detail

/* ---- components and the entry ---------------------------------------------------------------- */

template <class K>
constexpr borel_component kernel(const char *name, const char *summary, const char *reference,
                                 const borel_param *params, borel_claims claims) {
  return {sizeof(borel_component), BOREL_KERNEL, name, summary, reference, params, claims, &detail::kernel_table<K>};
}

/* D has methods `const borel_layout *layout() const`, `double logdensity(const borel::place &) const` and, for
 * D > 0, `double gradient(const borel::place &, double *slope) const`; -infinity is outside the support. */
template <class D>
constexpr borel_component density(const char *name, const char *summary, const char *reference,
                                  const borel_param *params) {
  return {sizeof(borel_component), BOREL_DENSITY, name,       summary,
          reference,               params,        borel_claims{}, &detail::density_table<D>};
}

/* R has the method `void resample(const borel::population &, borel::random, int64_t *ancestors) const`. */
template <class R>
constexpr borel_component resampler(const char *name, const char *summary, const char *reference,
                                    const borel_param *params, borel_claims claims) {
  return {sizeof(borel_component), BOREL_RESAMPLER, name, summary, reference, params, claims,
          &detail::resampler_table<R>};
}

/* I has the method `void map(uint32_t side, const double *in, double *out) const`, which throws borel::stay where it
 * does not apply, and the lists trace_0, auxiliary_0, trace_1, auxiliary_1 of what the sides are, those that are not empty.
 * Optional: `double log_jacobian(uint32_t side, const double *in) const` and
 * `void draw(uint32_t side, borel::random, double *in) const`. */
template <class I>
constexpr borel_component involution(const char *name, const char *summary, const char *reference,
                                     const borel_param *params) {
  return {sizeof(borel_component), BOREL_INVOLUTION, name,           summary,
          reference,               params,           borel_claims{}, &detail::involution_table<I>};
}

} // namespace borel

/* The one entry of a plugin with these components (pointers). */
#define BOREL_CPP_PLUGIN(its_id, its_version, its_licence, ...)                                              \
  static constexpr const borel_component *const borel_components[] = {__VA_ARGS__};                          \
  const borel_plugin borel_plugin_entry = { /* the header's declaration exports it */                        \
      BOREL_PLUGIN_HEAD, its_id, its_version, its_licence, sizeof borel_components / sizeof *borel_components, \
      borel_components};

#endif
