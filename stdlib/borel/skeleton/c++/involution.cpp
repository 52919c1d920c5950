/* my-involution: one number becomes two, `low` = x - scale v and `high` = x + scale v with an auxiliary v, or two become
 * one: the middle, and half of their distance over scale.
 *
 *   ./build.sh                                  builds my-involution.so and tests that it is an involution
 *   rep.involutive { auxiliary = ..., involution = borel.involution("./my-involution.so", { scale = 1 }) }
 *                                               in a script, for a model with the sites "two" and "x", or "two", "low"
 *                                               and "high"; names = function(trace, aux) gives others */
#include <borel/plugin.hpp>

namespace {

/* What a user may set, in this order in the constructor. */
enum { PARAM_SCALE };
constexpr borel_param params[] = {borel::real("scale", 1, 1e-100, 1e100, "half of the distance where v is 1"),
                                  borel::no_more};

class split {
public:
  /* The sides, and their numbers in the order in which `map` meets them: those of the trace, then the auxiliary ones. */
  enum { ONE, TWO };
  static constexpr borel_field trace_0[] = {borel::array("two", BOREL_BOOL, 0, 0, "0 here"), borel::scalar("x", "the middle"),
                                            borel::end};
  static constexpr borel_field auxiliary_0[] = {borel::scalar("v", "half of the distance over scale"), borel::end};
  static constexpr borel_field trace_1[] = {borel::array("two", BOREL_BOOL, 0, 0, "1 here"), borel::scalar("low", ""),
                                            borel::scalar("high", ""), borel::end};

  explicit split(const borel::parameters &p) : scale_(p.number(PARAM_SCALE)) {}

  /* 0, x, v to 1, low, high and back. borel::stay says that the move does not apply there. */
  void map(uint32_t side, const double *in, double *out) const {
    if (in[0] != side) throw borel::stay();
    out[0] = 1 - in[0];
    if (side == ONE) {
      out[1] = in[1] - scale_ * in[2];
      out[2] = in[1] + scale_ * in[2];
    } else {
      out[1] = 0.5 * (in[1] + in[2]);
      out[2] = 0.5 * (in[2] - in[1]) / scale_;
    }
  }

  /* The determinant of d(low, high) / d(x, v) is 2 scale. Without this method Borel takes differences. */
  double log_jacobian(uint32_t side, const double *) const {
    return side == ONE ? std::log(2 * scale_) : -std::log(2 * scale_);
  }

private:
  double scale_;
};

/* `borel validate` applies the map twice and compares the log-Jacobian with differences. */
constexpr borel_component component =
    borel::involution<split>("my-involution", "One number or two", "Green 1995, Biometrika 82:711", params);

} // namespace

BOREL_CPP_PLUGIN("my-involution", "0.1.0", "MIT", &component)
