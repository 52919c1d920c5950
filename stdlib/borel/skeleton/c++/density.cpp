/* my-density: a banana. x1 ~ N(0, scale^2), and x2 given x1 ~ N(bend * (x1^2 - scale^2), 1): a target written by
 * hand, with its gradient.
 *
 *   ./build.sh                                  builds my-density.so and tests it
 *   borel.infer(borel.density("./my-density.so"), { seed = 1 })          in a script */
#include <borel/plugin.hpp>

namespace {

/* What a user may set, in this order in the constructor. */
enum { PARAM_SCALE, PARAM_BEND };
constexpr borel_param params[] = {
    borel::real("scale", 1, 1e-100, 1e100, "standard deviation of x1"),
    borel::real("bend", 0.5, -1e3, 1e3, "how strongly x2 follows the square of x1"), borel::no_more};

class banana {
public:
  /* The coordinates, by name, have no bounds; a bounded quantity is written here as, say, exp(u), and its
   * log-Jacobian is added to the log-density. */
  explicit banana(const borel::parameters &p)
      : scale_(p.number(PARAM_SCALE)), bend_(p.number(PARAM_BEND)),
        constant_(-std::log(2 * 3.14159265358979323846) - std::log(scale_)) {
    layout_.continuous("x1", 1).continuous("x2", 1);
  }

  const borel_layout *layout() const { return layout_.c(); }

  /* Outside of a support it would return -infinity. */
  double logdensity(const borel::place &at) const {
    double x = at.u[0] / scale_, rest = at.u[1] - bend_ * (at.u[0] * at.u[0] - scale_ * scale_);
    return constant_ - 0.5 * (x * x + rest * rest);
  }

  double gradient(const borel::place &at, double *slope) const {
    double x = at.u[0] / scale_, rest = at.u[1] - bend_ * (at.u[0] * at.u[0] - scale_ * scale_);
    slope[0] = -x / scale_ + rest * bend_ * 2 * at.u[0];
    slope[1] = -rest;
    return constant_ - 0.5 * (x * x + rest * rest);
  }

private:
  double scale_, bend_, constant_;
  borel::layout layout_;
};

constexpr borel_component component =
    borel::density<banana>("my-density", "A banana in two dimensions", nullptr, params);

} // namespace

BOREL_CPP_PLUGIN("my-density", "0.1.0", "MIT", &component)
