/* my-kernel: random-walk Metropolis. It proposes u' = u + scale * e with e standard normal, and accepts with
 * probability min(1, pi(u') / pi(u)). The proposal is symmetric, so this gives detailed balance. The scale is
 * tuned in the warm-up to an acceptance of 0.234 (Roberts, Gelman and Gilks 1997), 0.44 in one dimension.
 *
 *   ./build.sh                                  builds my-kernel.so and tests what it claims
 *   borel run model.lua --kernel ./my-kernel.so */
#include <borel/plugin.hpp>

namespace {

/* What a user may set, in this order in the constructor. */
enum { PARAM_SCALE };
constexpr borel_param params[] = {
    borel::real("scale", 1, 1e-100, 1e100, "standard deviation of a move, before the warm-up tunes it"),
    borel::no_more};

class walk {
public:
  /* What the warm-up tunes: the host keeps it, writes it to checkpoints, and lends it to each call. */
  enum { TUNE_SCALE, TUNE_AVERAGING };
  static constexpr borel_field tuning[] = {borel::scalar("scale", "standard deviation of a move"),
                                           borel::vector("averaging", 6, "dual averaging of the scale"),
                                           borel::end};
  /* Room for one call; it holds nothing from one call to the next. */
  enum { SCRATCH_U };
  static constexpr borel_field scratch[] = {borel::vector("u", BOREL_DIM_D, "proposal"), borel::end};
  /* What a step tells: numbers that are kept with each draw. */
  enum { INFO_ACCEPT, INFO_STEP_SIZE };
  static constexpr borel_field info[] = {
      borel::scalar("accept", "probability with which the proposal was accepted"),
      borel::scalar("step_size", "standard deviation of the move"), borel::end};

  explicit walk(const borel::parameters &p) : scale_(p.number(PARAM_SCALE)) {}

  /* Before the first step: start values of the tuning. */
  void warm(const borel::context &context, borel::point &, void *const *tuned) const {
    *static_cast<double *>(tuned[TUNE_SCALE]) = scale_;
    context.host().dual_averaging->restart(static_cast<double *>(tuned[TUNE_AVERAGING]), scale_);
  }

  /* One transition. Everything random goes through context.rng(), and decisions through accept: so that
   * `borel validate` can go through all of their outcomes. */
  void step(const borel::context &context, borel::point &point, double *told) const {
    if (!point.D())
      throw borel::failure(BOREL_ARG, "my-kernel: nothing is continuous, so there is nothing to move");
    borel::random rng = context.rng();
    double scale = *context.tuning<double>(TUNE_SCALE), *u = context.scratch<double>(SCRATCH_U);
    double here = point.logdensity(); /* costs nothing when known */
    rng.normals(u, point.D());
    for (size_t i = 0; i < point.D(); i++) u[i] = point.u()[i] + scale * u[i];
    double there = point.at(u); /* -infinity where it cannot go */
    if (rng.accept(there - here)) {
      point.move(u);
      point.know(there); /* saves the next step an evaluation */
    }
    told[INFO_ACCEPT] = there > here ? 1 : std::exp(there - here);
    told[INFO_STEP_SIZE] = scale;
  }

  /* After each step of the warm-up. */
  void adapt(const borel::context &context, borel::point &point, const double *told,
             void *const *tuned) const {
    const borel_dual_averaging &averaging = *context.host().dual_averaging;
    double *scale = static_cast<double *>(tuned[TUNE_SCALE]),
           *state = static_cast<double *>(tuned[TUNE_AVERAGING]);
    *scale = averaging.update(state, told[INFO_ACCEPT], point.D() > 1 ? 0.234 : 0.44);
    if (context.warmup_ends()) *scale = averaging.finish(state);
  }

private:
  double scale_;
};

/* `borel validate` tests each of the claims. */
constexpr borel_component component =
    borel::kernel<walk>("my-kernel", "Random-walk Metropolis with a tuned scale",
                        "Metropolis et al. 1953, J. Chem. Phys. 21:1087", params,
                        borel::claims(BOREL_PRESERVES_MEASURE, BOREL_REVERSIBLE | BOREL_ERGODIC |
                                                                   BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z));

} // namespace

BOREL_CPP_PLUGIN("my-kernel", "0.1.0", "MIT", &component)
