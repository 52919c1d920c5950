/* my-resampler: offspring k has its parent at position (u + k) / count of the cumulated weights, with a new uniform u
 * for each offspring (stratified resampling) or one for all (`shared`, systematic resampling). Either way particle i
 * has count * weights[i] offspring on average.
 *
 *   ./build.sh                                  builds my-resampler.so and tests what it claims
 *   borel.resampler("./my-resampler.so", { shared = true })          in a script */
#include <borel/plugin.hpp>

namespace {

/* What a user may set, in this order in the constructor. */
enum { PARAM_SHARED };
constexpr borel_param params[] = {borel::flag("shared", false, "one uniform number for all offspring"),
                                  borel::no_more};

class strata {
public:
  explicit strata(const borel::parameters &p) : shared_(p.flag(PARAM_SHARED)) {}

  /* Everything random goes through rng, and uniform numbers are only compared: so that `borel validate` can go through
   * all outcomes. The position of offspring k lies below the end of particle i when u < end - k. */
  void resample(const borel::population &p, borel::random rng, int64_t *ancestors) const {
    borel_unif u = rng.unif();
    double end = 0; /* count times the weights so far */
    size_t k = 0, last = 0;
    for (size_t i = 0; i < p.n; i++) {
      if (!(p.weights[i] > 0)) continue;
      end += static_cast<double>(p.count) * p.weights[i];
      while (k < p.count && rng.below(u, end - static_cast<double>(k))) {
        ancestors[k++] = static_cast<int64_t>(i);
        if (!shared_) u = rng.unif();
      }
      last = i;
    }
    while (k < p.count) ancestors[k++] = static_cast<int64_t>(last); /* the weights sum to a little less than 1 */
  }

private:
  bool shared_;
};

/* `borel validate` tests each of the claims. */
constexpr borel_component component = borel::resampler<strata>(
    "my-resampler", "Positions in strata of the cumulated weights", "Kitagawa 1996, J. Comput. Graph. Statist. 5:1",
    params, borel::claims(BOREL_PRESERVES_MEASURE, BOREL_AT_MOST_MULTINOMIAL));

} // namespace

BOREL_CPP_PLUGIN("my-resampler", "0.1.0", "MIT", &component)
